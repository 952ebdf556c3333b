// A convolution of all channels by AMX. x is split once, not window by window: that of a strip
// stands as [piece][step * channels + c], where a window is one run, or with dilation a run for each
// tap, and 16 neighbouring windows are the rows of a tile. What a run's last step of the depth reads
// after the run meets weights of 0.
//
// A step of x with a number that cannot be split counts as zeros, and the outputs that read it are
// computed once more as without AMX.
#pragma once
#include "convolution.h"
#include "split_layers.h"

namespace sepconv {
namespace SEPCONV_ISA {

// Neighbouring windows of the split x, from one step of the depth to the next.
struct WindowOperand {
  const uint16_t* at;
  int64_t row_bytes, half, piece;  // elements from one half, and from one piece, to the next
  int64_t to_next_run;             // from the end of a run's last step of the depth

  SEPCONV_ALWAYS_INLINE const uint16_t* tile(int half_of, int piece_of) const {
    return at + half_of * half + piece_of * piece;
  }
  SEPCONV_ALWAYS_INLINE void next_step() { at += depth_unit; }
  SEPCONV_ALWAYS_INLINE void next_run() { at += to_next_run; }
};

// What both data formats have; a panel has so many filters. `Layer`, its child, splits steps within x,
// says of one whether it can be split, and writes blocks of y.
template <class Layer, class Format, int panel> struct SplitConvolution {
  static constexpr int vl = lanes<float>, filters = panel;
  // Of a strip, beside the weights of 32 filters in L2.
  static constexpr int64_t split_bytes = 1 << 20, y_bytes = 256 << 10;
  static constexpr int64_t most_steps = (1 << 20) / (operand_step * 2);

  const Plan& plan;
  const Call& call;
  const Tile& tile;
  const Format format;
  const SplitWeights shape;
  const int64_t piece;  // elements of one piece of a strip's x
  uint16_t* const split_x;
  const uint16_t* const weights;

  // `same` is the tile in the format's own panels.
  static SplitConvolution job(const Plan& p, const Call& call, const Tile& tile, const Tile& same,
                              void* scratch) {
    char* const operand = static_cast<char*>(scratch) + format_bytes(p);
    return {p, call, tile, Format::job(p, call, same, scratch), shape_of(p),
            piece_size(p, p.strip), reinterpret_cast<uint16_t*>(operand), weights_of(p)};
  }

  static SplitWeights shape_of(const Plan& p) {
    const bool one_run = p.dilation == 1 || p.taps == 1;
    return {one_run ? 1 : p.taps, one_run ? p.taps * p.channels : p.channels, p.filters, true};
  }
  static bool suits(const Plan& p, const void* kernel) {
    const SplitWeights shape = shape_of(p);
    const double read = double((block_edge - 1) * p.stride + p.span()) * double(p.channels);
    return shape.steps() <= most_steps && read * pieces * 2 <= split_bytes &&
           shape.pay(double(smaller(p.stride, p.span()) * p.channels), 2.1) &&
           shape.can_be_split(kernel);
  }

  static bool pays(const Plan& p, const Call& call) {
    return tiles_pay(p, call, p.taps * p.channels, 1 << 18);
  }

  // What n windows read, whole tiles of them, and a step of the depth more.
  static int64_t piece_size(const Plan& p, int64_t n) {
    const int64_t windows = ceil_div(n, tile_edge) * tile_edge;
    const int64_t read = ((windows - 1) * p.stride + p.span()) * p.channels;
    return (ceil_div(read, depth_unit) + 2) * depth_unit;
  }
  static int64_t strip(const Plan& p) {
    const int64_t y_row = p.filters * int64_t(sizeof(float));
    int64_t n = block_edge;
    while (piece_size(p, 2 * n) * pieces * 2 <= split_bytes && 2 * n * y_row <= y_bytes) n *= 2;
    return n;
  }
  static int64_t format_bytes(const Plan& p) {  // whole cache lines
    return ceil_div(Format::scratch_bytes(p), 64) * 64;
  }
  static int64_t scratch_bytes(const Plan& p) {
    return format_bytes(p) + piece_size(p, p.strip) * pieces * 2;
  }
  static PackedSizes packed_sizes(const Plan& p) {
    PackedSizes sizes = Format::packed_sizes(p);
    sizes.pointwise = shape_of(p).after(sizes.pointwise);
    return sizes;
  }
  static uint16_t* weights_of(const Plan& p) {
    return SplitWeights::place(p, Format::packed_sizes(p).pointwise);
  }
  static void pack(const Plan& p, const void* none, const void* kernel, const void* bias) {
    Format::pack(p, none, kernel, bias);
    shape_of(p).pack_right(kernel, weights_of(p));
  }

  static void run(const Plan& plan, const Call& call, const Tile& tile, const Tile& same,
                  void* scratch) {
    if (!pays(plan, call)) return Format::run(plan, call, same, scratch);
    const Layer layer{job(plan, call, tile, same, scratch)};
    layer.strips();
  }
  const Layer& layer() const { return static_cast<const Layer&>(*this); }

  void strips() const {
    const TileRegisters registers;
    typename Layer::Product product(plan.epilogue, shape.runs, depth_steps(shape.depth));
    const int64_t end = smaller(tile.end, call.out_steps);
    for (int64_t i = tile.begin, n; i < end; i += n) {
      n = smaller(plan.strip, end - i);
      const int64_t row = i * plan.stride - call.pad_left;
      const bool whole = split_rows(row, (n - 1) * plan.stride + plan.span());
      blocks(n, [&](const WindowOperand& x, int64_t j, const PackedOperand& w, int64_t f) {
        layer().multiply(product, x, i + j, smaller<int64_t>(block_edge, n - j), w, f);
      });
      if (whole) continue;
      product.complete();
      for (int64_t j = 0; j < n; j++)
        if (stands_apart(row + j * plan.stride)) format.strip_of(i + j, 1);
    }
  }

  // n steps of x from `row` on, and zeros beyond its ends and after them. Returns whether all
  // numbers can be split.
  bool split_rows(int64_t row, int64_t n) const {
    const int64_t C = plan.channels;
    const int64_t before = smaller(n, larger<int64_t>(-row, 0));
    const int64_t inside = larger<int64_t>(smaller(n, call.steps - row) - before, 0);
    Sizes sizes;
    zeros(0, before * C);
    if (inside > 0) layer().split_steps(row + before, inside, before * C, sizes);
    zeros((before + inside) * C, (n - before - inside) * C + depth_unit);
    const bool whole = !sizes.outside(least_exponent);
    if (!whole)
      for (int64_t r = before; r < before + inside; r++)
        if (layer().cannot_be_split(row + r)) zeros(r * C, C);
    return whole;
  }
  bool stands_apart(int64_t row) const {
    for (int64_t k = 0; k < plan.taps; k++, row += plan.dilation)
      if (row >= 0 && row < call.steps && layer().cannot_be_split(row)) return true;
    return false;
  }
  void zeros(int64_t place, int64_t n) const {
    for (int i = 0; i < pieces; i++) memset(split_x + i * piece + place, 0, n * 2);
  }

  // 32 numbers of which i and i + 1 make a pair; the first n of them are stored.
  SEPCONV_ALWAYS_INLINE void put(F32 first, F32 second, int64_t place, int64_t n,
                                 Sizes& sizes) const {
    I32 even, odd;
    SEPCONV_UNROLL for (int i = 0; i < vl; i++) even[i] = 2 * i, odd[i] = 2 * i + 1;
    const Pieces p = split(shuffled<float>(first, second, even),
                           shuffled<float>(first, second, odd), cut);
    sizes.see(p);
    SEPCONV_UNROLL for (int i = 0; i < pieces; i++)
      _mm512_mask_storeu_epi16(split_x + i * piece + place, first_lanes(n), (__m512i)p.of[i]);
  }
  static __mmask32 first_lanes(int64_t n) {
    return n >= depth_unit ? ~__mmask32(0) : (__mmask32(1) << n) - 1;
  }

  // Calls f with each block of a strip: its windows, from j on, and its filters.
  template <class F> void blocks(int64_t n, F f) const {
    const int64_t apart = plan.stride * plan.channels, block = shape.steps() * operand_step;
    WindowOperand x{nullptr, apart * 2, apart * tile_edge, piece,
                    plan.dilation * plan.channels - depth_steps(shape.depth) * depth_unit};
    const int64_t end = smaller(tile.panel_end * panel, plan.filters);
    for (int64_t filter = tile.panel_begin * panel; filter < end; filter += block_edge)
      for (int64_t j = 0; j < n; j += block_edge) {
        x.at = split_x + j * apart;
        f(x, j, PackedOperand{weights + filter / block_edge * block}, filter);
      }
  }
};

template <class S>
struct SplitConvolutionLast
    : SplitConvolution<SplitConvolutionLast<S>, ConvolutionLast<S>, gemm_columns<float>> {
  typedef SplitConvolution<SplitConvolutionLast, ConvolutionLast<S>, gemm_columns<float>> Base;
  typedef TileProduct<S, HSide::left, WindowOperand> Product;
  using Base::plan, Base::format, Base::vl;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    Base::run(plan, call, tile, tile, scratch);
  }

