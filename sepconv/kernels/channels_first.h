// One tile of channels_first, as Y[F, S] = W^T H: the depthwise half vectorises over time, H comes
// as panels [depth][gemm_columns] of output steps, the weights as blocks of gemm_rows filters. Sums
// run in the order of channels_last, so both formats give the same bits.
#pragma once
#include "activation.h"
#include "ahead.h"
#include "row_copy.h"
#include "turned_depthwise.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S> struct ChannelsFirst {
  typedef Wide<S> T;
  static constexpr bool time_in_columns = true;
  static constexpr int vl = lanes<T>;
  static constexpr int columns = gemm_columns<T>;
  static constexpr int wide = 3;  // panels a pass of the depthwise half fills at once
  static constexpr int64_t h_bytes = 400 << 10, copy_bytes = 1 << 20;
  static constexpr int64_t strip_unit = wide * columns;
  typedef TurnedDepthwise<S> Turned;

  const Plan& plan;
  const Call& call;
  const Tile& tile;
  const int64_t panel;        // elements of one panel of H
  const int64_t slot_length;  // elements of one phase of a copied row
  T* const h;
  T* const copy;
  const S* x;  // of this sample
  S* y;

  static int64_t strip(const Plan& p) { return strip_of(p, strip_rows(p)); }
  static int64_t strip_rows(const Plan& p) { return h_bytes / int64_t(p.depth() * sizeof(T)); }
  // As many of these steps as the copy of x has room for.
  static int64_t strip_of(const Plan& p, int64_t steps) {
    if (Turned::suits(p)) return larger<int64_t>(steps / strip_unit, 1) * strip_unit;
    const int64_t windows = slots(p) + (p.classes > 1 ? p.taps : 0);
    const int64_t by_copy = copy_bytes / int64_t(windows * sizeof(T));
    return larger<int64_t>(smaller(steps, by_copy) / strip_unit, 1) * strip_unit;
  }
  // The phases of a copied row stand in slots of their own. In its phase, a tap's window begins
  // `classes` input steps after that of the tap before, or where that one ends.
  static int64_t slots(const Plan& p) { return smaller(p.phases, p.taps); }
  static int64_t copied_shift(const Plan& p) { return smaller(p.classes, p.strip); }
  static int64_t slot_size(const Plan& p) {
    return p.strip + (ceil_div(p.taps, p.phases) - 1) * copied_shift(p);
  }

  static int64_t copy_size(const Plan& p) {  // whole vectors, with one of slack
    return (ceil_div(slots(p) * slot_size(p), vl) + 1) * vl;
  }

  static int64_t scratch_bytes(const Plan& p) {
    const int64_t n = p.strip;
    const int64_t copies = Turned::suits(p) ? Turned::size(p, n) : 2 * copy_size(p);
    return (n * p.depth() + copies) * int64_t(sizeof(T));
  }

  static ChannelsFirst job(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    T* h = static_cast<T*>(scratch);
    return {plan, call, tile, plan.depth() * columns, slot_size(plan),
            h, h + plan.strip * plan.depth(),
            static_cast<const S*>(call.x) + tile.sample * call.steps * plan.channels,
            static_cast<S*>(call.y) + tile.sample * call.out_steps * plan.filters};
  }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const ChannelsFirst job = ChannelsFirst::job(plan, call, tile, scratch);
    job.strips([&](int64_t begin, int64_t n) {
      job.depthwise_half(begin, n);
      job.pointwise(begin, n, job.next_of(begin, n));
    });
  }

  // Calls f with the first output of each strip, and how many it has.
  template <class F> void strips(F f) const {
    for (int64_t i = tile.begin; i < tile.end; i += plan.strip)
      f(i, smaller(plan.strip, tile.end - i));
  }

  // A row of x to convolve: the row itself, or its copy.
  struct Source {
    const T* data;
    int64_t shift;  // elements from one tap of a phase to the next
  };

  // H of a strip as the matrix product reads it. Others may take it in parts: `row` says where H of
  // channel k goes, and `done` that it is there.
  struct WholeStrip {
    static constexpr int64_t columns = ChannelsFirst::columns;
    T* const h;
    const int64_t panel;
    T* row(int64_t k) const { return h + k * columns; }
    void done(int64_t, int64_t) const {}
  };
  void depthwise_half(int64_t begin, int64_t n) const {
    depthwise_half(begin, n, WholeStrip{h, panel});
  }
  template <class H> void depthwise_half(int64_t begin, int64_t n, H&& part) const {
    const int64_t step = begin * plan.stride - call.pad_left;
    if (Turned::suits(plan)) return Turned{plan, x, call.steps, copy}.run(step, n, part);
    const int64_t padded = ceil_div(n, vl) * vl;  // whole vectors are computed
    const bool in_place = !is_narrow<S> && plan.stride == 1 && step >= 0 &&
                          step + padded + (plan.taps - 1) * plan.dilation <= call.steps;
    // A row ahead: a load across two stores waits until both have left for the cache.
    if (!in_place) copy_row(0, step, padded);
    for (int64_t c = 0; c < plan.channels; c++) {
      Source from{copy_of(c), copied_shift(plan)};
      if (!in_place && c + 1 < plan.channels) copy_row(c + 1, step, padded);
      if constexpr (!is_narrow<S>)
        if (in_place) from = {x + c * call.steps + step, plan.classes};
      for (int64_t k = c * plan.multiplier; k < (c + 1) * plan.multiplier; k++) {
        depthwise_row(from, weights(k), n, part.row(k), part.panel);
        if (!plan.finite_depthwise)
          depthwise_edges(from, weights(k), step, n, part.row(k), part.panel);
        part.done(k, n);
      }
    }
  }

  // What the strip after this one, perhaps of the next sample, reads first of x.
  Ahead next_of(int64_t begin, int64_t n) const {
    Ahead next;
    const bool here = begin + n < call.out_steps;
    if (!here && tile.sample + 1 == call.batch) return next;
    const S* first = x + (here ? 0 : plan.channels * call.steps);
    const int64_t from = here ? larger<int64_t>((begin + n) * plan.stride - call.pad_left, 0) : 0;
    const int64_t read = larger<int64_t>(smaller(n * plan.stride, call.steps - from), 0);
    next.add(first + from, call.steps * int64_t(sizeof(S)), plan.channels,
             read * int64_t(sizeof(S)));
    return next;
  }

  const T* weights(int64_t k) const {
    return static_cast<const T*>(plan.depthwise) + k * plan.taps;
  }

  T* copy_of(int64_t c) const { return copy + c % 2 * copy_size(plan); }

  // The row of channel c to [phase][slot_length], with zeros for the padding.
  void copy_row(int64_t c, int64_t step, int64_t padded) const {
    const S* in = x + c * call.steps;
    const RowCopy<S> row{call.steps, plan.stride};
    const int64_t shift = copied_shift(plan), apart = plan.phases * plan.dilation;
    for (int64_t p = 0; p < slots(plan); p++, step += plan.dilation) {
      const int64_t taps = ceil_div(plan.taps - p, plan.phases);
      T* out = copy_of(c) + p * slot_length;
      if (shift == plan.classes)
        row.window(in, step, padded + (taps - 1) * shift, out);
      else
        for (int64_t j = 0; j < taps; j++)
          row.window(in, step + j * apart, padded, out + j * shift);
    }
  }

  // n outputs of one depthwise channel, to panels of H.
  void depthwise_row(Source from, const T* w, int64_t n, T* out, int64_t panel) const {
    constexpr int pass = wide * gemm_vectors;
    for (; n > 0; n -= pass * vl, out += wide * panel, from.data += pass * vl)
      depthwise_at_most<pass>(ceil_div(n, vl), from, w, out, panel);
  }

  template <int vectors>
  void depthwise_at_most(int64_t v, Source from, const T* w, T* out, int64_t panel) const {
    if constexpr (vectors > 1)
      if (v < vectors) return depthwise_at_most<vectors - 1>(v, from, w, out, panel);
    depthwise_vectors<vectors>(from, w, out, panel);
  }

  template <int vectors>
  void depthwise_vectors(Source from, const T* w, T* out, int64_t panel) const {
    Vec<T> sum[vectors];
    SEPCONV_UNROLL for (int v = 0; v < vectors; v++) sum[v] = Vec<T>{};
    const int64_t phases = plan.phases, taps = plan.taps;
    for (int64_t p = 0; p < phases && p < taps; p++) {
      const T* in = from.data + p * slot_length;
      for (int64_t j = p; j < taps; j += phases, in += from.shift) {
        const Vec<T> tap = splat(*w++);
        SEPCONV_UNROLL for (int v = 0; v < vectors; v++) sum[v] += tap * load(in + v * vl);
      }
    }
    SEPCONV_UNROLL for (int v = 0; v < vectors; v++)
      store(out + v / gemm_vectors * panel + v % gemm_vectors * vl, sum[v]);
  }

  // The outputs over the padding once more, without their taps that lie on it.
  void depthwise_edges(Source from, const T* w, int64_t step, int64_t n, T* out,
                       int64_t panel) const {
    const int64_t phases = plan.phases, d = plan.dilation;
    for (int64_t i = 0; i < n; i++, step += plan.stride) {
      if (step >= 0 && step + (plan.taps - 1) * d < call.steps) continue;
      T sum = 0;
      const T* tap = w;
      for (int64_t p = 0; p < phases && p < plan.taps; p++) {
        const T* in = from.data + p * slot_length + i;
        for (int64_t j = p; j < plan.taps; j += phases, in += from.shift, tap++)
          if (step + j * d >= 0 && step + j * d < call.steps) sum += *tap * *in;
      }
      out[i / columns * panel + i % columns] = sum;
    }
  }

  void pointwise(int64_t begin, int64_t n, Ahead&& next) const {
    const Finish<T> finish(plan.epilogue);
    GemmBlock<T> g = gemm_of<T>(plan.depth(), finish);
    const int64_t block = ceil_div(plan.depth(), vl) * gemm_rows * vl;
    const int64_t tiles = ceil_div(n, columns) * (tile.panel_end - tile.panel_begin);
    const int64_t lines = ceil_div(next.lines(), tiles);
    for (int64_t f = tile.panel_begin; f < tile.panel_end; f++) {
      const int64_t rows = smaller<int64_t>(gemm_rows, plan.filters - f * gemm_rows);
      g.a = static_cast<const T*>(plan.pointwise) + f * block;
      g.bias = static_cast<const T*>(plan.bias) + f * gemm_rows;
      for (int64_t i = 0; i < n; i += columns) {
        next.fetch(lines);
        g.b = h + i / columns * panel;
        g.columns = smaller<int64_t>(columns, n - i);
        S* out = y + f * gemm_rows * call.out_steps + begin + i;
        gemm_finished<S, BiasOf::row>(out, call.out_steps, rows, g, plan.epilogue, finish);
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    const int64_t blocks = ceil_div(p.filters, gemm_rows);
    return {depthwise_size(p), blocks * ceil_div(p.depth(), vl) * gemm_rows * vl,
            blocks * gemm_rows};
  }
  static int64_t depthwise_size(const Plan& p) {
    return (Turned::suits(p) ? ceil_div(p.depth(), vl) * vl : p.depth()) * p.taps;
  }

  static void pack(const Plan& plan, const void* depthwise, const void* pointwise,
                   const void* bias) {
    pack_depthwise(plan, static_cast<const T*>(depthwise));
    pack_rows(plan, plan.depth(), static_cast<const T*>(pointwise), static_cast<const T*>(bias));
  }

  static void pack_depthwise(const Plan& plan, const T* w) {
    const int64_t D = plan.depth(), K = plan.taps;
    T* out = static_cast<T*>(const_cast<void*>(plan.depthwise));  // [depth][taps], phase by phase
    if (Turned::suits(plan)) return pack_taps(plan, w, out);
    for (int64_t k = 0; k < D; k++)
      for (int64_t p = 0; p < smaller(plan.phases, K); p++)
        for (int64_t j = p; j < K; j += plan.phases) *out++ = w[j * D + k];
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
