// The matrix products of the backward half for a tile: dH from g, and what it adds to the gradient
// by the pointwise kernel.
#pragma once
#include "ahead.h"
#include "gradient_cell.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct PointwiseGradients {
  static constexpr int vl = lanes<T>;
  const GradientCell<T>& cell;

  explicit PointwiseGradients(const GradientCell<T>& cell) : cell(cell) {}
  static int64_t scratch_bytes(const Backward&, const GradientCut&) { return 0; }

  // n rows of g are in `cell.g`.
  void take_g(const GradientUnit<T>&, int64_t) {}

  void by_h(int64_t p, int64_t n, Ahead& next, int64_t lines) const {
    for (int64_t i = 0; i < n; i += gemm_rows) {
      next.fetch(lines / ceil_div(n, gemm_rows) + 1);
      rows_by_h(p, i, smaller<int64_t>(gemm_rows, n - i));
    }
  }
  // Rows of one row block.
  void rows_by_h(int64_t p, int64_t i, int64_t n) const {
    GemmBlock<T> block{};
    block.depth = cell.filters;
    block.a = cell.g_row(i);
    block.b = cell.pointwise(p);
    block.bias = cell.zeros();
    block.y = cell.dh_row(p, i), block.y_stride = cell.width;
    block.columns = cell.width_of(panel_of(cell.b, p));
    gemm<T, BiasOf::column>(n, block);
  }

  void by_pointwise(int64_t p, int64_t n, Ahead& next, int64_t lines) const {
    OuterBlock<T> block{};
    block.h_stride = cell.h_stride, block.g_stride = cell.g_stride;
    block.g = cell.g, block.steps = n;
    const int64_t burst =
        lines * outer_rows / (cell.width * ceil_div(cell.filter_vectors, outer_vectors)) + 1;
    block.sum_stride = cell.filter_vectors * vl;
    for (int64_t k = 0; k < cell.width_of(panel_of(cell.b, p)); k += outer_rows) {
      block.h = cell.h + k / vl * gemm_rows * vl + k % vl;
      block.sum = cell.sums_of(p) + k * block.sum_stride;
      outer<T>(cell.filter_vectors, block, [&] { next.fetch(burst); });
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
