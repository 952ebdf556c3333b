// The depthwise half of channels_last: outputs x taps blocked in registers, one vector of channels.
//
// A small Toeplitz block: each input row is loaded once and feeds every (output, tap) pair that
// meets it. The plain form, taps outside and outputs inside, is bound by its loads.
// Each output sums its taps phase by phase, j = p, p + phases, ...; whatever block it stands in.
#pragma once
#include "gemm.h"
#include "plan.h"

namespace sepconv {
namespace SEPCONV_ISA {

// The sums, the weights of one tap group and one input row stay in registers; whole row blocks of
// the matrix product, so that the block can be stored in its layout.
constexpr int depthwise_outputs = vector_registers == 32 ? 2 * gemm_rows : gemm_rows;
constexpr int tap_group = 8;

template <class T> struct DepthwiseBlock {
  int64_t phases;
  int64_t full, rest;   // taps = full * phases + rest: no division in the block
  const T* x;           // the first output's first tap
  int64_t tap_stride;   // elements from one tap's input row to the next
  int64_t step_stride;  // elements from one output's input row to the next
  const T* w;           // [taps][lanes], phase by phase
  T* h;                 // [row block][...][gemm_rows][lanes]
  int64_t h_stride;     // elements from one row block to the next
  int64_t vectors = 1;  // of channels, one after the other in x, w and h
};

template <class T>
SEPCONV_INLINE DepthwiseBlock<T> block_of(const Plan& p, int64_t tap_stride, int64_t step_stride) {
  DepthwiseBlock<T> g{};
  g.phases = smaller(p.phases, p.taps);
  g.full = p.taps / g.phases, g.rest = p.taps % g.phases;
  g.tap_stride = tap_stride, g.step_stride = step_stride;
  return g;
}

// w (K, depth) as [depth / lanes][taps][lanes], phase by phase.
template <class T> static void pack_taps(const Plan& p, const T* w, T* out) {
  const int64_t D = p.depth(), K = p.taps;
  for (int64_t q = 0; q < D; q += lanes<T>)
    for (int64_t phase = 0; phase < smaller(p.phases, K); phase++)
      for (int64_t j = phase; j < K; j += p.phases, out += lanes<T>)
        store(out, load_first(w + j * D + q, smaller<int64_t>(lanes<T>, D - q)));
}

// Adds `taps` taps, step_stride apart, to `outputs` sums.
template <class T, int outputs, int taps>
SEPCONV_INLINE void add_taps(Vec<T>* sum, const T* x, int64_t x_stride, const T* w) {
  Vec<T> tap[taps];
  SEPCONV_UNROLL for (int j = 0; j < taps; j++) tap[j] = load(w + j * lanes<T>);
  SEPCONV_UNROLL for (int r = 0; r < outputs + taps - 1; r++, x += x_stride) {
    // Else the compiler computes all multiples of the stride beforehand, and spills them.
    asm("" : "+r"(x_stride));
    Vec<T> row = load(x);
    keep(row);
    SEPCONV_UNROLL for (int j = 0; j < taps; j++)
      if (r - j >= 0 && r - j < outputs) sum[r - j] += tap[j] * row;
  }
}

template <class T, int outputs> static void depthwise_block(const DepthwiseBlock<T>& g) {
  constexpr int vl = lanes<T>;
  const int64_t step = g.step_stride;
  const T* w = g.w;
  for (int64_t q = 0; q < g.vectors; q++) {
    Vec<T> sum[outputs];
    SEPCONV_UNROLL for (int i = 0; i < outputs; i++) sum[i] = Vec<T>{};
    for (int64_t p = 0; p < g.phases; p++) {
      const T* x = g.x + q * vl + p * g.tap_stride;
      int64_t left = g.full + (p < g.rest);
      for (; left >= tap_group; left -= tap_group, x += tap_group * step, w += tap_group * vl)
        add_taps<T, outputs, tap_group>(sum, x, step, w);
      if (left & 4) {
        add_taps<T, outputs, 4>(sum, x, step, w);
        x += 4 * step, w += 4 * vl;
      }
      if ((left & 3) == 3) add_taps<T, outputs, 3>(sum, x, step, w);
      if ((left & 3) == 2) add_taps<T, outputs, 2>(sum, x, step, w);
      if ((left & 3) == 1) add_taps<T, outputs, 1>(sum, x, step, w);
      w += (left & 3) * vl;
    }
    T* h = g.h + q * gemm_rows * vl;
    SEPCONV_UNROLL for (int i = 0; i < outputs; i++)
      store(h + (i / gemm_rows) * g.h_stride + (i % gemm_rows) * vl, sum[i]);
  }
}

template <class T, int outputs>
static void depthwise_at_most(int64_t n, const DepthwiseBlock<T>& g) {
  if constexpr (outputs > 1)
    if (n < outputs) return depthwise_at_most<T, outputs - 1>(n, g);
  depthwise_block<T, outputs>(g);
}

template <class T> SEPCONV_INLINE void depthwise(int64_t outputs, const DepthwiseBlock<T>& g) {
  depthwise_at_most<T, depthwise_outputs>(outputs, g);
}

// One output whose taps outside [first, last) lie over the padding and are left out.
template <class T>
static void depthwise_edge(const DepthwiseBlock<T>& g, int64_t first, int64_t last) {
  Vec<T> sum{};
  const T* w = g.w;
  for (int64_t p = 0; p < g.phases; p++) {
    const T* x = g.x + p * g.tap_stride;
    const int64_t n = g.full + (p < g.rest);
    for (int64_t i = 0; i < n; i++, x += g.step_stride, w += lanes<T>) {
      const int64_t j = p + i * g.phases;
      if (j >= first && j < last) sum += load(w) * load(x);
    }
  }
  store(g.h, sum);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
