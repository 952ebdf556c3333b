// The separable convolution with its pointwise half by AMX. H is computed as ever, then split.
//
// Where a number of H cannot be split, the outputs of its step are computed once more as without
// AMX: so the bits of an output depend on its own window alone.
#pragma once
#include "channels_first.h"
#include "channels_last.h"
#include "split_weights.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Working memory of a layer of either format: what that of `Format` needs, and H of a strip split.
template <class Format> struct SplitScratch {
  static constexpr int64_t split_bytes = 1 << 20;  // with weights of 32 filters, in L2

  static int64_t strip(const Plan& p) {
    const int64_t fitting = split_bytes / (operand_block(p.depth()) * 2) * block_edge;
    const int64_t unit = Format::strip_unit;
    return larger<int64_t>(smaller(Format::strip(p), fitting) / unit, 1) * unit;
  }
  static int64_t before(const Plan& p) { return ceil_div(Format::scratch_bytes(p), 64) * 64; }
  static int64_t bytes(const Plan& p) { return before(p) + operand_size(p.strip, p.depth()) * 2; }
  static uint16_t* of(const Plan& p, void* scratch) {
    return reinterpret_cast<uint16_t*>(static_cast<char*>(scratch) + before(p));
  }
};

template <class S> struct SplitLast {
  typedef ChannelsLast<S> Format;
  typedef SplitScratch<Format> Scratch;
  typedef TileProduct<S, true> Product;
  static constexpr int vl = lanes<float>;

  const Format format;
  uint16_t* const split_h;
  const Plan& plan;
  const uint16_t* const weights;

  static int64_t strip(const Plan& p) { return Scratch::strip(p); }
  static int64_t scratch_bytes(const Plan& p) { return Scratch::bytes(p); }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const SplitLast job{Format::job(plan, call, tile, scratch), Scratch::of(plan, scratch), plan,
                        SplitWeights::of(plan, Format::packed_sizes(plan).pointwise)};
    const TileRegisters registers;
    Product product(plan);
    job.format.strips([&](int64_t c, int64_t begin, int64_t n) {
      const int64_t row = job.format.row_of(c, begin);
      Splitting part(job);
      job.format.depthwise_half(row, n, part);
      job.multiply(c, begin, n, product);
      if (!part.sizes.outside(least_exponent)) return;
      product.complete();
      job.format.depthwise_half(row, n);
      for (int64_t i = 0; i < n; i++)
        if (job.stands_apart(i)) job.multiply_apart(c, begin, i);
    });
  }

  // H in parts, each to the left operand while it is in L1: some outputs of all vectors, or all
  // outputs of two vectors.
  struct Splitting {
    const SplitLast& job;
    const bool all_vectors;
    const int64_t stride;
    Sizes sizes;

    explicit Splitting(const SplitLast& job)
        : job(job), all_vectors(Format::in_place(job.plan)),
          stride((all_vectors ? job.format.depth_vectors : 2) * gemm_rows * vl) {}
    float* at(int64_t i, int64_t q) const {
      return job.format.h + (all_vectors ? i % depthwise_outputs : i) / gemm_rows * stride +
             (all_vectors ? q : q % 2) * gemm_rows * vl;
    }
    void done(int64_t i, int64_t n, int64_t q0, int64_t q1) {
      for (; n > 0; i += gemm_rows, n -= gemm_rows)
        if (n >= gemm_rows)
          split_rows<gemm_rows>(i, gemm_rows, q0, q1);
        else
          split_rows<0>(i, n, q0, q1);
    }
    // n rows of one row block, `all` of them or as many as n says.
    template <int all> void split_rows(int64_t i, int64_t n, int64_t q0, int64_t q1) {
      Sizes seen = sizes;
      uint16_t* out[gemm_rows];
      for (int64_t r = 0; r < (all ? all : n); r++)
        out[r] = tile_row(job.split_h, job.plan.depth(), i + r, q0 / 2, (i + r) % tile_edge);
      for (int64_t q = q0; q < q1; q += 2) {
        const float* in = at(i, q);
        const int64_t channels = job.plan.depth() - q * vl;
        for (int64_t r = 0; r < (all ? all : n); r++) {
          const Pieces p = split_pair(in + r * vl, channels);
          seen.see(p);
          store_pieces(out[r], p);
          out[r] += operand_step;
        }
      }
      sizes = seen;
    }
  };
  // Two vectors of a row of H, zeros after its last channel.
  SEPCONV_ALWAYS_INLINE static Pieces split_pair(const float* in, int64_t channels) {
    const float* next = in + gemm_rows * vl;
    if (channels >= depth_unit) return split(load(in), load(next), cut);
    if (channels > vl) return split(load(in), load_first(next, channels - vl), cut);
    return split(load_first(in, channels), F32{}, cut);
  }

  bool stands_apart(int64_t i) const {
    Sizes sizes;
    for (int64_t k = 0; k < plan.depth(); k += depth_unit)
      sizes.see(split_pair(row_apart(i) + k * gemm_rows, plan.depth() - k));
    return sizes.outside(least_exponent);
  }
  const float* row_apart(int64_t i) const {
    return format.h + i / gemm_rows * format.h_stride + i % gemm_rows * vl;
  }

  S* output(int64_t c, int64_t step, int64_t filter) const {
    return format.y + (c + plan.classes * step) * plan.filters + filter;
  }

  void multiply(int64_t c, int64_t begin, int64_t n, Product& product) const {
    const int64_t F = plan.filters, block = operand_block(plan.depth());
    const int64_t panels = format.tile.panel_end - format.tile.panel_begin;
    auto next = format.lines_of_next(format.row_of(c, begin), n);
    const int64_t lines = ceil_div(next.left, ceil_div(n, block_edge) * panels);
    for (int64_t f = format.tile.panel_begin * block_edge;
         f < smaller(format.tile.panel_end * block_edge, F); f += block_edge)
      for (int64_t i = 0; i < n; i += block_edge) {
        product.multiply({split_h + i / block_edge * block, weights + f / block_edge * block,
                          static_cast<const float*>(plan.bias) + f, output(c, begin + i, f),
                          plan.classes * F, smaller<int64_t>(block_edge, n - i),
                          smaller<int64_t>(block_edge, F - f)}, [&](int64_t n) {
                            next.fetch(ceil_div(lines, n)); });
      }
  }

  // Row i of the strip, without AMX.
  void multiply_apart(int64_t c, int64_t begin, int64_t i) const {
    constexpr int64_t columns = gemm_columns<float>;
    const Finish<float> finish(plan.epilogue);
    GemmBlock<float> g = gemm_of<float>(plan.depth(), finish);
    g.a = row_apart(i);
    for (int64_t f = format.tile.panel_begin * block_edge;
         f < smaller(format.tile.panel_end * block_edge, plan.filters); f += block_edge) {
      g.b = static_cast<const float*>(plan.pointwise) + f / columns * columns * g.depth +
            f % columns;
      g.bias = static_cast<const float*>(plan.bias) + f;
      g.columns = smaller<int64_t>(block_edge, plan.filters - f);
      gemm_finished<S, BiasOf::column>(output(c, begin + i, f), 0, 1, g, plan.epilogue, finish);
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    PackedSizes sizes = Format::packed_sizes(p);
    sizes.pointwise = SplitWeights::size(p, sizes.pointwise);
    return sizes;
  }
  static void pack(const Plan& p, const void* depthwise, const void* pointwise, const void* bias) {
    Format::pack(p, depthwise, pointwise, bias);
    SplitWeights::pack_right(p, pointwise,
                             SplitWeights::of(p, Format::packed_sizes(p).pointwise));
  }
};

