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

// What the sums begin with: a bias for each column or each row, or the sums of an earlier stretch
// of the depth, which changes no bit.
enum class BiasOf { column, row, output };

// Where lane 0 of row i begins in such blocks, so many elements apart.
template <class T>
SEPCONV_INLINE T* row_in_blocks(T* blocks, int64_t apart, int64_t i) {
  constexpr int64_t vl = vector_bytes / int64_t(sizeof(T));
  return blocks + i / gemm_rows * apart + i % gemm_rows * vl;
}

template <class T> struct GemmBlock {
  int64_t depth;
  const T* a;
  const T* b;
  const T* bias;  // gemm_columns of them, gemm_rows, or as many rows of as many columns
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
      if constexpr (bias_of == BiasOf::row)
        sum[i][j] = splat(g.bias[i]);
      else
        sum[i][j] = load(g.bias + (bias_of == BiasOf::output ? i * gemm_columns<T> : 0) + j * vl);

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

// The bias, or zeros, and zeros up to n.
template <class T> static void pack_bias(const Plan& plan, int64_t n, const T* bias) {
  T* out = static_cast<T*>(const_cast<void*>(plan.bias));
  for (int64_t f = 0; f < n; f++) out[f] = bias && f < plan.filters ? bias[f] : T(0);
}

// w (depth, F) to the panels that b names, [F / columns][depth][columns], and the bias beside them.
template <class T>
static void pack_columns(const Plan& plan, int64_t depth, const T* w, const T* bias) {
  const int64_t F = plan.filters;
  constexpr int64_t columns = gemm_columns<T>;
  T* out = static_cast<T*>(const_cast<void*>(plan.pointwise));
  for (int64_t p = 0; p < F; p += columns)
    for (int64_t k = 0; k < depth; k++)
      for (int64_t j = 0; j < columns; j++) *out++ = p + j < F ? w[k * F + p + j] : T(0);
  pack_bias(plan, ceil_div(F, columns) * columns, bias);
}

// w (depth, F), transposed, to the blocks that a names, [F / rows][depth / lanes][rows][lanes].
template <class T>
static void pack_rows(const Plan& plan, int64_t depth, const T* w, const T* bias) {
  const int64_t F = plan.filters;
  constexpr int64_t vl = lanes<T>;
  T* out = static_cast<T*>(const_cast<void*>(plan.pointwise));
  for (int64_t f = 0; f < F; f += gemm_rows)
    for (int64_t q = 0; q < depth; q += vl)
      for (int64_t i = f; i < f + gemm_rows; i++)
        for (int64_t k = q; k < q + vl; k++) *out++ = i < F && k < depth ? w[k * F + i] : T(0);
  pack_bias(plan, ceil_div(F, gemm_rows) * gemm_rows, bias);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
