// g and x of a tile, copied to the rows that the kernels read.
#pragma once
#include "ahead.h"
#include "gradient_cell.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct GradientReader : GradientCell<T> {
  typedef GradientCell<T> Cell;
  typedef GradientUnit<T> Unit;
  using Cell::Cell;
  using Cell::b, Cell::call, Cell::cut, Cell::job, Cell::width, Cell::vl, Cell::filters;
  using Cell::phases, Cell::taps_of, Cell::first_panel, Cell::end_panel, Cell::g_stride;
  using Cell::x_rows, Cell::g, Cell::x, Cell::input_step, Cell::input_apart, Cell::width_of;
  using Cell::sums_of, Cell::bias_sums, Cell::dh_of;

  // What a tile from step `a` on touches; without classes, even the next sample's follows. Where g
  // is read once for every block, it comes from a cache anyway.
  Ahead lines_after(const Unit& u, int64_t a) const {
    if (b.plan.classes > 1 || cut.blocks > 1 || b.plan.alone()) return Ahead();
    return b.plan.channels_first ? lines_of_rows(u, a) : lines_of_steps(u, a);
  }

  // channels_last: steps, one after the other.
  Ahead lines_of_steps(const Unit& u, int64_t a) const {
    Ahead next;
    const int64_t C = b.plan.channels, item = sizeof(T);
    const int64_t s = larger<int64_t>(u.sample * call.out_steps + a, 0);
    const int64_t n = smaller(cut.tile, call.batch * call.out_steps - s);
    const T* g = static_cast<const T*>(call.g) + s * filters;
    const T* y = static_cast<const T*>(call.y) + s * filters;
    next.add(g, filters * item, n, filters * item);
    if (call.y) next.add(y, filters * item, n, filters * item);
    const Panel first = panel_of(b, first_panel), last = panel_of(b, end_panel - 1);
    const int64_t row = larger<int64_t>(u.sample * call.steps + input_step(u, 0, a), 0);
    const int64_t rows = smaller(n * b.plan.stride, call.batch * call.steps - row);
    const int64_t bytes = (last.channel + last.channels - first.channel) * item;
    next.add(static_cast<const T*>(call.x) + row * C + first.channel, C * item, rows, bytes);
    if (call.dx)
      next.add(static_cast<const T*>(call.dx) + row * C + first.channel, C * item, rows, bytes);
    return next;
  }

  // channels_first: of each channel a stretch of its row.
  Ahead lines_of_rows(const Unit& u, int64_t a) const {
    Ahead next;
    const bool here = a < call.out_steps;
    const int64_t sample = u.sample + !here, i = here ? larger<int64_t>(a, 0) : 0;
    if (sample == call.batch) return next;
    const int64_t n = smaller(cut.tile, call.out_steps - i);
    auto add = [&](const void* data, int64_t steps, int64_t channels, int64_t first, int64_t count,
                   int64_t step, int64_t length) {
      if (!data || length <= 0) return;
      const T* row = static_cast<const T*>(data) + (sample * channels + first) * steps + step;
      next.add(row, steps * int64_t(sizeof(T)), count, length * int64_t(sizeof(T)));
    };
    add(call.g, call.out_steps, filters, 0, filters, i, n);
    add(call.y, call.out_steps, filters, 0, filters, i, n);
    const Panel first = panel_of(b, first_panel), last = panel_of(b, end_panel - 1);
    const int64_t step = larger<int64_t>(i * b.plan.stride - call.pad_left, 0);
    const int64_t count = last.channel + last.channels - first.channel;
    const int64_t read = smaller(n * b.plan.stride, call.steps - step);
    add(call.x, call.steps, b.plan.channels, first.channel, count, step, read);
    add(call.dx, call.steps, b.plan.channels, first.channel, count, step, read);
    return next;
  }

  // --- g ---------------------------------------------------------------------------------------

  // Where a relu's y is given, g counts where it is above 0.
  void read_g(const Unit& u, int64_t a, int64_t n, bool own) const {
    call.y ? pack_g<true>(u, a, n, own) : pack_g<false>(u, a, n, own);
  }

  template <bool masked> void pack_g(const Unit& u, int64_t a, int64_t n, bool own) const {
    const int64_t apart = b.plan.classes, step = u.c + apart * a;
    T* sums = own && job.block == 0 ? bias_sums() : nullptr;
    if (!b.plan.channels_first) {
      for (int64_t i = 0; i < n; i += gemm_rows) {
        const int64_t first = (step + i * apart) * filters;
        pack_rows<masked>(u.g.data + first, masked ? u.y.data + first : nullptr, apart * filters,
                          smaller<int64_t>(gemm_rows, n - i), filters,
                          g + i / gemm_rows * g_stride, sums);
      }
      return;
    }
    alignas(64) T g_rows[most_rows * vl], y_rows[most_rows * vl];
    for (int64_t i = 0; i < n; i += most_rows)
      for (int64_t f = 0; f < filters; f += vl) {
        const int64_t m = smaller(most_rows, n - i), count = smaller<int64_t>(vl, filters - f);
        u.g.rows(step + apart * i, apart, m, f, count, g_rows);
        if (masked) u.y.rows(step + apart * i, apart, m, f, count, y_rows);
        for (int64_t r = 0; r < m; r += gemm_rows)
          pack_rows<masked>(g_rows + r * vl, y_rows + r * vl, vl,
                            smaller<int64_t>(gemm_rows, m - r), vl,
                            g + (i + r) / gemm_rows * g_stride + f * gemm_rows,
                            sums ? sums + f : nullptr);
      }
  }

  // One row block of g; what it adds up to goes to `sums`.
  template <bool masked>
  void pack_rows(const T* in, const T* y, int64_t stride, int64_t rows, int64_t count, T* out,
                 T* sums) const {
    for (int64_t f = 0; f < count; f += vl, out += gemm_rows * vl) {
      Vec<T> sum{};
      const T *in_row = in + f, *y_row = y + f;
      auto pack = [&](int64_t r, auto read) __attribute__((always_inline)) {
        Vec<T> v = read(in_row);
        if (masked) v = read(y_row) > T(0) ? v : Vec<T>{};
        store(out + r * vl, v);
        sum += v;
        in_row += stride, y_row += stride;
      };
      const int64_t left = count - f;
      if (rows == gemm_rows && left >= vl)
        SEPCONV_UNROLL for (int r = 0; r < gemm_rows; r++) {
          asm("" : "+r"(stride));  // else its multiples are kept, and spilled
          pack(r, [](const T* p) __attribute__((always_inline)) { return load(p); });
        }
      else
        for (int64_t r = 0; r < rows; r++)
          pack(r, [&](const T* p) { return load_first(p, smaller<int64_t>(left, vl)); });
      if (sums) store(sums + f, load(sums + f) + sum);
    }
  }

  // g of a depthwise convolution alone, which is dH.
  void read_dh(const Unit& u, int64_t p, int64_t a, int64_t n, bool own) const {
    call.y ? copy_g<true>(u, p, a, n, own) : copy_g<false>(u, p, a, n, own);
  }

  template <bool masked>
  void copy_g(const Unit& u, int64_t p, int64_t a, int64_t n, bool own) const {
    const Panel panel = panel_of(b, p);
    const int64_t apart = b.plan.classes, step = u.c + apart * a;
    alignas(64) T g_rows[most_rows * vl], y_rows[most_rows * vl];
    for (int64_t q = 0; q < width_of(panel); q += vl) {
      const int64_t count = larger<int64_t>(smaller<int64_t>(panel.lanes - q, vl), 0);
      const int64_t first = panel.first + (count ? q : 0);
      T* out = dh_of(p) + this->reach * width + q;
      Vec<T> sum{};
      for (int64_t i = 0; i < n; i += most_rows) {
        const int64_t m = smaller(most_rows, n - i), at = step + apart * i;
        const Rows<T> in = u.g.rows(at, apart, m, first, count, g_rows);
        const Rows<T> y = masked ? u.y.rows(at, apart, m, first, count, y_rows) : in;
        for (int64_t r = 0; r < m; r++, out += width) {
          Vec<T> v = load_first(in.data + r * in.stride, in.lanes);
          if (masked) v = load_first(y.data + r * y.stride, y.lanes) > T(0) ? v : Vec<T>{};
          store(out, v);
          sum += v;
        }
      }
      T* bias = sums_of(p) + width * this->taps + q;
      if (own) store(bias, load(bias) + sum);
    }
  }

  // --- x ---------------------------------------------------------------------------------------

  void copy_x(const Unit& u, const Panel& panel, int64_t a, int64_t n) const {
    for (int64_t p = 0; p < phases; p++) {
      T* out = x + p * x_rows * width;
      const int64_t rows = n + taps_of(p) - 1, apart = input_apart();
      int64_t t = input_step(u, p, a), r = 0;
      for (; r < rows && t < 0; r++, t += apart) memset(out + r * width, 0, width * sizeof(T));
      while (r < rows && t < call.steps) {
        const int64_t m =
            smaller(smaller(rows - r, most_rows), ceil_div(call.steps - t, apart));
        if (b.plan.multiplier == 1 && !b.plan.channels_first)
          copy_wide(u.x.data + t * b.plan.channels + panel.channel, apart * b.plan.channels, m,
                    panel.lanes, out + r * width);
        else
          for (int64_t q = 0; q < width_of(panel); q += vl)
            copy_rows(u, panel, t, m, q, out + r * width + q);
        r += m, t += m * apart;
      }
      if (r < rows) memset(out + r * width, 0, (rows - r) * width * sizeof(T));
    }
  }

  // m rows of `count` neighbouring channels.
  void copy_wide(const T* in, int64_t stride, int64_t m, int64_t count, T* out) const {
    for (int64_t r = 0; r < m; r++, in += stride, out += width) {
      int64_t q = 0;
      for (; q + vl <= count; q += vl) store(out + q, load(in + q));
      for (; q < width; q += vl)
        store(out + q, load_first(in + q, larger<int64_t>(count - q, 0)));
    }
  }

  // One vector of depthwise channels of m rows.
  void copy_rows(const Unit& u, const Panel& panel, int64_t t, int64_t m, int64_t q, T* out) const {
    alignas(64) T buffer[most_rows * vl];
    const int64_t M = b.plan.multiplier;
    if (q >= panel.lanes) {
      for (int64_t r = 0; r < m; r++) store(out + r * width, Vec<T>{});
      return;
    }
    // a panel that is a part of one channel has that one in all lanes
    const int64_t first = panel.channels == 1 ? 0 : q / M;
    const int64_t last = panel.channels == 1 ? 0 : smaller(panel.lanes - 1, q + vl - 1) / M;
    Mask<T> channel;
    SEPCONV_UNROLL for (int l = 0; l < vl; l++)
      channel[l] = smaller((q + l) / M, last) - first;
    const Rows<T> in =
        u.x.rows(t, input_apart(), m, panel.channel + first, last - first + 1, buffer);
    for (int64_t r = 0; r < m; r++) {
      const Vec<T> v = load_first(in.data + r * in.stride, in.lanes);
      store(out + r * width, M == 1 ? v : shuffled<T>(v, channel));
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
