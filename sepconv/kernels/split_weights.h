// Weights for tile_product.h: the operand that stands beside H, after the weights that are not
// split.
#pragma once
#include "tile_product.h"
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

struct SplitWeights {
  // Whether tiles are faster, and as accurate. They take twice as many products a second, of whole
  // steps of the depth and whole tiles of filters, and each step of the depth takes as long to
  // split as 26 filters to multiply. (64 -> 64: 0.8 of the time; 48 -> 64: 1.1; 2026-11-22.)
  static bool suit(const Plan& p, const void* weights) {
    const double depth = double(p.depth()), filters = double(p.filters);
    const double padded = double(ceil_div(p.depth(), depth_unit) * depth_unit) *
                          double(ceil_div(p.filters, tile_edge) * tile_edge);
    if (padded + 26 * depth > 1.7 * depth * filters) return false;
    const float* w = static_cast<const float*>(weights);
    int64_t n = p.depth() * p.filters;
    Sizes sizes;
    for (; n >= lanes<float>; n -= lanes<float>, w += lanes<float>)
      sizes.see(split(load(w), F32{}, cut));
    if (n > 0) sizes.see(split(load_first(w, n), F32{}, cut));
    return !sizes.outside(least_weight_exponent);
  }

  // [before][split], in elements of float32.
  static int64_t before(int64_t elements) { return ceil_div(elements, 16) * 16; }
  static int64_t size(const Plan& p, int64_t elements) {
    return before(elements) + operand_size(p.filters, p.depth()) / 2;
  }
  static uint16_t* of(const Plan& p, int64_t elements) {
    float* weights = static_cast<float*>(const_cast<void*>(p.pointwise));
    return reinterpret_cast<uint16_t*>(weights + before(elements));
  }

  // w (depth, F) as the right operand: rows k and k + 16 of 32 side by side.
  static void pack_right(const Plan& p, const void* weights, uint16_t* out) {
    const int64_t F = p.filters, depth = p.depth();
    const float* w = static_cast<const float*>(weights);
    for (int64_t k = 0; k < depth; k += depth_unit)
      for (int64_t f = 0; f < F; f += tile_edge) {
        auto row = [&](int64_t i) {
          const int64_t n = smaller<int64_t>(tile_edge, F - f);
          return i < depth ? load_first(w + i * F + f, n) : F32{};
        };
        for (int64_t r = 0; r < tile_edge; r++)
          store_pieces(tile_row(out, depth, f, k / depth_unit, r),
                       split(row(k + r), row(k + r + tile_edge), rounded));
      }
  }
  // The same as the left operand, whose tiles are those of the right one turned.
  static void pack_left(const Plan& p, const void* weights, uint16_t* out) {
    pack_right(p, weights, out);
    uint16_t* end = out + operand_size(p.filters, p.depth());
    for (; out < end; out += tile_size) {
      float* pairs = reinterpret_cast<float*>(out);
      transpose(pairs, tile_edge, tile_edge, tile_edge, pairs, tile_edge, tile_edge);
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
