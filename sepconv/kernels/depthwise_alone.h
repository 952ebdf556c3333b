// One tile of a depthwise convolution without a pointwise one: the depthwise half of a separable
// layer, whose H leaves for y with a bias and an activation.
#pragma once
#include "channels_first.h"
#include "channels_last.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Adds the bias to one vector of H, and applies an activation that is a clamp.
template <class T> struct Offset {
  const Finish<T>& finish;
  Vec<T> low, high;

  explicit Offset(const Finish<T>& f)
      : finish(f), low(splat(T(f.bounds[0]))), high(splat(T(f.bounds[1]))) {}
  SEPCONV_ALWAYS_INLINE Vec<T> of(Vec<T> h, Vec<T> bias) const {
    const Vec<T> sum = h + bias;
    return finish.clamp ? at_most<T>(at_least<T>(sum, low), high) : sum;
  }
  // One row of `columns` sums, vector v of which `vector(v)` gives.
  template <class Vector>
  SEPCONV_ALWAYS_INLINE void row(T* out, int64_t columns, Vector vector) const {
    constexpr int64_t vl = lanes<T>;
    int64_t v = 0;
    for (; (v + 1) * vl <= columns; v++) store(out + v * vl, vector(v));
    if (v * vl < columns) store_first(out + v * vl, vector(v), columns - v * vl);
  }
};

template <class S> struct DepthwiseLast : ChannelsLast<S> {
  typedef ChannelsLast<S> Half;
  typedef Wide<S> T;
  static constexpr int vl = lanes<T>;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const Half half = Half::job(plan, call, tile, scratch);
    for (int64_t c = tile.class_begin; c < tile.class_end; c++) {
      const int64_t end = smaller(tile.end, ceil_div(call.out_steps - c, plan.classes));
      for (int64_t i = tile.begin; i < end; i += plan.strip) {
        const int64_t n = smaller(plan.strip, end - i);
        half.depthwise_half((c + plan.classes * i) * plan.stride - call.pad_left, n);
        leave(half, c, i, n);
      }
    }
  }

  static void leave(const Half& half, int64_t c, int64_t begin, int64_t n) {
    const Plan& plan = half.plan;
    constexpr int64_t columns = gemm_columns<T>;
    const int64_t D = plan.depth(), apart = plan.classes * D;
    const Finish<T> finish(plan.epilogue);
    const Offset<T> offset(finish);
    for (int64_t i = 0; i < n; i += gemm_rows) {
      const int64_t rows = smaller<int64_t>(gemm_rows, n - i);
      S* out = half.y + (c + plan.classes * (begin + i)) * D;
      for (int64_t d = 0; d < D; d += columns) {
        const T* h = half.h + i / gemm_rows * half.h_stride + d * gemm_rows;
        const T* bias = static_cast<const T*>(plan.bias) + d;
        const int64_t width = smaller(columns, D - d);
        finished(out + d, apart, rows, width, plan.epilogue, finish, [&](T* sums, int64_t stride) {
          for (int64_t r = 0; r < rows; r++)
            offset.row(sums + r * stride, width, [&](int64_t v) __attribute__((always_inline)) {
              return offset.of(load(h + (v * gemm_rows + r) * vl), load(bias + v * vl));
            });
        });
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    const int64_t vectors = ceil_div(p.depth(), vl);
    return {vectors * vl * p.taps, 0, vectors * vl};
  }
  static void pack(const Plan& plan, const void* kernel, const void*, const void* bias) {
    Half::pack_depthwise(plan, static_cast<const T*>(kernel));
    pack_bias(plan, ceil_div(plan.depth(), vl) * vl, static_cast<const T*>(bias));
  }
};

template <class S> struct DepthwiseFirst : ChannelsFirst<S> {
  typedef ChannelsFirst<S> Half;
  typedef Wide<S> T;
  static constexpr int vl = lanes<T>;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const Half half = Half::job(plan, call, tile, scratch);
    for (int64_t i = tile.begin; i < tile.end; i += plan.strip) {
      const int64_t n = smaller(plan.strip, tile.end - i);
      half.depthwise_half(i, n);
      leave(half, i, n);
    }
  }

  static void leave(const Half& half, int64_t begin, int64_t n) {
    const Plan& plan = half.plan;
    constexpr int64_t columns = gemm_columns<T>;
    const int64_t D = plan.depth(), steps = half.call.out_steps;
    const T* bias = static_cast<const T*>(plan.bias);
    const Finish<T> finish(plan.epilogue);
    const Offset<T> offset(finish);
    for (int64_t d = 0; d < D; d += gemm_rows) {
      const int64_t rows = smaller<int64_t>(gemm_rows, D - d);
      for (int64_t i = 0; i < n; i += columns) {
        const T* h = half.h + i / columns * half.panel + d * columns;
        const int64_t width = smaller(columns, n - i);
        S* out = half.y + d * steps + begin + i;
        finished(out, steps, rows, width, plan.epilogue, finish, [&](T* sums, int64_t stride) {
          for (int64_t r = 0; r < rows; r++)
            offset.row(sums + r * stride, width, [&](int64_t v) __attribute__((always_inline)) {
              return offset.of(load(h + r * columns + v * vl), splat(bias[d + r]));
            });
        });
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    return {Half::depthwise_size(p), 0, p.depth()};
  }
  static void pack(const Plan& plan, const void* kernel, const void*, const void* bias) {
    Half::pack_depthwise(plan, static_cast<const T*>(kernel));
    pack_bias(plan, plan.depth(), static_cast<const T*>(bias));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
