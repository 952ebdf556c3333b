// What a tile takes besides the matrix products, pass by pass; and for few taps in one pass, which
// reads x and writes dx in place, where they have the channels side by side, else copies of them.
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
  T* dx;             // or null
  int64_t dx_stride, dx_lanes;
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
      SEPCONV_UNROLL for (int i = 0; i < n; i++, dx += s.dx_stride) store(dx, out[i]);
    else
      SEPCONV_UNROLL for (int i = 0; i < n; i++, dx += s.dx_stride)
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

  bool is_one_pass() const { return this->is_short() && b.plan.finite_depthwise; }
  bool is_in_place() const { return b.plan.multiplier == 1 && !b.plan.channels_first; }

  // Whole blocks whose windows lie within x take one pass, what is before and after them several.
  void one_pass(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n) const {
    const int64_t before = larger<int64_t>(-input_step(u, 0, a), 0);
    const int64_t begin = smaller(ceil_div(ceil_div(before, input_apart()), outputs) * outputs, n);
    int64_t end = begin;
    while (end + outputs <= n && is_within(u, panel, a + end)) end += outputs;
    if (begin > 0) passes(u, p, panel, a, begin, 0);
    if (end > begin)
      is_in_place() ? blocks_in_place(u, p, panel, a, begin, end)
                    : blocks_copied(u, p, panel, a, begin, end);
    if (end < n)
      passes(u, p, panel, a + end, n - end, end);
    else if (call.dx && end > begin)  // what the last windows read beyond the last steps' own
      this->gradient_by_x(u, p, panel, a + n, 0, dh_of(p) + n * width);
  }

  // Whether x has what a block of steps reads. In place, its last vector may run into the next row.
  bool is_within(const Unit& u, const Panel& panel, int64_t a) const {
    const int64_t last = input_step(u, 0, a) + (outputs + taps - 2) * input_apart();
    const int64_t C = b.plan.channels;
    return is_in_place() ? last * C + panel.channel + width_of(panel) <= call.steps * C
                         : last < call.steps;
  }

  // Vector q of the block that stands in the tile from row i on, but for its x and dx.
  ShortBlock<T> block_of(int64_t p, int64_t i, int64_t q) const {
    ShortBlock<T> block{};
    block.dh = dh_of(p) + i * width + q, block.dh_stride = width;
    block.w = this->taps_in_order(p, q / vl), block.w_backwards = this->taps_backwards(p, q / vl);
    block.h = h + i / gemm_rows * h_stride + q * gemm_rows, block.h_stride = h_stride;
    block.sum = this->depthwise_sums(p) + q, block.sum_stride = width;
    return block;
  }

  void blocks_in_place(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t begin,
                       int64_t end) const {
    const int64_t C = b.plan.channels;
    for (int64_t i = begin; i < end; i += outputs) {
      const int64_t first = input_step(u, 0, a + i) * C + panel.channel;
      for (int64_t q = 0; q < width_of(panel); q += vl) {
        ShortBlock<T> block = block_of(p, i, q);
        block.x = u.x.data + first + q;
        block.dx = call.dx ? u.dx.data + first + q : nullptr;
        block.x_stride = block.dx_stride = input_apart() * C;
        block.dx_lanes = larger<int64_t>(smaller<int64_t>(panel.lanes - q, vl), 0);
        short_block_of<T, short_taps>(taps, block);
      }
    }
  }

  void blocks_copied(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t begin,
                     int64_t end) const {
    alignas(64) T sums[gemm_columns<T> * outputs];  // [width / vl][outputs][vl]
    this->copy_x(u, panel, a + begin, end - begin);
    for (int64_t i = begin; i < end; i += outputs) {
      for (int64_t q = 0; q < width_of(panel); q += vl) {
        ShortBlock<T> block = block_of(p, i, q);
        block.x = this->x + (i - begin) * width + q, block.x_stride = width;
        block.dx = call.dx ? sums + q * outputs : nullptr;
        block.dx_stride = block.dx_lanes = vl;
        short_block_of<T, short_taps>(taps, block);
      }
      if (call.dx) this->write_dx(u, panel, sums, outputs, input_step(u, 0, a + i));
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
