// Products of matrices by AMX: blocks of 32 x 32 sums in four tiles, from operands that split.h made.
//
// Packed operands come as blocks of 32 rows of y, or columns, [depth / 32][piece][half][16][32]: a
// tile of the left one is 16 rows of 32 bfloat16, one of the right one 16 pairs of rows of 16. Which
// two of 32 places of the depth make a pair is the operands' affair. Each sum adds its products in
// an order of the depth alone, which is the same whether H stands left or right.
#pragma once
#include "activation.h"
#include "split.h"
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

constexpr int tile_edge = 16, block_edge = 2 * tile_edge, depth_unit = 32;
constexpr int64_t tile_size = tile_edge * depth_unit;        // of an operand, in bfloat16
constexpr int64_t operand_step = pieces * 2 * tile_size;     // for depth_unit of the depth

constexpr int64_t depth_steps(int64_t depth) { return ceil_div(depth, depth_unit); }
constexpr int64_t operand_size(int64_t length, int64_t steps) {
  return ceil_div(length, block_edge) * steps * operand_step;
}

// Where lane 0 of row r, below 16, of a tile lies, for row or column i and one of so many steps.
SEPCONV_INLINE uint16_t* tile_row(uint16_t* operand, int64_t steps, int64_t i, int64_t step,
                                  int64_t r) {
  return operand + (i / block_edge * steps + step) * operand_step + i / tile_edge % 2 * tile_size +
         r * depth_unit;
}
SEPCONV_INLINE void store_pieces(uint16_t* row, const Pieces& p) {
  SEPCONV_UNROLL for (int i = 0; i < pieces; i++)
    memcpy(row + i * 2 * tile_size, &p.of[i], sizeof p.of[i]);
}

// The thread's tile registers, all of full size: what lies beyond a matrix is computed and dropped.
class TileRegisters {
 public:
  TileRegisters() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    asm volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
  }
  ~TileRegisters() { _tile_release(); }
  TileRegisters(const TileRegisters&) = delete;
};

// Where the tiles of an operand lie, step by step of the depth.
struct PackedOperand {
  static constexpr int64_t row_bytes = 64;
  const uint16_t* at;

  SEPCONV_ALWAYS_INLINE const uint16_t* tile(int half, int piece) const {
    return at + (piece * 2 + half) * tile_size;
  }
  SEPCONV_ALWAYS_INLINE void next_step() { at += operand_step; }
  SEPCONV_ALWAYS_INLINE void next_run() {}
};

// Tiles 0 to 3 are the sums, 4 and 5 the left operand's halves, 6 and 7 the right one's. Each tile
// is loaded right after the last product that needs what it held: so loads from L2 hide behind
// products. (The numbers are part of the instructions, and so no variables.)
template <int lefts, int rights, class Left, class Right> struct TileBlock {
  Left left;
  Right right;

  SEPCONV_ALWAYS_INLINE void load_left(int half, int piece) const {
    if (half == 0) _tile_loadd(4, left.tile(0, piece), left.row_bytes);
    if (half == 1 && lefts == 2) _tile_loadd(5, left.tile(1, piece), left.row_bytes);
  }
  SEPCONV_ALWAYS_INLINE void load_right(int half, int piece) const {
    if (half == 0) _tile_loadd(6, right.tile(0, piece), right.row_bytes);
    if (half == 1 && rights == 2) _tile_loadd(7, right.tile(1, piece), right.row_bytes);
  }
  SEPCONV_ALWAYS_INLINE void multiply(int i, int j) const {
    if (i == 0 && j == 0) _tile_dpbf16ps(0, 4, 6);
    if (i == 0 && j == 1 && rights == 2) _tile_dpbf16ps(1, 4, 7);
    if (i == 1 && j == 0 && lefts == 2) _tile_dpbf16ps(2, 5, 6);
    if (i == 1 && j == 1 && lefts == 2 && rights == 2) _tile_dpbf16ps(3, 5, 7);
  }
  // The products of the pieces that are loaded, and then the next piece of one operand.
  SEPCONV_ALWAYS_INLINE void multiply_then_left(int piece) const {
    SEPCONV_UNROLL for (int i = 0; i < 2; i++) {
      multiply(i, 0), multiply(i, 1);
      load_left(i, piece);
    }
  }
  SEPCONV_ALWAYS_INLINE void multiply_then_right(int piece) const {
    SEPCONV_UNROLL for (int j = 0; j < 2; j++) {
      multiply(0, j), multiply(1, j);
      load_right(j, piece);
    }
  }

  // One step of the depth. H is the left operand or the right one, W the other; the products are
  // h1 w3, h1 w2, h1 w1, h3 w1, h2 w1, h2 w2. `meanwhile` is called three times.
  template <bool h_left, class Meanwhile> SEPCONV_ALWAYS_INLINE void step(Meanwhile meanwhile) {
    auto then_h = [&](int piece) __attribute__((always_inline)) {
      h_left ? multiply_then_left(piece) : multiply_then_right(piece);
    };
    auto then_w = [&](int piece) __attribute__((always_inline)) {
      h_left ? multiply_then_right(piece) : multiply_then_left(piece);
    };
    load_left(0, h_left ? 0 : 2), load_right(0, h_left ? 2 : 0);
    load_right(1, h_left ? 2 : 0), load_left(1, h_left ? 0 : 2);
    then_w(1), meanwhile();
    then_w(0);
    then_h(2), meanwhile();
    then_h(1);
    then_w(1), meanwhile();
    multiply(0, 0), multiply(0, 1), multiply(1, 0), multiply(1, 1);
    left.next_step(), right.next_step();
  }

  // The depth comes in so many runs of so many steps.
  template <bool h_left, class Meanwhile>
  void sum(int64_t runs, int64_t steps, float* sums, Meanwhile meanwhile) {
    asm volatile("" : : : "memory");  // the loads of tiles do not tell the compiler what they read
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t r = 0; r < runs; r++) {
      for (int64_t s = 0; s < steps; s++) step<h_left>(meanwhile);
      left.next_run(), right.next_run();
    }
    constexpr int64_t stride = block_edge * sizeof(float);
    _tile_stored(0, sums, stride);
    if (rights == 2) _tile_stored(1, sums + tile_edge, stride);
    if (lefts == 2) _tile_stored(2, sums + tile_edge * block_edge, stride);
    if (lefts == 2 && rights == 2) _tile_stored(3, sums + tile_edge * (block_edge + 1), stride);
    asm volatile("" : : : "memory");
  }
};

