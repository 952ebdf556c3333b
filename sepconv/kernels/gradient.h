// Plain structs of the backward half, shared by its scheduler, its kernels and the .pyx.
//
// From g, the gradient by y before the activation, come those by x, by both kernels and by the
// bias. H, the depthwise half, is computed again; dH is g times the pointwise kernel transposed.
// A depthwise convolution alone has 0 filters: its y is H, and g is dH.
//
// The work is a grid: blocks of depthwise channels, which share nothing but g, times partitions of
// the steps. Each cell adds up sums of its own, which are then added in the order of the
// partitions. The grid depends on the sizes alone, so the bits do not depend on the threads.
#pragma once
#include "plan.h"

namespace sepconv {

struct GradientCall {
  const void* x;
  const void* g;
  const void* y;  // of a relu, or null: g counts where y > 0
  void* dx;       // or null; 0 where no window reads x
  void* d_depthwise;
  void* d_pointwise;
  void* d_bias;
  void* sums;  // partitions * sums_size elements
  int64_t batch, steps, out_steps, pad_left;
};

// Depthwise channels stand in panels of whole channels, or a channel in several panels.
struct Panels {
  int64_t count;
  int64_t lanes;     // depthwise channels of a full one
  int64_t width;     // elements between rows: lanes, rounded up to what the kernels take
  int64_t a_channel;  // panels that one channel takes
  int64_t sums_size;  // elements of a partition's sums
};

// A unit is a stretch of one class of output steps of one sample, taken in order, tile by tile.
struct GradientCut {
  int64_t classes, stretches;  // of a sample, of a class
  int64_t stretch, tile;       // output steps of one class
  int64_t units, partitions;
  int64_t blocks, block_panels;
  int64_t round_units;  // of each partition, between two looks at signals
  int64_t rounds;
  int64_t scratch_bytes;
  int threads;

  SEPCONV_ALWAYS_INLINE int64_t first_unit(int64_t partition) const {
    return units / partitions * partition +
           (partition < units % partitions ? partition : units % partitions);
  }
};

// The packed weights, the panels and the grid of a layer; checks were made where Plan's were.
struct Backward {
  Plan plan;  // its geometry
  Panels panels;
  const void* packed;
};

struct GradientJob {
  int64_t partition, block, round;
};

}  // namespace sepconv
