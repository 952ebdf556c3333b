// channels_first by AMX: H is the right operand.
#pragma once
#include "channels_first.h"
#include "split_layers.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S> struct SplitFirst : SplitLayer<ChannelsFirst<S>, row_panel> {
  typedef ChannelsFirst<S> Format;
  typedef SplitLayer<Format, row_panel> Layer;
  typedef TileProduct<S, HSide::right> Product;
  using Layer::format, Layer::plan, Layer::steps, Layer::split_h, Layer::weights;
  using Layer::filters_begin, Layer::filters_end;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    if (!Layer::pays(plan, call)) return Format::run(plan, call, in_row_blocks(plan, tile), scratch);
    const SplitFirst job{Layer::job(plan, call, tile, scratch)};
    const TileRegisters registers;
    Product product(plan.epilogue, 1, job.steps);
    job.format.strips([&](int64_t begin, int64_t n) {
      Splitting part(job);
      job.format.depthwise_half(begin, n, part);
      job.multiply(begin, n, product, job.format.next_of(begin, n));
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
    static constexpr int64_t columns = Format::columns, panel = depth_unit * columns;  // of H
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
          store_pieces(tile_row(job.split_h, job.steps, i, k / depth_unit, r), p);
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
  void multiply(int64_t begin, int64_t n, Product& product, Ahead&& next) const {
    const int64_t block = steps * operand_step;
    const int64_t lines = lines_a_turn(next, n, filters_end() - filters_begin(), product);
    for (int64_t f = filters_begin(); f < filters_end(); f += block_edge)
      for (int64_t i = 0; i < n; i += block_edge)
        product.multiply({{split_h + i / block_edge * block}, {weights + f / block_edge * block},
                          static_cast<const float*>(plan.bias) + f, output(begin + i, f),
                          format.call.out_steps, smaller<int64_t>(block_edge, plan.filters - f),
                          smaller<int64_t>(block_edge, n - i)},
                         [&] { next.fetch(lines); });
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

  static void pack(const Plan& p, const void* depthwise, const void* pointwise, const void* bias) {
    Format::pack(p, depthwise, pointwise, bias);
    SplitWeights::of(p).pack_left(pointwise, Layer::weights_of(p));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