  // n steps within x from `row` on, to `place`.
  void split_steps(int64_t row, int64_t n, int64_t place, Sizes& seen) const {
    Sizes sizes = seen;
    const S* in = format.x + row * plan.channels;
    int64_t left = n * plan.channels;
    for (; left >= depth_unit; left -= depth_unit, in += depth_unit, place += depth_unit)
      this->put(load(in), load(in + vl), place, depth_unit, sizes);
    const F32 second = left > vl ? load_first(in + vl, left - vl) : F32{};
    if (left > 0)
      this->put(load_first(in, smaller<int64_t>(left, vl)), second, place, left, sizes);
    seen = sizes;
  }
  bool cannot_be_split(int64_t step) const {
    Sizes sizes;
    const S* in = format.x + step * plan.channels;
    for (int64_t left = plan.channels; left > 0; left -= vl, in += vl)
      sizes.see(split(load_first(in, smaller<int64_t>(left, vl)), F32{}, cut));
    return sizes.outside(least_exponent);
  }
  void multiply(Product& product, const WindowOperand& x, int64_t step, int64_t n,
                const PackedOperand& w, int64_t f) const {
    product.multiply({x, w, static_cast<const float*>(plan.bias) + f,
                      format.y + step * plan.filters + f, plan.filters, n,
                      smaller<int64_t>(block_edge, plan.filters - f)},
                     [] {});
  }
};

// x is turned while it is split, and blocks of y when they are written.
template <class S>
struct SplitConvolutionFirst
    : SplitConvolution<SplitConvolutionFirst<S>, ConvolutionFirst<S>, row_panel> {
  typedef SplitConvolution<SplitConvolutionFirst, ConvolutionFirst<S>, row_panel> Base;
  typedef TileProduct<S, HSide::left_turned, WindowOperand> Product;
  using Base::plan, Base::call, Base::format, Base::vl;

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    Base::run(plan, call, tile, in_row_blocks(plan, tile), scratch);
  }

