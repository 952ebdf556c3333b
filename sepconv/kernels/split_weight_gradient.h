// The gradients by the weights of a convolution by AMX. A panel of H that cannot be split, and all
// of them where g cannot be, is multiplied as without.
#pragma once
#include "split_outer.h"
#include "weight_gradient_tile.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct SplitOuterProducts {
  static constexpr int64_t panel = SplitOuter::most_width;
  static constexpr int64_t tile = 2 * most_rows;

  const SplitOuter outer;

  static int64_t scratch_bytes(int64_t rows, int64_t filters) {
    return SplitOuter::bytes(rows, filters);
  }
  SplitOuterProducts(void* memory, int64_t rows, int64_t filters)
      : outer(static_cast<uint16_t*>(memory), rows, filters) {}

  void add(const OuterBlock<T>& block, int64_t width, int64_t vectors) const {
    const TileRegisters registers;
    const int64_t n = block.steps;
    const bool tiles = n > tile_edge && outer.take_g({block.g, block.g_stride}, n, vectors);
    OuterBlock<T> part = block;
    for (int64_t k = 0; k < width; k += panel) {
      const int64_t m = smaller(panel, width - k);
      part.h = block.h + k * gemm_rows, part.sum = block.sum + k * block.sum_stride;
      if (tiles && outer.take_h({part.h, part.h_stride}, n, m))
        outer.add(n, m, part.sum_stride, part.sum, [](int64_t) {});
      else
        OuterProducts<T>(nullptr, 0, 0).add(part, m, vectors);
    }
  }
};

// In the place of some of those of AVX-512. (128 -> 128 with three taps take 1.0 of the time, 256 ->
// 256 0.8, 512 -> 512 0.78; 2026-11-23.)
static WeightKernels split_weight_kernels(WeightKernels kernels) {
  typedef WeightCell<float, SplitOuterProducts> Cell;
  kernels.scratch_bytes = Cell::scratch_bytes, kernels.run = Cell::run;
  kernels.suits = [](const Plan& p) { return outer_pays(p.taps * p.channels, p.filters, 100); };
  return kernels;
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
