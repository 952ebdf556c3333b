// What both data formats of a layer have whose pointwise half is multiplied by AMX.
//
// H is computed as ever, in parts that are split while they are in L1. Where a number of H cannot
// be split, the outputs of its step are computed once more as without AMX: so the bits of an output
// depend on its own window, the layer and the length of a sample alone.
#pragma once
#include "split_weights.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Whether tiles pay for samples of this length, which takes some steps for whole tiles, and some
// products for their set-up. (Separable layers, medians, 2026-11-22: 256 -> 256 filters take 1.9 of
// the time without tiles for 4 steps, 1.04 for 8, 0.77 for 16; 64 -> 64 take 1.2 for 33 steps, 1.0
// for 98. Convolutions of one tap, fastest calls, 2026-11-23: 64 -> 64 take 1.07 for 33 steps, 0.90
// for 64.)
SEPCONV_INLINE bool tiles_pay(const Plan& p, const Call& call, int64_t depth,
                              double least_products) {
  return ceil_div(call.out_steps, p.classes) >= tile_edge &&
         double(call.out_steps) * double(depth) * double(p.filters) >= least_products;
}

// To fetch in each turn while a strip of n outputs is multiplied.
template <class Product>
SEPCONV_INLINE int64_t lines_a_turn(const Ahead& next, int64_t n, int64_t filters,
                                    const Product& product) {
  return ceil_div(next.lines(), product.turns(n, filters));
}

// channels_first: so many filters make a panel, which is whole blocks of gemm_rows, as without
// tiles, and with tiles.
constexpr int row_panel = gemm_rows * tile_edge;
SEPCONV_INLINE Tile in_row_blocks(const Plan& p, Tile tile) {
  tile.panel_begin *= row_panel / gemm_rows;
  tile.panel_end = smaller(tile.panel_end * (row_panel / gemm_rows),
                           ceil_div(p.filters, gemm_rows));
  return tile;
}

// A job of a layer in the data format `Format`, dealt out in panels of so many filters.
template <class Format, int panel> struct SplitLayer {
  static constexpr int filters = panel;
  // H of a strip, which stays in L2 beside the weights of 32 filters.
  static constexpr int64_t split_bytes = 1 << 20, kept_weights = 1 << 20;

  const Format format;
  const Plan& plan;
  const int64_t steps;  // of the depth
  uint16_t* const split_h;  // the operand of a strip
  const uint16_t* const weights;

  static SplitLayer job(const Plan& p, const Call& call, const Tile& tile, void* scratch) {
    char* const operand = static_cast<char*>(scratch) + format_bytes(p);
    return {Format::job(p, call, tile, scratch), p, steps_of(p),
            reinterpret_cast<uint16_t*>(operand), weights_of(p)};
  }

  // Weights that do not stay in L2 from strip to strip are read less often by long ones. In
  // channels_first others gain by long ones, too: they read more of a row of x at once. (500 steps in
  // one strip instead of two, 200 -> 64 filters: 0.95 of the time; 2026-11-23.)
  static int64_t strip(const Plan& p) {
    constexpr int64_t long_strip = 1536;
    const int64_t fitting = split_bytes / (steps_of(p) * operand_step * 2) * block_edge;
    const bool kept = operand_size(p.filters, steps_of(p)) * 2 <= kept_weights;
    const int64_t longest = Format::time_in_columns ? long_strip : Format::strip_rows(p);
    return Format::strip_of(p, kept ? smaller(longest, fitting) : fitting);
  }
  static int64_t steps_of(const Plan& p) { return depth_steps(p.depth()); }
  static int64_t format_bytes(const Plan& p) {  // whole cache lines
    return ceil_div(Format::scratch_bytes(p), 64) * 64;
  }
  static int64_t scratch_bytes(const Plan& p) {
    return format_bytes(p) + operand_size(p.strip, steps_of(p)) * 2;
  }

  static bool suits(const Plan& p, const void* pointwise) {
    const SplitWeights weights = SplitWeights::of(p);
    return weights.pay(double(p.depth()), 1.7) && weights.can_be_split(pointwise);
  }
  static bool pays(const Plan& p, const Call& call) {
    return tiles_pay(p, call, p.depth(), 1 << 19);
  }
  static PackedSizes packed_sizes(const Plan& p) {
    PackedSizes sizes = Format::packed_sizes(p);
    sizes.pointwise = SplitWeights::of(p).after(sizes.pointwise);
    return sizes;
  }
  static uint16_t* weights_of(const Plan& p) {
    return SplitWeights::place(p, Format::packed_sizes(p).pointwise);
  }

  int64_t filters_begin() const { return format.tile.panel_begin * panel; }
  int64_t filters_end() const { return smaller(format.tile.panel_end * panel, plan.filters); }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