// The operand that H is: rows of y on the left, columns on the right; or on the left, and the sums
// are turned.
enum class HSide { left, right, left_turned };

// Blocks of y, one after the other. While the tiles sum up one block, the vector units add the bias
// to the one before, apply the activation, and write it.
template <class S, HSide side, class H = PackedOperand,
          BiasOf bias_of = side == HSide::left ? BiasOf::column : BiasOf::row>
class TileProduct {
 public:
  static constexpr bool turns_sums = side == HSide::left_turned, h_left = side != HSide::right;
  struct Block {
    H h;
    PackedOperand weights;
    const float* bias;  // of this block's columns or rows; or sums that lie as those of y
    S* y;
    int64_t y_stride, rows, columns;
  };

  TileProduct(const Epilogue& epilogue, int64_t runs, int64_t steps)
      : epilogue(epilogue), finish(epilogue), bounds(gemm_of<float>(0, finish)), runs(runs),
        steps(steps) {}
  ~TileProduct() { complete(); }
  TileProduct(const TileProduct&) = delete;

  // `meanwhile` is called in turns of the block.
  template <class Meanwhile> void multiply(const Block& block, Meanwhile meanwhile) {
    const int64_t left = turns_sums ? block.columns : block.rows;
    const int64_t right = turns_sums ? block.rows : block.columns;
    if (left > tile_edge)
      right > tile_edge ? sum<2, 2>(block, meanwhile) : sum<2, 1>(block, meanwhile);
    else
      right > tile_edge ? sum<1, 2>(block, meanwhile) : sum<1, 1>(block, meanwhile);
    complete();
    before = block, left_over = block.rows;
    turn ^= 1;
  }
  int64_t turns() const { return 3 * runs * steps; }
  int64_t turns(int64_t rows, int64_t columns) const {  // of a matrix, block by block
    return ceil_div(rows, block_edge) * ceil_div(columns, block_edge) * turns();
  }
  void complete() {  // what was multiplied is in y
    while (left_over > 0) finish_rows(gemm_rows);
  }

 private:
  template <int lefts, int rights, class Meanwhile>
  void sum(const Block& block, Meanwhile meanwhile) {
    // In turns that are even: where no other vector works for 2000 cycles, storing the tiles takes
    // 700 more (16 steps: 2240 instead of 1920 ns; 2026-11-23).
    const int64_t each = left_over / turns(), rest = left_over % turns();
    int64_t due = 0;
    auto between = [&] {
      due += rest;
      const bool another = due >= turns();
      due -= another ? turns() : 0;
      finish_rows(smaller<int64_t>(each + another, gemm_rows));
      meanwhile();
    };
    if constexpr (h_left) {
      TileBlock<lefts, rights, H, PackedOperand> tiles{block.h, block.weights};
      tiles.template sum<true>(runs, steps, sums[turn], between);
    } else {
      TileBlock<lefts, rights, PackedOperand, H> tiles{block.weights, block.h};
      tiles.template sum<false>(runs, steps, sums[turn], between);
    }
  }

  // The next n rows of the block before.
  void finish_rows(int64_t n) {
    n = smaller(n, left_over);
    if (n == 0) return;
    const int64_t row = before.rows - left_over;
    left_over -= n;
    const float* from = finished_sums(row == 0) + row * block_edge;
    finished(before.y + row * before.y_stride, before.y_stride, n, before.columns, epilogue,
             finish, [&](float* out, int64_t stride) {
               for (int64_t i = 0; i < n; i++, from += block_edge, out += stride)
                 for (int64_t j = 0; j < before.columns; j += tile_edge) {
                   const F32 v = load(from + j) + bias(row + i, j);
                   if (before.columns - j >= tile_edge)
                     store(out + j, bounded(v));
                   else
                     store_first(out + j, bounded(v), before.columns - j);
                 }
             });
  }
  F32 bias(int64_t row, int64_t column) const {
    if (bias_of == BiasOf::row) return splat(before.bias[row]);
    return load(before.bias + (bias_of == BiasOf::output ? row * before.y_stride : 0) + column);
  }
  // Those of the block before, with a row for each of y.
  const float* finished_sums(bool first) {
    if constexpr (!turns_sums) return sums[turn ^ 1];
    if (first) transpose(sums[turn ^ 1], block_edge, block_edge, block_edge, turned, block_edge,
                         block_edge);
    return turned;
  }
  F32 bounded(F32 v) const {
    if (!bounds.clamp) return v;
    return at_most<float>(at_least<float>(v, splat(bounds.low)), splat(bounds.high));
  }

  const Epilogue epilogue;
  const Finish<float> finish;
  const GemmBlock<float> bounds;
  const int64_t runs, steps;
  Block before{};
  int64_t left_over = 0;  // rows of the block before that are not in y yet
  int turn = 0;
  alignas(64) float sums[2][block_edge * block_edge];
  alignas(64) float turned[turns_sums ? block_edge * block_edge : 1];
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
