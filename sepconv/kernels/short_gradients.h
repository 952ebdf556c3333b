// What a tile takes besides the matrix products, pass by pass; and for few taps in one pass, which
// reads x and writes dx in place.
#pragma once
#include "input_gradient.h"

namespace sepconv {
namespace SEPCONV_ISA {

// One vector of channels of `depthwise_outputs` steps.
template <class T> struct ShortBlock {
  const T* x;
  int64_t x_stride;  // elements from one step's first row to the next one's
  const T* dh;       // from `taps - 1` steps before the first one on
  int64_t dh_stride;
  const T *w, *w_backwards;
  T* h;
  int64_t h_stride;  // elements of a row block
  T* dx;             // or null; steps lie as far apart as those of x
  int64_t dx_lanes;
  T* sum;  // of each tap
  int64_t sum_stride;
};

template <class T, int taps> static void short_block(const ShortBlock<T>& s) {
  constexpr int n = depthwise_outputs, vl = lanes<T>;
  Vec<T> out[n];
  SEPCONV_UNROLL for (int i = 0; i < n; i++) out[i] = Vec<T>{};
  add_taps<T, n, taps>(out, s.x, s.x_stride, s.w);
  SEPCONV_UNROLL for (int i = 0; i < n; i++)
    store(s.h + (i / gemm_rows) * s.h_stride + (i % gemm_rows) * vl, out[i]);

  if (s.dx) {
    SEPCONV_UNROLL for (int i = 0; i < n; i++) out[i] = Vec<T>{};
    add_taps<T, n, taps>(out, s.dh, s.dh_stride, s.w_backwards);
    T* dx = s.dx;
    if (s.dx_lanes == vl)
      SEPCONV_UNROLL for (int i = 0; i < n; i++, dx += s.x_stride) store(dx, out[i]);
    else
      SEPCONV_UNROLL for (int i = 0; i < n; i++, dx += s.x_stride)
        store_first(dx, out[i], s.dx_lanes);
  }
  taps_block<T, taps>({s.x, s.x_stride, s.dh + (taps - 1) * s.dh_stride, s.dh_stride, n, s.sum,
                       s.sum_stride});
}

template <class T, int taps> static void short_block_of(int64_t n, const ShortBlock<T>& s) {
  if constexpr (taps > 1)
    if (n < taps) return short_block_of<T, taps - 1>(n, s);
  short_block<T, taps>(s);
}

template <class T> struct ShortGradients : InputGradient<T> {
  typedef InputGradient<T> Base;
  typedef GradientUnit<T> Unit;
  using Base::Base;
  using Base::b, Base::call, Base::width, Base::vl, Base::taps, Base::outputs, Base::h;
  using Base::h_stride, Base::dh_of, Base::width_of, Base::input_step, Base::input_apart;

  // The steps from `a` on, which stand in the tile from row i on.
  void passes(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n,
              int64_t i) const {
    T* rows = dh_of(p) + i * width;
    this->copy_x(u, panel, a, n);
    if (!b.plan.alone())
      this->depthwise_half(u, p, panel, a, n, h + i / gemm_rows * h_stride);
    this->gradient_by_depthwise(u, p, panel, a, n, rows);
    if (call.dx) this->gradient_by_x(u, p, panel, a, n, rows);
  }

  bool is_in_place() const {
    return this->is_short() && b.plan.multiplier == 1 && !b.plan.channels_first &&
           b.plan.finite_depthwise;
  }

  // A block whose windows reach beyond x, or that is cut short, is computed pass by pass.
  void passes_in_place(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n) const {
    const int64_t C = b.plan.channels, apart = input_apart();
    int64_t begin = 0;  // of the steps that no block has computed
    for (int64_t i = 0; i + outputs <= n; i += outputs) {
      const int64_t row = input_step(u, 0, a + i), last = row + (outputs + taps - 2) * apart;
      // The last vector may run into the next row.
      if (row < 0 || last * C + panel.channel + width_of(panel) > call.steps * C) continue;
      if (begin < i) passes(u, p, panel, a + begin, i - begin, begin);
      begin = i + outputs;
      ShortBlock<T> block{};
      block.x_stride = apart * C, block.dh_stride = width, block.h_stride = h_stride;
      block.sum_stride = width;
      for (int64_t q = 0; q < width_of(panel); q += vl) {
        block.x = u.x.data + row * C + panel.channel + q;
        block.dh = dh_of(p) + i * width + q;
        block.w = this->taps_in_order(p, q / vl);
        block.w_backwards = this->taps_backwards(p, q / vl);
        block.h = h + i / gemm_rows * h_stride + q * gemm_rows;
        block.dx = call.dx ? u.dx.data + row * C + panel.channel + q : nullptr;
        block.dx_lanes = larger<int64_t>(smaller<int64_t>(panel.lanes - q, vl), 0);
        block.sum = this->depthwise_sums(p) + q;
        short_block_of<T, short_taps>(taps, block);
      }
    }
    if (begin < n)
      passes(u, p, panel, a + begin, n - begin, begin);
    else if (call.dx)  // what the last windows read beyond the last steps' own
      this->gradient_by_x(u, p, panel, a + n, 0, dh_of(p) + n * width);
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
