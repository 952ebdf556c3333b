// The depthwise half of channels_first for long kernels: steps and channels are turned, convolved by
// the blocks of channels_last, which load a row once for eight taps, and turned back.
#pragma once
#include "depthwise.h"
#include "storage.h"
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S> struct TurnedDepthwise {
  typedef Wide<S> T;
  static constexpr int64_t vl = lanes<T>;

  const Plan& plan;
  const S* x;  // of one sample
  const int64_t steps;
  T* const memory;

  // Turning takes as long as eight taps, and dilated outputs are copied once more. Rows that no tap
  // reads are turned, too. (256 -> 256 filters, 33 taps: 0.89 of the time, 512 -> 512, 51 taps: 0.82,
  // 64 -> 64, 9 taps: 0.93, 9 taps with dilation 31: 1.17; 2026-11-23.)
  static bool suits(const Plan& p) {
    constexpr int64_t most_span = 1024, most_stride = 8;
    const int64_t turning = p.classes == 1 ? 8 : 16;  // in taps
    return p.taps > turning && p.multiplier == 1 && p.finite_depthwise &&
           p.span() <= most_span && p.stride <= most_stride;
  }
  static int64_t rows(const Plan& p, int64_t n) { return (n - 1) * p.stride + p.span(); }
  static int64_t size(const Plan& p, int64_t n) {  // of `memory` for n outputs
    return (rows(p, n) + ceil_div(n, vl) * vl) * vl;
  }

  // H of n outputs, the first window of which begins at `step`, to `part`.
  template <class H> void run(int64_t step, int64_t n, H& part) const {
    const int64_t C = plan.channels, read = rows(plan, n);
    T* const h = memory + read * vl;
    for (int64_t c = 0; c < C; c += vl) {
      const int64_t exist = smaller(vl, C - c);
      turn(c, exist, step, read);
      convolve(static_cast<const T*>(plan.depthwise) + c * plan.taps, n, h);
      for (int64_t i = 0; i < n; i += vl)
        transpose_square(h + i * vl, vl, smaller(vl, n - i), exist,
                         part.row(c) + i / part.columns * part.panel + i % part.columns,
                         part.columns, vl);
      part.done(c + exist - 1, n);
    }
  }

  // `count` channels of n steps to rows of a vector, zeros where there is no step.
  void turn(int64_t c, int64_t count, int64_t step, int64_t n) const {
    const int64_t first = smaller(n, larger<int64_t>(-step, 0));
    const int64_t end = larger(first, smaller(n, steps - step));
    for (int64_t r = 0; r < first; r++) store(memory + r * vl, Vec<T>{});
    transpose(x + c * steps + step + first, steps, count, end - first, memory + first * vl, vl, vl);
    for (int64_t r = end; r < n; r++) store(memory + r * vl, Vec<T>{});
  }

  // Outputs of a class lie `apart` rows apart.
  void convolve(const T* w, int64_t n, T* h) const {
    const int64_t apart = plan.classes, tap = plan.dilation * vl;
    T block[depthwise_outputs * vl];
    DepthwiseBlock<T> g = block_of<T>(plan, tap, plan.phases * tap);
    g.w = w;
    g.h_stride = gemm_rows * vl;
    for (int64_t c = 0; c < smaller(apart, n); c++) {
      const int64_t in_class = ceil_div(n - c, apart);
      for (int64_t j = 0; j < in_class; j += depthwise_outputs) {
        const int64_t m = smaller<int64_t>(depthwise_outputs, in_class - j);
        T* out = h + (c + apart * j) * vl;
        g.x = memory + (c + apart * j) * plan.stride * vl;
        g.h = apart == 1 ? out : block;
        depthwise<T>(m, g);
        if (apart > 1)
          for (int64_t r = 0; r < m; r++) store(out + r * apart * vl, load(block + r * vl));
      }
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
