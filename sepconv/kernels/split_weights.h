// Weights for tile_product.h: the operand that stands beside H, after the weights that are not
// split.
#pragma once
#include "tile_product.h"
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Weights (runs, depth, filters), each run in steps of its own.
struct SplitWeights {
  const int64_t runs, depth, filters;
  const bool neighbours;  // places 2 r and 2 r + 1 of a step make a pair, else r and r + 16

  static SplitWeights of(const Plan& p) { return {1, p.depth(), p.filters, false}; }
  int64_t steps() const { return runs * depth_steps(depth); }

  // Whether tiles are faster, for an H of which so many numbers a step are split. They take `gain`
  // times as many products a second, of whole steps of the depth and whole tiles of filters; to
  // split a number takes as long as 26 products. (Separable 64 -> 64: 0.8 of the time, 48 -> 64: 1.1;
  // 2026-11-22. One tap, 128 -> 32: 0.77, 256 -> 29: 0.74; three, 64 -> 16: 0.47; 2026-11-23.)
  bool pay(double split, double gain) const {
    const double padded = double(steps() * depth_unit) *
                          double(ceil_div(filters, tile_edge) * tile_edge);
    return padded + 26 * split <= gain * double(runs * depth) * double(filters);
  }
  // Whether they are as accurate.
  bool can_be_split(const void* weights) const {
    const float* w = static_cast<const float*>(weights);
    int64_t n = runs * depth * filters;
    Sizes sizes;
    for (; n >= lanes<float>; n -= lanes<float>, w += lanes<float>)
      sizes.see(split(load(w), F32{}, cut));
    if (n > 0) sizes.see(split(load_first(w, n), F32{}, cut));
    return !sizes.outside(least_weight_exponent);
  }

  // [before][split], in elements of float32.
  static int64_t rounded_up(int64_t before) { return ceil_div(before, 16) * 16; }
  int64_t after(int64_t before) const {
    return rounded_up(before) + operand_size(filters, steps()) / 2;
  }
  static uint16_t* place(const Plan& p, int64_t before) {
    float* weights = static_cast<float*>(const_cast<void*>(p.pointwise));
    return reinterpret_cast<uint16_t*>(weights + rounded_up(before));
  }

  // As the right operand, whose rows are pairs.
  void pack_right(const void* weights, uint16_t* out) const {
    const float* w = static_cast<const float*>(weights);
    int64_t step = 0;
    for (int64_t run = 0; run < runs; run++, w += depth * filters)
      for (int64_t k = 0; k < depth; k += depth_unit, step++)
        for (int64_t f = 0; f < filters; f += tile_edge) {
          auto row = [&](int64_t i) {
            const int64_t n = smaller<int64_t>(tile_edge, filters - f);
            return i < depth ? load_first(w + i * filters + f, n) : F32{};
          };
          for (int64_t r = 0; r < tile_edge; r++) {
            const int64_t first = k + (neighbours ? 2 * r : r);
            store_pieces(tile_row(out, steps(), f, step, r),
                         split(row(first), row(first + (neighbours ? 1 : tile_edge)), rounded));
          }
        }
  }
  // As the left operand, whose tiles are those of the right one turned.
  void pack_left(const void* weights, uint16_t* out) const {
    pack_right(weights, out);
    uint16_t* end = out + operand_size(filters, steps());
    for (; out < end; out += tile_size) {
      float* pairs = reinterpret_cast<float*>(out);
      transpose(pairs, tile_edge, tile_edge, tile_edge, pairs, tile_edge, tile_edge);
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
