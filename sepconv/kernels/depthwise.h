// The depthwise half of channels_last: outputs x taps blocked in registers, one vector of channels.
//
// A small Toeplitz block: each input row is loaded once and feeds every (output, tap) pair that
// meets it. The plain form, taps outside and outputs inside, is bound by its loads.
// Each output sums its taps phase by phase, j = p, p + phases, ...; whatever block it stands in.
#pragma once
#include "gemm.h"

namespace sepconv {
namespace SEPCONV_ISA {

// The sums, the weights of one tap group and one input row stay in registers; whole row blocks of
// the matrix product, so that the block can be stored in its layout.
constexpr int depthwise_outputs = vector_registers == 32 ? 2 * gemm_rows : gemm_rows;
constexpr int tap_group = 8;

template <class T> struct DepthwiseBlock {
  int64_t taps, phases;
  const T* x;           // the first output's first tap
  int64_t tap_stride;   // elements from one tap's input row to the next
  int64_t step_stride;  // elements from one output's input row to the next
  const T* w;           // [taps][lanes]
  T* h;                 // [row block][...][gemm_rows][lanes]
  int64_t h_stride;     // elements from one row block to the next
};

// Adds `taps` taps, step_stride apart, to `outputs` sums.
template <class T, int outputs, int taps>
SEPCONV_INLINE void add_taps(Vec<T>* sum, const T* x, int64_t x_stride, const T* w,
                             int64_t w_stride) {
  Vec<T> tap[taps];
  SEPCONV_UNROLL for (int j = 0; j < taps; j++) tap[j] = load(w + j * w_stride);
  SEPCONV_UNROLL for (int r = 0; r < outputs + taps - 1; r++) {
    const Vec<T> row = load(x + r * x_stride);
    SEPCONV_UNROLL for (int j = 0; j < taps; j++)
      if (r - j >= 0 && r - j < outputs) sum[r - j] += tap[j] * row;
  }
}

template <class T, int outputs> static void depthwise_block(const DepthwiseBlock<T>& g) {
  constexpr int vl = lanes<T>;
  Vec<T> sum[outputs];
  SEPCONV_UNROLL for (int i = 0; i < outputs; i++) sum[i] = Vec<T>{};
  const int64_t xs = g.step_stride, ws = g.phases * vl;
  for (int64_t p = 0; p < g.phases && p < g.taps; p++) {
    const T* x = g.x + p * g.tap_stride;
    const T* w = g.w + p * vl;
    int64_t left = ceil_div(g.taps - p, g.phases);
    for (; left >= tap_group; left -= tap_group, x += tap_group * xs, w += tap_group * ws)
      add_taps<T, outputs, tap_group>(sum, x, xs, w, ws);
    if (left >= 4) {
      add_taps<T, outputs, 4>(sum, x, xs, w, ws);
      left -= 4, x += 4 * xs, w += 4 * ws;
    }
    if (left == 3) add_taps<T, outputs, 3>(sum, x, xs, w, ws);
    if (left == 2) add_taps<T, outputs, 2>(sum, x, xs, w, ws);
    if (left == 1) add_taps<T, outputs, 1>(sum, x, xs, w, ws);
  }
  SEPCONV_UNROLL for (int i = 0; i < outputs; i++)
    store(g.h + (i / gemm_rows) * g.h_stride + (i % gemm_rows) * vl, sum[i]);
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
  for (int64_t p = 0; p < g.phases && p < g.taps; p++) {
    const T* x = g.x + p * g.tap_stride;
    for (int64_t j = p; j < g.taps; j += g.phases, x += g.step_stride)
      if (j >= first && j < last) sum += load(g.w + j * lanes<T>) * load(x);
  }
  store(g.h, sum);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
