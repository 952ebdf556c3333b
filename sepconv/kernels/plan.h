// Plain structs shared by the scheduler, the kernels of every instruction set and the .pyx.
// Axes: x is B T C, y is B S F; taps K, depth multiplier M; C*M is called depth.
#pragma once
#include <stdint.h>

#include "activation_list.h"

// Shared by objects compiled for different CPUs: a copy that the linker keeps must run on all.
#define SEPCONV_ALWAYS_INLINE __attribute__((always_inline))

namespace sepconv {

enum class Activation : int {
#define SEPCONV_ENUM(name, parameters) name,
  SEPCONV_ACTIVATIONS(SEPCONV_ENUM)
#undef SEPCONV_ENUM
};
constexpr int max_parameters = 3;

struct Epilogue {
  Activation activation = Activation::linear;
  double parameters[max_parameters] = {};
};

// One layer, fixed when its weights are packed.
struct Plan {
  int64_t channels, multiplier, filters, taps, stride, dilation;
  // With g = gcd(stride, dilation): output steps `classes` = dilation / g apart, and taps
  // `phases` = stride / g apart, meet the same input steps. A class of outputs is so an undilated
  // convolution of stride `phases` over every dilation-th input step.
  int64_t classes, phases;
  bool same;    // as many outputs as the stride leaves, whatever the window
  bool causal;  // then all padding comes first
  bool channels_first;
  bool finite_depthwise;  // else zeroed padding would turn an infinite weight into NaN
  Epilogue epilogue;
  double step_work;       // products for one output step
  int64_t strip;          // outputs whose depthwise half is held at once
  int64_t scratch_bytes;  // of a thread, for one strip
  const void* depthwise;  // packed by TileKernels::pack; null where a layer has none
  const void* pointwise;
  const void* bias;

  SEPCONV_ALWAYS_INLINE int64_t depth() const { return channels * multiplier; }
  // a depthwise convolution in the backward half, where it has no filters
  SEPCONV_ALWAYS_INLINE bool alone() const { return filters == 0; }
  SEPCONV_ALWAYS_INLINE int64_t span() const { return (taps - 1) * dilation + 1; }
};

// One call: sizes that depend on x.
struct Call {
  const void* x;
  void* y;
  int64_t batch, steps, out_steps, pad_left;
};

// What one job computes of y: one sample, the output steps c + classes * i for c in
// [class_begin, class_end) and i in [begin, end), and the filter panels [panel_begin, panel_end).
// channels_first has one class: there i is the step itself.
struct Tile {
  int64_t sample, class_begin, class_end, begin, end, panel_begin, panel_end;
};

struct PackedSizes {  // in elements
  int64_t depthwise, pointwise, bias;
};

// Everything one instruction set does for one layer, dtype of x and y, and data format. Weights and
// sums are float32 where x is narrower.
struct TileKernels {
  int steps, filters;  // of y, in one register tile of the matrix product
  int step_unit;       // of which a register tile may be cut: a vector, or all its rows
  PackedSizes (*packed_sizes)(const Plan&);
  // depthwise (K, C*M), pointwise (C*M, F), or (K*C, F) of a convolution of all channels,
  // bias (F) or null -> the arrays that `plan` names
  void (*pack)(const Plan&, const void* depthwise, const void* pointwise, const void* bias);
  int64_t (*strip)(const Plan&);
  int64_t (*scratch_bytes)(const Plan&);
  void (*run)(const Plan&, const Call&, const Tile&, void* scratch);
  // Whether they are the best for a layer and these weights; null of those that take any.
  bool (*suits)(const Plan&, const void* pointwise);
};

enum { float32, float64, float16, bfloat16, dtypes };  // of x and y
enum { channels_last = 0, channels_first = 1 };

struct Panels;  // gradient.h, as are the next four
struct Backward;
struct GradientCall;
struct GradientCut;
struct GradientJob;
struct WeightCall;  // weight_gradient.h, as is the next one
struct WeightCut;

// The backward half for one dtype.
struct GradientKernels {
  void (*panels)(const Plan&, Panels&);
  int64_t (*packed_bytes)(const Backward&);
  void (*pack)(const Backward&, const void* depthwise, const void* pointwise, void* packed);
  int64_t (*tile)(const Backward&, int64_t block_panels);  // output steps held at once
  int64_t (*scratch_bytes)(const Backward&, const GradientCut&);
  void (*run)(const Backward&, const GradientCall&, const GradientCut&, const GradientJob&,
              void* scratch);
  void (*reduce)(const Backward&, const GradientCall&, const GradientCut&, int64_t panel);
  int64_t block_bytes;  // of the pointwise kernel that a block of panels may have
  bool (*suits)(const Plan&, const void* pointwise);  // as that of TileKernels
};

// The gradients by the weights of a convolution of all channels for one dtype.
struct WeightKernels {
  int64_t depth_unit;  // of which a block of the depth is a multiple
  int64_t (*sums_size)(const Plan&);
  int64_t (*scratch_bytes)(const Plan&, int64_t block_depth);
  void (*run)(const Plan&, const WeightCall&, const WeightCut&, int64_t round, int64_t cell,
              void* scratch);
  void (*reduce)(const Plan&, const WeightCall&, const WeightCut&, int64_t place);
  bool (*suits)(const Plan&);  // as that of TileKernels
};

typedef void (*Activate)(const Epilogue&, const void* x, void* y, int64_t n);
typedef void (*ActivateGradient)(const Epilogue&, const void* x, const void* dy, void* dx,
                                 int64_t n);

// Tensors (O, C, I), whose rows of O are worked on so many at a time.
struct ChannelSums {
  const void *x, *z, *shift;
  double* sums;  // [job][2][C]
  int64_t outer, channels, inner, rows;
};
struct ChannelAffine {
  const void *x, *shift, *scale, *offset, *z, *z_scale;
  void* out;
  int64_t outer, channels, inner, rows;
};
typedef void (*SumChannels)(const ChannelSums&, int64_t job);
typedef void (*MapChannels)(const ChannelAffine&, int64_t job);

// Layers between the convolutions of a network (chain.h), for the units [begin, end) of a call.
struct Stage;
struct StageCall {
  const void *x, *z;
  void* y;
};
typedef void (*RunStage)(const Stage&, const StageCall&, int64_t begin, int64_t end);
struct StageKernels {
  RunStage pool, look_up, add, softmax;
};

struct Kernels {
  const char* isa;
  int vector_bytes;
  TileKernels tile[dtypes][2];         // of the separable convolution: [dtype][data format]
  TileKernels convolution[dtypes][2];  // of all channels at every tap
  TileKernels depthwise[dtypes][2];    // of the depthwise half alone
  // By products of bfloat16 are those called split: null without tiles for them, and for float64.
  TileKernels split[dtypes][2], split_convolution[dtypes][2];
  GradientKernels gradient[2], split_gradient[2];
  WeightKernels weight_gradient[2], split_weight_gradient[2];
  Activate activate[2];
  ActivateGradient activate_gradient[2];
  SumChannels channel_sums[2];
  MapChannels channel_affine[2];
  StageKernels stages[2];
};

}  // namespace sepconv
