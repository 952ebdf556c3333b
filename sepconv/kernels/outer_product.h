// The gradients by the two kernels: sums over steps of H^T g, and of dH times a shifted x.
#pragma once
#include "depthwise.h"

namespace sepconv {
namespace SEPCONV_ISA {

// 8 x 3 vectors use 28 of 32 registers, 4 x 3 all 16. The rows are powers of two, so that they
// tile the vectors of H.
constexpr int outer_rows = vector_registers == 32 ? 8 : 4;
constexpr int outer_vectors = 3;

// sum[k][f] += sum over steps of h[step][k] * g[step][f], both in the layout of the matrix
// product's rows, [row block][...][gemm_rows][lanes].
template <class T> struct OuterBlock {
  const T* h;
  int64_t h_stride;  // elements from one row block to the next
  const T* g;
  int64_t g_stride;
  int64_t steps;
  T* sum;
  int64_t sum_stride;
};

template <class T, int vectors> static void outer_block(const OuterBlock<T>& o) {
  constexpr int vl = lanes<T>;
  Vec<T> sum[outer_rows][vectors];
  SEPCONV_UNROLL for (int k = 0; k < outer_rows; k++)
    SEPCONV_UNROLL for (int j = 0; j < vectors; j++)
      sum[k][j] = load(o.sum + k * o.sum_stride + j * vl);

  auto add = [&](const T* h, const T* g) __attribute__((always_inline)) {
    Vec<T> row[vectors];
    SEPCONV_UNROLL for (int j = 0; j < vectors; j++) row[j] = load(g + j * gemm_rows * vl);
    SEPCONV_UNROLL for (int k = 0; k < outer_rows; k++) {
      const Vec<T> a = splat(h[k / vl * gemm_rows * vl + k % vl]);
      SEPCONV_UNROLL for (int j = 0; j < vectors; j++) sum[k][j] += a * row[j];
    }
  };
  const T* h = o.h;
  const T* g = o.g;
  int64_t left = o.steps;
  for (; left >= gemm_rows; left -= gemm_rows, h += o.h_stride, g += o.g_stride)
    SEPCONV_UNROLL for (int i = 0; i < gemm_rows; i++) add(h + i * vl, g + i * vl);
  for (int64_t i = 0; i < left; i++) add(h + i * vl, g + i * vl);

  SEPCONV_UNROLL for (int k = 0; k < outer_rows; k++)
    SEPCONV_UNROLL for (int j = 0; j < vectors; j++)
      store(o.sum + k * o.sum_stride + j * vl, sum[k][j]);
}

// For `columns` vectors of g, cut as evenly as can be.
template <class T, class Then>
SEPCONV_INLINE void outer(int64_t columns, OuterBlock<T> o, Then then) {
  while (columns > 0) {
    then();
    const int64_t n = columns == 4 ? 2 : smaller<int64_t>(columns, outer_vectors);
    if (n == 3) outer_block<T, 3>(o);
    if (n == 2) outer_block<T, 2>(o);
    if (n == 1) outer_block<T, 1>(o);
    columns -= n, o.g += n * gemm_rows * lanes<T>, o.sum += n * lanes<T>;
  }
}

// sum[i] += sum over steps of dh[step] * x[step + i], one vector of channels.
template <class T> struct TapsBlock {
  const T* x;
  int64_t x_stride;  // elements from one step to the next
  const T* dh;
  int64_t dh_stride;
  int64_t steps;
  T* sum;
  int64_t sum_stride;
};

template <class T, int taps> static void taps_block(const TapsBlock<T>& b) {
  constexpr int group = depthwise_outputs;  // of steps
  // Few taps are few chains of sums, each waiting for its last one: several chains a tap.
  constexpr int most = depthwise_outputs / taps;
  constexpr int chains = most >= 4 ? 4 : (most >= 2 ? 2 : 1);
  Vec<T> sum[chains][taps];
  SEPCONV_UNROLL for (int s = 0; s < chains; s++)
    SEPCONV_UNROLL for (int i = 0; i < taps; i++) sum[s][i] = Vec<T>{};
  const T *x = b.x, *dh = b.dh;
  int64_t x_stride = b.x_stride, dh_stride = b.dh_stride, left = b.steps;
  for (; left >= group; left -= group) {
    Vec<T> step[group];
    SEPCONV_UNROLL for (int r = 0; r < group; r++, dh += dh_stride) {
      asm("" : "+r"(dh_stride));  // else all its multiples are computed beforehand, and spilled
      step[r] = load(dh);
    }
    const T* row = x;
    SEPCONV_UNROLL for (int r = 0; r < group + taps - 1; r++, row += x_stride) {
      asm("" : "+r"(x_stride));
      const Vec<T> v = load(row);
      SEPCONV_UNROLL for (int i = 0; i < taps; i++)
        if (r - i >= 0 && r - i < group) sum[(r - i) % chains][i] += step[r - i] * v;
    }
    x += group * x_stride;
  }
  for (; left > 0; left--, x += x_stride, dh += dh_stride) {
    const Vec<T> step = load(dh);
    SEPCONV_UNROLL for (int i = 0; i < taps; i++) sum[0][i] += step * load(x + i * x_stride);
  }
  SEPCONV_UNROLL for (int i = 0; i < taps; i++) {
    SEPCONV_UNROLL for (int s = 1; s < chains; s++) sum[0][i] += sum[s][i];
    T* total = b.sum + i * b.sum_stride;
    store(total, load(total) + sum[0][i]);
  }
}

template <class T, int taps> static void taps_at_most(int64_t n, const TapsBlock<T>& b) {
  if constexpr (taps > 1)
    if (n < taps) return taps_at_most<T, taps - 1>(n, b);
  taps_block<T, taps>(b);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
