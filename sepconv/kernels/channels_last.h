// One tile of channels_last: H, the depthwise half of a strip of outputs, is written in the layout
// the matrix product reads, [row block][depth / lanes][gemm_rows][lanes], and stays in L2.
#pragma once
#include "activation.h"
#include "ahead.h"
#include "depthwise.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S> struct ChannelsLast {
  typedef Wide<S> T;
  static constexpr bool time_in_columns = false;
  static constexpr int vl = lanes<T>;
  // Up to here, without a depth multiplier and in the dtype that is computed in, interior input
  // rows are read in place: x is then one stream. Longer kernels reread a row often enough to pay
  // for a copy without cache conflicts.
  static constexpr int64_t in_place_taps = 12;
  static constexpr int copy_vectors = 4;  // 256 B of a row at a time
  // H of a strip. Weights too large to stay in L2 from strip to strip are read less often by long
  // strips; otherwise short ones do better, as the next strip's x can be fetched in good time.
  static constexpr int64_t h_bytes = 200 << 10, long_h_bytes = 800 << 10, kept_weights = 1 << 20;
  // y of a strip is written panel by panel: in L2, rows are whole when they leave it.
  static constexpr int64_t y_bytes = 256 << 10;
  static constexpr int64_t copy_bytes = 1 << 20;
  static constexpr int64_t strip_unit = gemm_rows;

  const Plan& plan;
  const Call& call;
  const Tile& tile;
  const int64_t depth_vectors;  // vectors of channels in a row of H
  const int64_t h_stride;       // elements of one row block
  T* const h;
  T* const copy;
  const S* x;  // of this sample
  S* y;

  static int64_t h_block(const Plan& p) { return ceil_div(p.depth(), vl) * gemm_rows * vl; }

  static int64_t strip(const Plan& p) { return strip_of(p, strip_rows(p)); }
  static int64_t strip_rows(const Plan& p) {
    const bool kept = p.depth() * p.filters * int64_t(sizeof(T)) <= kept_weights;
    const int64_t bytes = kept ? h_bytes : long_h_bytes;
    const int64_t by_h = bytes / int64_t(h_block(p) * sizeof(T)) * gemm_rows;
    return kept ? smaller(by_h, y_bytes / (p.filters * int64_t(sizeof(S)))) : by_h;
  }
  // As many of these rows as the copy of x has room for.
  static int64_t strip_of(const Plan& p, int64_t rows) {
    const int64_t by_copy = copy_bytes / (copied_step(p) * copy_vectors * vector_bytes);
    return larger<int64_t>(smaller(rows, by_copy) / strip_unit, 1) * strip_unit;
  }
  static bool in_place(const Plan& p) {
    return p.taps <= in_place_taps && p.multiplier == 1 && !is_narrow<S>;
  }

  // Input rows copied for n outputs; windows that do not overlap leave out what lies between.
  static int64_t copied_step(const Plan& p) { return smaller(p.phases, p.taps); }
  static int64_t copied_rows(const Plan& p, int64_t n) { return (n - 1) * copied_step(p) + p.taps; }

  static int64_t scratch_bytes(const Plan& p) {
    const int64_t n = p.strip;
    const int64_t rows =
        in_place(p) ? copied_rows(p, depthwise_outputs) : copied_rows(p, n) * copy_vectors;
    return (n / gemm_rows * h_block(p) + rows * vl) * int64_t(sizeof(T));
  }

  static ChannelsLast job(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const int64_t block = h_block(plan), n = plan.strip;
    T* h = static_cast<T*>(scratch);
    return {plan, call, tile, ceil_div(plan.depth(), vl), block, h, h + n / gemm_rows * block,
            static_cast<const S*>(call.x) + tile.sample * call.steps * plan.channels,
            static_cast<S*>(call.y) + tile.sample * call.out_steps * plan.filters};
  }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const ChannelsLast job = ChannelsLast::job(plan, call, tile, scratch);
    job.strips([&](int64_t c, int64_t begin, int64_t n) {
      const int64_t row = job.row_of(c, begin);
      job.depthwise_half(row, n);
      job.pointwise(c, begin, n, job.next_of(row, n));
    });
  }

  // Calls f with the class of each strip, its first output in the class, and how many it has.
  template <class F> void strips(F f) const {
    for (int64_t c = tile.class_begin; c < tile.class_end; c++) {
      const int64_t end = smaller(tile.end, ceil_div(call.out_steps - c, plan.classes));
      for (int64_t i = tile.begin; i < end; i += plan.strip) f(c, i, smaller(plan.strip, end - i));
    }
  }
  // The first input row under output `i` of a class.
  int64_t row_of(int64_t c, int64_t i) const {
    return (c + plan.classes * i) * plan.stride - call.pad_left;
  }

  // H of a strip as the matrix product reads it. Others may take it in parts, of so many vectors at
  // most: `at` says where H of output i and vector q goes, and `done` that outputs [i, i + n) of
  // vectors [q0, q1) are there.
  struct WholeStrip {
    T* const h;
    const int64_t stride;  // elements from one row block to the next
    const int64_t vectors;
    T* at(int64_t i, int64_t q) const { return h + i / gemm_rows * stride + q * gemm_rows * vl; }
    void done(int64_t, int64_t, int64_t, int64_t) const {}
  };
  void depthwise_half(int64_t row, int64_t n) const {
    depthwise_half(row, n, WholeStrip{h, h_stride, depth_vectors});
  }
  template <class H> void depthwise_half(int64_t row, int64_t n, H&& part) const {
    if constexpr (!is_narrow<S>)
      if (in_place(plan)) return depthwise_in_place(row, n, part);
    depthwise_copied(row, n, part);
  }

  // Input rows from one output of a class to the next.
  int64_t row_step() const { return plan.phases * plan.dilation; }

  // x is read as one stream: row blocks outermost, channels inside.
  template <class H> void depthwise_in_place(int64_t row, int64_t n, H& part) const {
    const int64_t C = plan.channels;
    DepthwiseBlock<T> g = block_of<T>(plan, plan.dilation * C, row_step() * C);
    g.h_stride = part.stride;
    for (int64_t i = 0; i < n; i += depthwise_outputs, row += depthwise_outputs * row_step()) {
      const int64_t m = smaller<int64_t>(n - i, depthwise_outputs);
      const int64_t last = row + (m - 1) * row_step() + (plan.taps - 1) * plan.dilation;
      const bool interior = row >= 0 && last < call.steps;
      // The last vector may run into the next row, never past the sample; what it reads there lands
      // in lanes that the matrix product leaves out.
      const int64_t whole = interior ? smaller(depth_vectors, (call.steps - last) * C / vl) : 0;
      for (int64_t q0 = 0; q0 < depth_vectors; q0 += part.vectors) {
        const int64_t q1 = smaller(q0 + part.vectors, depth_vectors);
        g.vectors = larger<int64_t>(smaller(q1, whole) - q0, 0);
        g.x = x + row * C + q0 * vl;
        g.w = weights(q0);
        g.h = part.at(i, q0);
        if (g.vectors > 0) depthwise<T>(m, g);
        for (int64_t q = q0 + g.vectors; q < q1; q++) {
          copy_windows(row, m, q, copy);
          from_copy(row, m, q, copy, part.at(i, q), part.stride);
        }
        part.done(i, m, q0, q1);
      }
    }
  }

  template <class H> void depthwise_copied(int64_t row, int64_t n, H& part) const {
    const int64_t panel = copied_rows(plan, n) * vl;
    for (int64_t q0 = 0; q0 < depth_vectors; q0 += copy_vectors) {
      const int64_t q1 = smaller(q0 + copy_vectors, depth_vectors);
      if (q1 - q0 == copy_vectors && plan.multiplier == 1 && q1 * vl <= plan.channels &&
          plan.phases <= plan.taps)
        copy_wide(row, copied_rows(plan, n), q0, copy);
      else if (plan.multiplier > 1 && channel_of(q1 * vl - 1) - channel_of(q0 * vl) < vl &&
               plan.phases <= plan.taps)
        copy_multiplied(row, copied_rows(plan, n), q0, q1, copy);
      else
        for (int64_t q = q0; q < q1; q++) copy_windows(row, n, q, copy + (q - q0) * panel);
      for (int64_t q = q0; q < q1; q++) {
        from_copy(row, n, q, copy + (q - q0) * panel, part.at(0, q), part.stride);
        if (q % 2 || q + 1 == q1) part.done(0, n, q - q % 2, q + 1);
      }
    }
  }

  const T* weights(int64_t q) const {
    return static_cast<const T*>(plan.depthwise) + q * plan.taps * vl;
  }

  // The depthwise half of n outputs whose windows lie in `rows`, padding included.
  void from_copy(int64_t row, int64_t n, int64_t q, const T* rows, T* out,
                 int64_t out_stride) const {
    const int64_t step = copied_step(plan) * vl;
    DepthwiseBlock<T> g = block_of<T>(plan, vl, step);
    g.h_stride = out_stride;
    g.w = weights(q);
    for (int64_t i = 0; i < n; i += depthwise_outputs) {
      const int64_t m = smaller<int64_t>(n - i, depthwise_outputs);
      g.x = rows + i * step;
      g.h = out + i / gemm_rows * out_stride;
      depthwise<T>(m, g);
    }
    if (!plan.finite_depthwise)
      for (int64_t i = 0; i < n; i++, row += row_step()) {
        const int64_t first = row < 0 ? ceil_div(-row, plan.dilation) : 0;
        const int64_t below = larger<int64_t>(call.steps - row, 0);
        const int64_t last = smaller(plan.taps, ceil_div(below, plan.dilation));
        if (first == 0 && last == plan.taps) continue;
        g.x = rows + i * step;
        g.h = out + i / gemm_rows * out_stride + i % gemm_rows * vl;
        depthwise_edge<T>(g, first, last);
      }
  }

  // The windows of n outputs, one vector of channels, to [row][vl] with zeros for the padding.
  void copy_windows(int64_t row, int64_t n, int64_t q, T* out) const {
    if (plan.phases <= plan.taps) return copy_rows(row, copied_rows(plan, n), q, out);
    for (int64_t i = 0; i < n; i++)
      copy_rows(row + i * row_step(), plan.taps, q, out + i * plan.taps * vl);
  }

  // The input channel under a lane of H; lanes after its last channel read that one.
  int64_t channel_of(int64_t lane) const {
    return smaller(lane / plan.multiplier, plan.channels - 1);
  }

  // For n input rows from `row` on, plan.dilation apart: `inside` with the row's number and its
  // element of `channel`, `padding` with the number of one that x has not.
  template <class Inside, class Padding>
  SEPCONV_ALWAYS_INLINE void each_row(int64_t row, int64_t n, int64_t channel, Inside inside,
                                      Padding padding) const {
    const int64_t d = plan.dilation, C = plan.channels, steps = call.steps;
    int64_t r = 0;
    for (; r < n && row < 0; r++, row += d) padding(r);
    const S* in = x + row * C + channel;
    for (; r < n && row < steps; r++, row += d, in += d * C) inside(r, in);
    for (; r < n; r++) padding(r);
  }

  // n input rows, one vector of H's channels.
  void copy_rows(int64_t row, int64_t n, int64_t q, T* out) const {
    const int64_t M = plan.multiplier;
    const int64_t first = channel_of(q * vl), last = channel_of(q * vl + vl - 1);
    Mask<T> channel{};  // of each lane, from `first` on
    if (M > 1)
      SEPCONV_UNROLL for (int i = 0; i < vl; i++) channel[i] = channel_of(q * vl + i) - first;
    auto inside = [&](int64_t r, const S* in) __attribute__((always_inline)) {
      const Vec<T> v = load_first(in, last - first + 1);
      store(out + r * vl, M == 1 ? v : shuffled<T>(v, channel));
    };
    auto padding = [&](int64_t r) { store(out + r * vl, Vec<T>{}); };
    each_row(row, n, first, inside, padding);
  }

  // The same for copy_vectors full vectors of channels, to as many panels.
  void copy_wide(int64_t row, int64_t n, int64_t q, T* out) const {
    const int64_t panel = n * vl;
    auto inside = [&](int64_t r, const S* in) __attribute__((always_inline)) {
      SEPCONV_UNROLL for (int u = 0; u < copy_vectors; u++)
        store(out + u * panel + r * vl, load(in + u * vl));
    };
    auto padding = [&](int64_t r) {
      SEPCONV_UNROLL for (int u = 0; u < copy_vectors; u++)
        store(out + u * panel + r * vl, Vec<T>{});
    };
    each_row(row, n, q * vl, inside, padding);
  }

  // The same for copy_vectors vectors at most whose channels are found in one of x.
  void copy_multiplied(int64_t row, int64_t n, int64_t q0, int64_t q1, T* out) const {
    const int64_t first = channel_of(q0 * vl), read = channel_of(q1 * vl - 1) - first + 1;
    const int64_t vectors = q1 - q0, panel = n * vl;
    Mask<T> channel[copy_vectors] = {};  // of each lane, from `first` on
    for (int u = 0; u < vectors; u++)
      for (int i = 0; i < vl; i++) channel[u][i] = channel_of((q0 + u) * vl + i) - first;
    auto spread = [&](int64_t r, Vec<T> v) __attribute__((always_inline)) {
      SEPCONV_UNROLL for (int u = 0; u < copy_vectors; u++)
        if (u < vectors) store(out + u * panel + r * vl, shuffled<T>(v, channel[u]));
    };
    auto inside = [&](int64_t r, const S* in) __attribute__((always_inline)) {
      spread(r, load_first(in, read));
    };
    each_row(row, n, first, inside, [&](int64_t r) { spread(r, Vec<T>{}); });
  }

  // What the strip after this one reads first of x.
  Ahead next_of(int64_t row, int64_t n) const {
    Ahead next;
    if (plan.classes > 1) return next;  // rows of a class, which lie apart, are left to the hardware
    const int64_t rows = (call.batch - tile.sample) * call.steps;  // from this sample's first on
    const int64_t first = smaller(larger<int64_t>(row + n * row_step(), 0), rows);
    const int64_t read = smaller(n * row_step(), rows - first) * plan.channels;
    next.add(x + first * plan.channels, 0, 1, read * int64_t(sizeof(S)));
    return next;
  }

  void pointwise(int64_t c, int64_t begin, int64_t n, Ahead&& next) const {
    const int64_t F = plan.filters;
    constexpr int64_t columns = gemm_columns<T>;
    const Finish<T> finish(plan.epilogue);
    GemmBlock<T> g = gemm_of<T>(plan.depth(), finish);
    const int64_t tiles = ceil_div(n, gemm_rows) * (tile.panel_end - tile.panel_begin);
    const int64_t lines = ceil_div(next.lines(), tiles);
    for (int64_t p = tile.panel_begin; p < tile.panel_end; p++) {
      g.columns = smaller(columns, F - p * columns);
      g.b = static_cast<const T*>(plan.pointwise) + p * columns * g.depth;
      g.bias = static_cast<const T*>(plan.bias) + p * columns;
      for (int64_t i = 0; i < n; i += gemm_rows) {
        next.fetch(lines);
        g.a = h + i / gemm_rows * h_stride;
        S* out = y + (c + plan.classes * (begin + i)) * F + p * columns;
        const int64_t rows = smaller<int64_t>(gemm_rows, n - i);
        gemm_finished<S, BiasOf::column>(out, plan.classes * F, rows, g, plan.epilogue, finish);
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    const int64_t panels = ceil_div(p.filters, gemm_columns<T>);
    return {ceil_div(p.depth(), vl) * vl * p.taps, panels * gemm_columns<T> * p.depth(),
            panels * gemm_columns<T>};
  }

  static void pack(const Plan& plan, const void* depthwise, const void* pointwise,
                   const void* bias) {
    pack_depthwise(plan, static_cast<const T*>(depthwise));
    pack_columns(plan, plan.depth(), static_cast<const T*>(pointwise), static_cast<const T*>(bias));
  }

  static void pack_depthwise(const Plan& plan, const T* w) {
    pack_taps(plan, w, static_cast<T*>(const_cast<void*>(plan.depthwise)));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
