// Matrices turned in registers, a square of one vector's lanes at a time.
#pragma once
#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Swaps the off-diagonal squares of size `half` in every square of twice its size.
template <class T, int half> SEPCONV_INLINE void transpose_squares(Vec<T>* v) {
  constexpr int vl = lanes<T>;
  Mask<T> low, high;
  SEPCONV_UNROLL for (int l = 0; l < vl; l++) {
    low[l] = l & half ? vl + l - half : l;
    high[l] = l & half ? vl + l : l + half;
  }
  SEPCONV_UNROLL for (int i = 0; i < vl; i++)
    if (!(i & half)) {
      const Vec<T> a = v[i], b = v[i + half];
      v[i] = shuffled<T>(a, b, low);
      v[i + half] = shuffled<T>(a, b, high);
    }
  if constexpr (2 * half < vl) transpose_squares<T, 2 * half>(v);
}

// out[c][r] = in[r][c] for rows and columns <= lanes; the lanes of `out` beyond `rows` are 0.
template <class T, class S>
static void transpose_square(const S* in, int64_t in_stride, int64_t rows, int64_t columns, T* out,
                             int64_t out_stride, int64_t out_lanes) {
  constexpr int vl = lanes<T>;
  Vec<T> v[vl];
  if (rows == vl && columns == vl && out_lanes == vl) {
    SEPCONV_UNROLL for (int i = 0; i < vl; i++) v[i] = load(in + i * in_stride);
    transpose_squares<T, 1>(v);
    SEPCONV_UNROLL for (int i = 0; i < vl; i++) store(out + i * out_stride, v[i]);
    return;
  }
  SEPCONV_UNROLL for (int i = 0; i < vl; i++)
    v[i] = i < rows ? load_first(in + i * in_stride, columns) : Vec<T>{};
  transpose_squares<T, 1>(v);
  SEPCONV_UNROLL for (int i = 0; i < vl; i++)
    if (i < columns) store_first(out + i * out_stride, v[i], out_lanes);
}

// out[c][r] = in[r][c]; rows of `out` are filled with 0 up to `out_columns`.
template <class T, class S>
static void transpose(const S* in, int64_t in_stride, int64_t rows, int64_t columns, T* out,
                      int64_t out_stride, int64_t out_columns) {
  constexpr int64_t vl = lanes<T>;
  for (int64_t r = 0; r < out_columns; r += vl)
    for (int64_t c = 0; c < columns; c += vl)
      transpose_square(in + r * in_stride + c, in_stride,
                       larger<int64_t>(smaller(rows - r, vl), 0), smaller(columns - c, vl),
                       out + c * out_stride + r, out_stride, smaller(out_columns - r, vl));
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
