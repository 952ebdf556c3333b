// The pointwise half: y[i][f] = bias + sum_k a[i][k] * b[k][f], one register tile at a time.
//
// a comes as blocks of `gemm_rows` rows, [depth / lanes][gemm_rows][lanes], so that its broadcasts
// have constant offsets; b as panels [depth][gemm_columns]. Each output is one chain of fused
// multiply-adds in the order of k, whatever the tile: its bits depend on the layer alone.
#pragma once
#include "plan.h"
#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

// 6 x 4 vectors use 29 of 32 registers, 6 x 2 use 15 of 16. A taller, narrower tile would need
// more broadcasts for each product, and the front end is the next limit after the FMA ports.
constexpr int gemm_rows = 6;
constexpr int gemm_vectors = vector_registers == 32 ? 4 : 2;
template <class T> constexpr int gemm_columns = gemm_vectors * lanes<T>;

enum class BiasOf { column, row };

template <class T> struct GemmBlock {
  int64_t depth;
  const T* a;
  const T* b;
  const T* bias;  // gemm_columns of them, or gemm_rows
  T* y;
  int64_t y_stride;
  int64_t columns;
  bool clamp;  // y = min(max(y, low), high), the usual activations at no cost
  T low, high;
};

template <class T, int rows, int vectors, BiasOf bias_of>
static void gemm_block(const GemmBlock<T>& g) {
  constexpr int vl = lanes<T>;
  Vec<T> sum[rows][vectors];
  SEPCONV_UNROLL for (int i = 0; i < rows; i++)
    SEPCONV_UNROLL for (int j = 0; j < vectors; j++)
      sum[i][j] = bias_of == BiasOf::row ? splat(g.bias[i]) : load(g.bias + j * vl);

  const T* a = g.a;
  const T* b = g.b;
  auto add = [&](int64_t k) __attribute__((always_inline)) {
    Vec<T> w[vectors];
    SEPCONV_UNROLL for (int j = 0; j < vectors; j++) w[j] = load(b + j * vl);
    SEPCONV_UNROLL for (int i = 0; i < rows; i++) {
      const Vec<T> h = splat(a[i * vl + k]);
      SEPCONV_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] += h * w[j];
    }
    b += gemm_columns<T>;
  };
  constexpr int unrolled = smaller(vl, 4);
  int64_t left = g.depth;
  for (; left >= vl; left -= vl, a += gemm_rows * vl) {
    for (int k = 0; k < vl; k += unrolled)
      SEPCONV_UNROLL for (int u = 0; u < unrolled; u++) add(k + u);
  }
  for (int64_t k = 0; k < left; k++) add(k);

  if (g.clamp) {
    const Vec<T> low = splat(g.low), high = splat(g.high);
    SEPCONV_UNROLL for (int i = 0; i < rows; i++)
      SEPCONV_UNROLL for (int j = 0; j < vectors; j++)
        sum[i][j] = at_most<T>(at_least<T>(sum[i][j], low), high);
  }
  const int64_t last = g.columns - (vectors - 1) * vl;  // lanes of the last vector that exist
  T* y = g.y;
  SEPCONV_UNROLL for (int i = 0; i < rows; i++, y += g.y_stride) {
    SEPCONV_UNROLL for (int j = 0; j < vectors - 1; j++) store(y + j * vl, sum[i][j]);
    if (last == vl)
      store(y + (vectors - 1) * vl, sum[i][vectors - 1]);
    else
      store_first(y + (vectors - 1) * vl, sum[i][vectors - 1], last);
  }
}

// The instance for r <= rows and v <= vectors; the full tile is the first one tried.
template <class T, BiasOf bias_of, int rows, int vectors>
static void gemm_at_most(int64_t r, int64_t v, const GemmBlock<T>& g) {
  if constexpr (vectors > 1)
    if (v < vectors) return gemm_at_most<T, bias_of, rows, vectors - 1>(r, v, g);
  if constexpr (rows > 1)
    if (r < rows) return gemm_at_most<T, bias_of, rows - 1, vectors>(r, v, g);
  gemm_block<T, rows, vectors, bias_of>(g);
}

template <class T, BiasOf bias_of> SEPCONV_INLINE void gemm(int64_t rows, const GemmBlock<T>& g) {
  gemm_at_most<T, bias_of, gemm_rows, gemm_vectors>(rows, ceil_div(g.columns, lanes<T>), g);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
