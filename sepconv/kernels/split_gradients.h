// The matrix products of the backward half by AMX. g of a tile is split twice: its rows stand beside
// the pointwise kernel, its columns beside H, whose columns are turned to rows.
//
// Rows of g that cannot be split are multiplied once more as without AMX, and so is the whole of H^T
// g of a tile in which a number cannot be split.
#pragma once
#include "gradient_tile.h"
#include "split_outer.h"
#include "split_weights.h"

namespace sepconv {
namespace SEPCONV_ISA {

// What the kernels are given for a layer: its tiles, and the pointwise kernel, transposed, panel by
// panel, after the weights that are not split.
struct SplitBackward {
  static constexpr int64_t columns = gemm_columns<float>;
  // g is split once for a block, which may be larger than L2: 728 -> 728 take 0.9 of the time of
  // 512 KiB (2026-11-23).
  static constexpr int64_t block_bytes = 2 << 20;

  // (On one thread 64 -> 64 take 1.02 of the time, 200 -> 64 0.99, 128 -> 128 0.9, 256 -> 256 0.82,
  // 728 -> 728 0.77; 2026-11-23.)
  static bool suits(const Plan& p, const void* pointwise) {
    return outer_pays(p.depth(), p.filters, 60) && SplitWeights::of(p).can_be_split(pointwise);
  }
  static int64_t tile(const Backward& b, int64_t block_panels) {
    constexpr int64_t bytes = 512 << 10;
    constexpr int64_t unit = 96;  // whole steps of the depth, and blocks of the depthwise half
    static_assert(unit % depth_unit == 0 && unit % depthwise_outputs == 0);
    const GradientLayout<float> l{b};
    const int64_t row = l.filter_vectors * l.vl * (4 + 4 * pieces) +
                        (l.phases + block_panels + 1) * l.width * 4 + columns * 2 * pieces;
    return larger<int64_t>(bytes / row / unit, 1) * unit;
  }

  static SplitWeights shape_of(const Backward& b) { return {1, b.plan.filters, columns, false}; }
  static int64_t panel_size(const Backward& b) {
    return operand_size(columns, depth_steps(b.plan.filters));
  }
  static const uint16_t* panel(const Backward& b, int64_t p) {
    const char* const place = static_cast<const char*>(b.packed) + gradient_packed_bytes<float>(b);
    return reinterpret_cast<const uint16_t*>(place) + p * panel_size(b);
  }
  static int64_t packed_bytes(const Backward& b) {
    return gradient_packed_bytes<float>(b) + b.panels.count * panel_size(b) * 2;
  }
  static void pack(const Backward& b, const void* depthwise, const void* pointwise, void* packed) {
    gradient_pack<float>(b, depthwise, pointwise, packed);
    for (int64_t p = 0; p < b.panels.count; p++)
      shape_of(b).pack_right(GradientLayout<float>{b}.pointwise(p),
                             const_cast<uint16_t*>(panel(b, p)));
  }
};

template <class T> struct SplitGradients : PointwiseGradients<T> {
  typedef PointwiseGradients<T> Plain;
  using Plain::cell, Plain::vl;

  const TileRegisters registers;
  const int64_t filter_steps;  // of the depth of dH
  uint16_t* const g_rows;
  const SplitOuter outer;
  bool tiles = false, g_whole = false;  // of the unit, of the tile

  explicit SplitGradients(const GradientCell<T>& cell)
      : Plain(cell), filter_steps(depth_steps(cell.filters)),
        g_rows(reinterpret_cast<uint16_t*>(cell.dh + cell.cut.block_panels * cell.dh_rows *
                                                         cell.width)),
        outer(g_rows + operand_size(cell.cut.tile, filter_steps), cell.cut.tile, cell.filters) {}

  static int64_t scratch_bytes(const Backward& b, const GradientCut& cut) {
    return 2 * operand_size(cut.tile, depth_steps(b.plan.filters)) +
           SplitOuter::bytes(cut.tile, b.plan.filters);
  }

  void take_g(const GradientUnit<T>& u, int64_t n) {
    tiles = u.in_class >= block_edge;
    if (!tiles) return;
    for (int64_t i = 0; i < n; i++)
      for (int64_t q = 0; q < filter_steps; q++)
        store_pieces(tile_row(g_rows, filter_steps, i, q, i % tile_edge), split_pair(i, q));
    g_whole = outer.take_g({cell.g, cell.g_stride}, n, cell.filter_vectors);
  }
  // Two vectors of a row of g.
  Pieces split_pair(int64_t i, int64_t q) const {
    const float* row = cell.g_row(i) + 2 * q * gemm_rows * vl;
    return split(load(row), 2 * q + 1 < cell.filter_vectors ? load(row + gemm_rows * vl) : F32{},
                 cut);
  }
  bool stands_apart(int64_t i) const {
    Sizes sizes;
    for (int64_t q = 0; q < filter_steps; q++) sizes.see(split_pair(i, q));
    return sizes.outside(least_exponent);
  }

  void by_h(int64_t p, int64_t n, Ahead& next, int64_t lines) const {
    if (!tiles) return Plain::by_h(p, n, next, lines);
    typedef TileProduct<float, HSide::left> Product;
    const int64_t columns = cell.width_of(panel_of(cell.b, p)), block = filter_steps * operand_step;
    const uint16_t* w = SplitBackward::panel(cell.b, p);
    Product product(Epilogue(), 1, filter_steps);
    const int64_t turns = product.turns(n, columns);
    for (int64_t k = 0; k < columns; k += block_edge)
      for (int64_t i = 0; i < n; i += block_edge)
        product.multiply({{g_rows + i / block_edge * block}, {w + k / block_edge * block},
                          cell.zeros(), cell.dh_row(p, i) + k, cell.width,
                          smaller<int64_t>(block_edge, n - i),
                          smaller<int64_t>(block_edge, columns - k)},
                         [&] { next.fetch(ceil_div(lines, turns)); });
    product.complete();
    if (g_whole) return;
    for (int64_t i = 0; i < n; i++)
      if (stands_apart(i)) Plain::rows_by_h(p, i, 1);
  }

  void by_pointwise(int64_t p, int64_t n, Ahead& next, int64_t lines) const {
    const int64_t width = cell.width_of(panel_of(cell.b, p));
    if (!tiles || !g_whole || !outer.take_h({cell.h, cell.h_stride}, n, width))
      return Plain::by_pointwise(p, n, next, lines);
    outer.add(n, width, cell.filter_vectors * vl, cell.sums_of(p),
              [&](int64_t turns) { next.fetch(ceil_div(lines, turns)); });
  }
};

// In the place of some of those of AVX-512.
static GradientKernels split_gradient_kernels(GradientKernels kernels) {
  typedef GradientTile<float, SplitGradients> Tile;
  kernels.packed_bytes = SplitBackward::packed_bytes, kernels.pack = SplitBackward::pack;
  kernels.tile = SplitBackward::tile, kernels.block_bytes = SplitBackward::block_bytes;
  kernels.scratch_bytes = Tile::scratch_bytes, kernels.run = Tile::run;
  kernels.suits = SplitBackward::suits;
  return kernels;
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