  void split_steps(int64_t row, int64_t n, int64_t place, Sizes& seen) const {
    Sizes sizes = seen;
    const int64_t C = plan.channels;
    const S* in = format.x + row;
    alignas(64) float turned[2][vl * vl];  // [half of the channels][step][channel]
    for (int64_t c = 0; c < C; c += depth_unit)
      for (int64_t t = 0; t < n; t += vl) {
        const int64_t steps = smaller<int64_t>(vl, n - t);
        for (int64_t h = 0; h < 2; h++)
          transpose_square(in + (c + h * vl) * call.steps + t, call.steps,
                           larger<int64_t>(smaller<int64_t>(C - c - h * vl, vl), 0), steps,
                           turned[h], vl, vl);
        for (int64_t r = 0; r < steps; r++)
          this->put(load(turned[0] + r * vl), load(turned[1] + r * vl), place + (t + r) * C + c,
                    smaller<int64_t>(depth_unit, C - c), sizes);
      }
    seen = sizes;
  }
  bool cannot_be_split(int64_t step) const {
    Sizes sizes;
    for (int64_t c = 0; c < plan.channels; c++) {
      const float x = number(format.x + c * call.steps + step);
      sizes.see(split(F32{} + x, F32{}, cut));
    }
    return sizes.outside(least_exponent);
  }
  void multiply(Product& product, const WindowOperand& x, int64_t step, int64_t n,
                const PackedOperand& w, int64_t f) const {
    product.multiply({x, w, static_cast<const float*>(plan.bias) + f,
                      format.y + f * call.out_steps + step, call.out_steps,
                      smaller<int64_t>(block_edge, plan.filters - f), n},
                     [] {});
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