template <class S> struct SplitFirst {
  typedef ChannelsFirst<S> Format;
  typedef SplitScratch<Format> Scratch;
  typedef TileProduct<S, false> Product;

  const Format format;
  uint16_t* const split_h;
  const Plan& plan;
  const uint16_t* const weights;

  static int64_t strip(const Plan& p) { return Scratch::strip(p); }
  static int64_t scratch_bytes(const Plan& p) { return Scratch::bytes(p); }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const SplitFirst job{Format::job(plan, call, tile, scratch), Scratch::of(plan, scratch), plan,
                         SplitWeights::of(plan, Format::packed_sizes(plan).pointwise)};
    const TileRegisters registers;
    Product product(plan);
    job.format.strips([&](int64_t begin, int64_t n) {
      Splitting part(job);
      job.format.depthwise_half(begin, n, part);
      job.multiply(begin, n, product);
      if (!part.sizes.outside(least_exponent)) return;
      product.complete();
      job.format.depthwise_half(begin, n);
      for (int64_t i = 0; i < n; i++)
        if (job.stands_apart(i)) job.multiply_apart(begin, i);
    });
  }

  // H in parts, each to the right operand while it is in L1: all outputs of 32 channels.
  struct Splitting {
    const SplitFirst& job;
    static constexpr int64_t panel = depth_unit * Format::columns;
    Sizes sizes;

    explicit Splitting(const SplitFirst& job) : job(job) {}
    float* row(int64_t k) const { return job.format.h + k % depth_unit * Format::columns; }
    void done(int64_t k, int64_t n) {
      const int64_t depth = job.plan.depth(), rows = k % depth_unit + 1;
      if (rows < depth_unit && k + 1 < depth) return;
      Sizes seen = sizes;
      for (int64_t i = 0; i < n; i += tile_edge) {
        const float* in = job.format.h + i / Format::columns * panel + i % Format::columns;
        const int64_t exist = smaller<int64_t>(tile_edge, n - i);  // columns of H
        auto row = [&](int64_t r) {
          return r < rows ? load_first(in + r * Format::columns, exist) : F32{};
        };
        for (int64_t r = 0; r < tile_edge; r++) {
          const Pieces p = split(row(r), row(r + tile_edge), cut);
          seen.see(p);
          store_pieces(tile_row(job.split_h, depth, i, k / depth_unit, r), p);
        }
      }
      sizes = seen;
    }
  };

  bool stands_apart(int64_t i) const {
    Sizes sizes;
    const float* column = column_apart(i);
    for (int64_t k = 0; k < plan.depth(); k++)
      sizes.see(split(F32{} + column[k * Format::columns], F32{}, cut));
    return sizes.outside(least_exponent);
  }
  const float* column_apart(int64_t i) const {
    return format.h + i / Format::columns * format.panel + i % Format::columns;
  }

  S* output(int64_t step, int64_t filter) const {
    return format.y + filter * format.call.out_steps + step;
  }
  int64_t filters_begin() const { return format.tile.panel_begin * block_edge; }
  int64_t filters_end() const {
    return smaller(format.tile.panel_end * block_edge, plan.filters);
  }

  void multiply(int64_t begin, int64_t n, Product& product) const {
    const int64_t block = operand_block(plan.depth());
    for (int64_t f = filters_begin(); f < filters_end(); f += block_edge)
      for (int64_t i = 0; i < n; i += block_edge)
        product.multiply({weights + f / block_edge * block, split_h + i / block_edge * block,
                          static_cast<const float*>(plan.bias) + f, output(begin + i, f),
                          format.call.out_steps, smaller<int64_t>(block_edge, plan.filters - f),
                          smaller<int64_t>(block_edge, n - i)}, [](int64_t) {});
  }

  // Step i of the strip, without AMX. What a vector reads after it is not stored.
  void multiply_apart(int64_t begin, int64_t i) const {
    constexpr int64_t vl = lanes<float>;
    const Finish<float> finish(plan.epilogue);
    GemmBlock<float> g = gemm_of<float>(plan.depth(), finish);
    g.b = column_apart(i);
    g.columns = 1;
    const int64_t block = ceil_div(g.depth, vl) * gemm_rows * vl;
    for (int64_t f = filters_begin(); f < filters_end(); f++) {
      g.a = static_cast<const float*>(plan.pointwise) + f / gemm_rows * block + f % gemm_rows * vl;
      g.bias = static_cast<const float*>(plan.bias) + f;
      gemm_finished<S, BiasOf::row>(output(begin + i, f), 0, 1, g, plan.epilogue, finish);
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    PackedSizes sizes = Format::packed_sizes(p);
    sizes.pointwise = SplitWeights::size(p, sizes.pointwise);
    return sizes;
  }
  static void pack(const Plan& p, const void* depthwise, const void* pointwise, const void* bias) {
    Format::pack(p, depthwise, pointwise, bias);
    SplitWeights::pack_left(p, pointwise,
                            SplitWeights::of(p, Format::packed_sizes(p).pointwise));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
