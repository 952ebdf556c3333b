// channels_last by AMX: H is the left operand.
#pragma once
#include "channels_last.h"
#include "split_layers.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S>
struct SplitLast : SplitLayer<ChannelsLast<S>, gemm_columns<float>> {  // panels as without tiles
  typedef ChannelsLast<S> Format;
  typedef SplitLayer<Format, gemm_columns<float>> Layer;
  typedef TileProduct<S, HSide::left> Product;
  static constexpr int vl = lanes<float>;
  using Layer::format, Layer::plan, Layer::steps, Layer::split_h, Layer::weights;
  using Layer::filters_begin, Layer::filters_end;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    if (!Layer::pays(plan, call)) return Format::run(plan, call, tile, scratch);
    const SplitLast job{Layer::job(plan, call, tile, scratch)};
    const TileRegisters registers;
    Product product(plan.epilogue, 1, job.steps);
    job.format.strips([&](int64_t c, int64_t begin, int64_t n) {
      const int64_t row = job.format.row_of(c, begin);
      Splitting part(job);
      job.format.depthwise_half(row, n, part);
      job.multiply(c, begin, n, product, job.format.next_of(row, n));
      if (!part.sizes.outside(least_exponent)) return;
      product.complete();
      job.format.depthwise_half(row, n);
      for (int64_t i = 0; i < n; i++)
        if (job.stands_apart(i)) job.multiply_apart(c, begin, i);
    });
  }

  // H in parts, each to the left operand while it is in L1: some outputs of some vectors, or all
  // outputs of two vectors.
  struct Splitting {
    // 6 KiB with as much of x. (512 -> 128 filters take 1.12 of the time with all 32; 2026-11-23.)
    static constexpr int64_t ring_vectors = 8;
    const SplitLast& job;
    const bool in_place;
    const int64_t vectors, stride;
    Sizes sizes;

    explicit Splitting(const SplitLast& job)
        : job(job), in_place(Format::in_place(job.plan)),
          vectors(in_place ? smaller(job.format.depth_vectors, ring_vectors) : 2),
          stride(vectors * gemm_rows * vl) {}
    float* at(int64_t i, int64_t q) const {
      return job.format.h + (in_place ? i % depthwise_outputs : i) / gemm_rows * stride +
             q % vectors * gemm_rows * vl;
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
        out[r] = tile_row(job.split_h, job.steps, i + r, q0 / 2, (i + r) % tile_edge);
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
    return row_in_blocks(format.h, format.h_stride, i);
  }

  S* output(int64_t c, int64_t step, int64_t filter) const {
    return format.y + (c + plan.classes * step) * plan.filters + filter;
  }

  void multiply(int64_t c, int64_t begin, int64_t n, Product& product, Ahead&& next) const {
    const int64_t block = steps * operand_step;
    const int64_t lines = lines_a_turn(next, n, filters_end() - filters_begin(), product);
    for (int64_t f = filters_begin(); f < filters_end(); f += block_edge)
      for (int64_t i = 0; i < n; i += block_edge)
        product.multiply({{split_h + i / block_edge * block}, {weights + f / block_edge * block},
                          static_cast<const float*>(plan.bias) + f, output(c, begin + i, f),
                          plan.classes * plan.filters, smaller<int64_t>(block_edge, n - i),
                          smaller<int64_t>(block_edge, plan.filters - f)},
                         [&] { next.fetch(lines); });
  }

  // Row i of the strip, without AMX.
  void multiply_apart(int64_t c, int64_t begin, int64_t i) const {
    const Finish<float> finish(plan.epilogue);
    GemmBlock<float> g = gemm_of<float>(plan.depth(), finish);
    g.a = row_apart(i);
    for (int64_t f = filters_begin(); f < filters_end(); f += Layer::filters) {
      g.b = static_cast<const float*>(plan.pointwise) + f * g.depth;
      g.bias = static_cast<const float*>(plan.bias) + f;
      g.columns = smaller<int64_t>(Layer::filters, plan.filters - f);
      gemm_finished<S, BiasOf::column>(output(c, begin + i, f), 0, 1, g, plan.epilogue, finish);
    }
  }

  static void pack(const Plan& p, const void* depthwise, const void* pointwise, const void* bias) {
    Format::pack(p, depthwise, pointwise, bias);
    SplitWeights::of(p).pack_right(pointwise, Layer::weights_of(p));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
