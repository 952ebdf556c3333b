// H of a tile, and the gradient by the depthwise kernel, from what was copied.
#pragma once
#include "gradient_reader.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct KernelGradients : GradientReader<T> {
  typedef GradientReader<T> Reader;
  typedef GradientUnit<T> Unit;
  using Reader::Reader;
  using Reader::b, Reader::call, Reader::width, Reader::vl, Reader::phases;
  using Reader::filter_vectors, Reader::taps_of, Reader::outputs, Reader::h_stride;
  using Reader::x_rows, Reader::x, Reader::input_step, Reader::input_apart, Reader::width_of;
  using Reader::sums_of;

  // H of the steps from `a` on, to `out`.
  void depthwise_half(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n,
                      T* out) const {
    const int64_t vectors = width_of(panel) / vl;
    DepthwiseBlock<T> block{};
    block.phases = phases;
    block.full = this->taps / phases, block.rest = this->taps % phases;
    block.tap_stride = x_rows * width, block.step_stride = width;
    block.h_stride = h_stride;
    for (int64_t i = 0; i < n; i += outputs)
      for (int64_t q = 0; q < vectors; q++) {
        block.w = this->taps_in_order(p, q);
        block.x = x + i * width + q * vl;
        block.h = out + i / gemm_rows * h_stride + q * gemm_rows * vl;
        depthwise<T>(smaller<int64_t>(n - i, outputs), block);
      }
    if (b.plan.finite_depthwise) return;
    for (int64_t i = 0; i < n; i++) {
      const int64_t row = input_step(u, 0, a + i), d = b.plan.dilation;
      const int64_t first = row < 0 ? ceil_div(-row, d) : 0;
      const int64_t last =
          smaller(this->taps, ceil_div(larger<int64_t>(call.steps - row, 0), d));
      if (first == 0 && last == this->taps) continue;
      for (int64_t q = 0; q < vectors; q++) {
        block.w = this->taps_in_order(p, q);
        block.x = x + i * width + q * vl;
        block.h = out + i / gemm_rows * h_stride + (q * gemm_rows + i % gemm_rows) * vl;
        depthwise_edge<T>(block, first, last);
      }
    }
  }

  // `rows` of dH begin `reach` before step a.
  void gradient_by_depthwise(const Unit& u, int64_t index, const Panel& panel, int64_t a, int64_t n,
                             const T* rows) const {
    // Steps whose sums are added up apart: few taps need no copy of x, and no more than a block.
    const int64_t stretch = this->is_short() ? outputs : n;
    for (int64_t first = 0; first < n; first += stretch)
      for (int64_t p = 0; p < phases; p++)
        for (int64_t q = 0; q < width_of(panel); q += vl)
          add_taps_of(input_step(u, p, a + first), smaller(stretch, n - first), p,
                      x + (p * x_rows + first) * width + q,
                      rows + (this->reach + first) * width + q, depthwise_sums(index) + q);
  }

  // The taps of phase p over n steps, whose first one reads input step t.
  void add_taps_of(int64_t t, int64_t n, int64_t p, const T* in, const T* own, T* sums) const {
    const int64_t taps = taps_of(p);
    const bool padded = t < 0 || t + (n + taps - 2) * input_apart() >= call.steps;
    TapsBlock<T> block{in, width, own, width, n, nullptr, vl};
    for (int64_t i = 0; i < taps; i += outputs, block.x += outputs * width) {
      const int64_t m = smaller<int64_t>(outputs, taps - i);
      alignas(64) T sum[outputs * vl] = {};
      block.sum = sum;
      taps_at_most<T, outputs>(m, block);
      if (padded && !finite(sum, m)) taps_inside(block, t, i, m, n);
      for (int64_t k = 0; k < m; k++) {
        T* total = sums + (p + (i + k) * phases) * width;
        store(total, load(total) + load(sum + k * vl));
      }
    }
  }

  // [taps][width], by their numbers
  T* depthwise_sums(int64_t p) const { return sums_of(p) + width * filter_vectors * vl; }

  static bool finite(const T* sum, int64_t vectors) {
    Vec<T> rest{};  // x - x is 0 for a finite x, else NaN
    for (int64_t k = 0; k < vectors; k++) rest += load(sum + k * vl) - load(sum + k * vl);
    for (int l = 0; l < vl; l++)
      if (rest[l] != 0) return false;
    return true;
  }

  // The sums of taps i to i + m once more, without the products of infinities with the padding.
  void taps_inside(TapsBlock<T> block, int64_t t, int64_t i, int64_t m, int64_t n) const {
    const int64_t apart = input_apart();
    const T *rows = block.x, *own = block.dh;
    for (int64_t k = 0; k < m; k++, block.sum += vl) {
      const int64_t step = t + (i + k) * apart;  // of the tap's first row
      const int64_t first = smaller(n, step < 0 ? ceil_div(-step, apart) : 0);
      const int64_t end =
          smaller(n, ceil_div(larger<int64_t>(call.steps - step, 0), apart));
      store(block.sum, Vec<T>{});
      block.x = rows + (k + first) * width;
      block.dh = own + first * width;
      block.steps = larger<int64_t>(end - first, 0);
      taps_at_most<T, 1>(1, block);
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
