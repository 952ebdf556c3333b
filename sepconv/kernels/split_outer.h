// H^T g by AMX, added to sums, from rows of both in the layout of the matrix product's rows. The
// numbers of two rows make a pair; H is turned besides, for its channels are the rows of the sums.
#pragma once
#include "gemm.h"
#include "tile_product.h"

namespace sepconv {
namespace SEPCONV_ISA {

// [row block][...][gemm_rows][lanes], and how far row blocks lie apart.
struct RowBlocks {
  const float* data;
  int64_t stride;
  // Vector q of row i; zeros from row n on.
  F32 vector(int64_t i, int64_t q, int64_t n) const {
    return i < n ? load(row_in_blocks(data, stride, i) + q * gemm_rows * lanes<float>) : F32{};
  }
};

// Whether tiles are faster, where to split a number of g or H takes as long as they gain with so many
// products.
SEPCONV_INLINE bool outer_pays(int64_t depth, int64_t filters, double products) {
  return double(depth) * double(filters) >= products * double(depth + filters);
}

class SplitOuter {
 public:
  static constexpr int64_t most_width = gemm_columns<float>;  // of H at once

  static int64_t bytes(int64_t rows, int64_t filters) {
    return 2 * (operand_size(filters, depth_steps(rows)) +
                operand_size(most_width, depth_steps(rows)));
  }
  SplitOuter(uint16_t* memory, int64_t rows, int64_t filters)
      : steps(depth_steps(rows)), g_columns(memory),
        h_rows(memory + operand_size(filters, steps)) {}

  // n rows of so many vectors. Returns whether all numbers can be split.
  bool take_g(RowBlocks g, int64_t n, int64_t vectors) const {
    Sizes sizes;
    for (int64_t s = 0; s < depth_steps(n); s++)
      for (int64_t q = 0; q < vectors; q++)
        for (int64_t r = 0; r < tile_edge; r++) {
          const int64_t i = s * depth_unit + r;
          put(g_columns, q * tile_edge, s, r, g.vector(i, q, n), g.vector(i + tile_edge, q, n),
              sizes);
        }
    return !sizes.outside(least_exponent);
  }
  // The same of H, of whose channels `width` are taken.
  bool take_h(RowBlocks h, int64_t n, int64_t width) const {
    constexpr int vl = lanes<float>;
    Sizes sizes;
    alignas(64) float turned[2][vl * vl];  // [half of the rows][channel][row]
    for (int64_t s = 0; s < depth_steps(n); s++)
      for (int64_t q = 0; q < width / vl; q++) {
        for (int64_t half = 0; half < 2; half++) {
          F32 v[vl];
          SEPCONV_UNROLL for (int r = 0; r < vl; r++)
            v[r] = h.vector(s * depth_unit + half * vl + r, q, n);
          transpose_squares<float, 1>(v);
          SEPCONV_UNROLL for (int r = 0; r < vl; r++) store(turned[half] + r * vl, v[r]);
        }
        for (int64_t r = 0; r < tile_edge; r++)
          put(h_rows, q * tile_edge, s, r, load(turned[0] + r * vl), load(turned[1] + r * vl),
              sizes);
      }
    return !sizes.outside(least_exponent);
  }

  // What was taken, to sums of `width` rows of so many columns. `meanwhile` is told of how many
  // turns each is one.
  template <class Meanwhile>
  void add(int64_t n, int64_t width, int64_t columns, float* sums, Meanwhile meanwhile) const {
    TileProduct<float, HSide::left, PackedOperand, BiasOf::output> product(Epilogue(), 1,
                                                                           depth_steps(n));
    const int64_t block = steps * operand_step;
    const int64_t turns = product.turns(width, columns);
    for (int64_t f = 0; f < columns; f += block_edge)
      for (int64_t k = 0; k < width; k += block_edge) {
        float* const sum = sums + k * columns + f;
        product.multiply({{h_rows + k / block_edge * block}, {g_columns + f / block_edge * block},
                          sum, sum, columns, smaller<int64_t>(block_edge, width - k),
                          smaller<int64_t>(block_edge, columns - f)},
                         [&] { meanwhile(turns); });
      }
  }

 private:
  SEPCONV_ALWAYS_INLINE void put(uint16_t* operand, int64_t i, int64_t s, int64_t r, F32 first,
                                 F32 second, Sizes& sizes) const {
    const Pieces p = split(first, second, cut);
    sizes.see(p);
    store_pieces(tile_row(operand, steps, i, s, r), p);
  }

  const int64_t steps;  // of the depth, at most
  uint16_t *const g_columns, *const h_rows;
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
