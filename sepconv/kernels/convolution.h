// One tile of a convolution of all channels: H holds the input steps that each output's window
// meets, its depth K*C in the order k*C + c, and the matrix product reads it as it reads the
// depthwise half of a separable layer. One tap is a matrix product of x itself.
//
// The depth is taken in blocks: H of a block, and a panel of the weights, stay in L2. Between two
// blocks the sums rest in working memory, in the precision of the registers, so the blocks show in
// no bit.
#pragma once
#include "channels_first.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct DepthBlocks {
  static constexpr int64_t block = 4096 / sizeof(T);  // 256 KiB of a panel of weights
  static constexpr int64_t h_bytes = 400 << 10;
  static constexpr int64_t slack = lanes<T>;  // for what RowCopy writes too much

  static int64_t depth(const Plan& p) { return p.taps * p.channels; }
  static int64_t held(const Plan& p) {  // of the depth at once, in whole vectors
    return smaller(ceil_div(depth(p), lanes<T>) * lanes<T>, block);
  }
  static int64_t strip(const Plan& p, int64_t unit) {
    return larger<int64_t>(h_bytes / int64_t(sizeof(T)) / held(p) / unit, 1) * unit;
  }
  static int64_t scratch_bytes(const Plan& p, int64_t rows, int64_t filters) {
    const int64_t sums = depth(p) > block ? rows * filters : 0;
    return (rows * held(p) + slack + sums) * int64_t(sizeof(T));
  }

  // One register tile: of y after the last block, else of `sums`.
  template <class S, BiasOf bias_of>
  static void product(bool first, bool last, T* sums, const T* bias, S* y, int64_t y_stride,
                      int64_t rows, GemmBlock<T> g, const Epilogue& e, const Finish<T>& finish) {
    g.bias = first ? bias : sums;
    if (last) {
      if (first) return gemm_finished<S, bias_of>(y, y_stride, rows, g, e, finish);
      return gemm_finished<S, BiasOf::output>(y, y_stride, rows, g, e, finish);
    }
    g.clamp = false;
    g.y = sums, g.y_stride = gemm_columns<T>;
    if (first) return gemm<T, bias_of>(rows, g);
    gemm<T, BiasOf::output>(rows, g);
  }
};

template <class S> struct ConvolutionLast {
  typedef Wide<S> T;
  typedef DepthBlocks<T> Blocks;
  static constexpr bool time_in_columns = false;
  static constexpr int vl = lanes<T>;
  static constexpr int64_t columns = gemm_columns<T>;

  const Plan& plan;
  const Call& call;
  const Tile& tile;
  const int64_t rows;  // of a strip
  T* const h;          // [row block][held / lanes][gemm_rows][lanes]
  T* const sums;       // [panel][row block][gemm_rows][columns]
  const S* x;          // of this sample
  S* y;

  static int64_t strip(const Plan& p) { return Blocks::strip(p, gemm_rows); }
  static int64_t scratch_bytes(const Plan& p) {
    return Blocks::scratch_bytes(p, strip(p), ceil_div(p.filters, columns) * columns);
  }

  static ConvolutionLast job(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const int64_t rows = strip(plan);
    T* h = static_cast<T*>(scratch);
    return {plan, call, tile, rows, h, h + rows * Blocks::held(plan) + Blocks::slack,
            static_cast<const S*>(call.x) + tile.sample * call.steps * plan.channels,
            static_cast<S*>(call.y) + tile.sample * call.out_steps * plan.filters};
  }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const ConvolutionLast job = ConvolutionLast::job(plan, call, tile, scratch);
    const int64_t end = smaller(tile.end, call.out_steps);
    for (int64_t i = tile.begin; i < end; i += job.rows)
      job.strip_of(i, smaller(job.rows, end - i));
  }

  void strip_of(int64_t begin, int64_t n) const {
    const int64_t depth = Blocks::depth(plan), row = begin * plan.stride - call.pad_left;
    for (int64_t k = 0; k < depth; k += Blocks::block) {
      const int64_t end = smaller(k + Blocks::block, depth);
      for (int64_t i = 0; i < n; i += gemm_rows)
        gather(row + i * plan.stride, smaller<int64_t>(n - i, gemm_rows), k, end, h + i * held());
      multiply(begin, n, k, end);
    }
  }

  int64_t held() const { return Blocks::held(plan); }

  // The windows of n outputs, n <= gemm_rows, from depth `begin` to `end`.
  void gather(int64_t row, int64_t n, int64_t begin, int64_t end, T* out) const {
    const int64_t C = plan.channels, last = row + (n - 1) * plan.stride;
    const bool one_stretch = plan.dilation == 1;  // then a window is one run of x
    if (n == gemm_rows && one_stretch && row * C + begin >= 0 && last * C + end <= call.steps * C)
      return gather_block(x + row * C + begin, end - begin, out);
    for (int64_t i = 0; i < n; i++, row += plan.stride, out += vl) {
      if (one_stretch) {
        gather_run(row * C + begin, end - begin, out);
        continue;
      }
      for (int64_t p = begin; p < end;) {
        const int64_t k = p / C, c = p % C, m = smaller(C - c, end - p);
        const int64_t step = row + k * plan.dilation;
        const bool inside = step >= 0 && step < call.steps;
        put(inside ? x + step * C + c : nullptr, p - begin, m, out);
        p += m;
      }
    }
  }

  void gather_block(const S* in, int64_t n, T* out) const {
    const int64_t apart = plan.stride * plan.channels;
    for (; n >= vl; n -= vl, in += vl)
      SEPCONV_UNROLL for (int i = 0; i < gemm_rows; i++, out += vl) store(out, load(in + i * apart));
    if (n > 0)
      for (int i = 0; i < gemm_rows; i++) store(out + i * vl, load_first(in + i * apart, n));
  }

  // n elements of the sample from `at` on, zero before its first and after its last.
  void gather_run(int64_t at, int64_t n, T* out) const {
    const int64_t size = call.steps * plan.channels;
    const int64_t before = smaller(n, larger<int64_t>(-at, 0));
    const int64_t inside = smaller(n - before, larger<int64_t>(size - at - before, 0));
    put(nullptr, 0, before, out);
    put(x + (at + before), before, inside, out);
    put(nullptr, before + inside, n - before - inside, out);
  }

  // n elements, or zeros, to places p, p + 1, ... of one row of H.
  static void put(const S* in, int64_t p, int64_t n, T* out) {
    while (n > 0) {
      const int64_t lane = p % vl, m = smaller(vl - lane, n);
      T* to = out + p / vl * gemm_rows * vl + lane;
      if (m == vl)
        store(to, in ? load(in) : Vec<T>{});
      else
        store_first(to, in ? load_first(in, m) : Vec<T>{}, m);
      p += m, n -= m, in += in ? m : 0;
    }
  }

  void multiply(int64_t begin, int64_t n, int64_t k, int64_t end) const {
    const int64_t depth = Blocks::depth(plan), F = plan.filters;
    const Finish<T> finish(plan.epilogue);
    GemmBlock<T> g = gemm_of<T>(end - k, finish);
    for (int64_t p = tile.panel_begin; p < tile.panel_end; p++) {
      g.columns = smaller(columns, F - p * columns);
      g.b = static_cast<const T*>(plan.pointwise) + (p * depth + k) * columns;
      const T* bias = static_cast<const T*>(plan.bias) + p * columns;
      for (int64_t i = 0; i < n; i += gemm_rows) {
        g.a = h + i * held();
        Blocks::template product<S, BiasOf::column>(
            k == 0, end == depth, sums + (p * rows + i) * columns, bias,
            y + (begin + i) * F + p * columns, F, smaller<int64_t>(gemm_rows, n - i), g,
            plan.epilogue, finish);
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    const int64_t filters = ceil_div(p.filters, columns) * columns;
    return {0, filters * Blocks::depth(p), filters};
  }
  static void pack(const Plan& plan, const void*, const void* kernel, const void* bias) {
    pack_columns(plan, Blocks::depth(plan), static_cast<const T*>(kernel),
                 static_cast<const T*>(bias));
  }
};

template <class S> struct ConvolutionFirst {
  typedef Wide<S> T;
  typedef DepthBlocks<T> Blocks;
  static constexpr bool time_in_columns = true;
  static constexpr int vl = lanes<T>;
  static constexpr int64_t columns = gemm_columns<T>;

  const Plan& plan;
  const Call& call;
  const Tile& tile;
  const int64_t steps;  // of a strip
  T* const h;           // [panel of steps][held][columns]
  T* const sums;        // [row block][panel of steps][gemm_rows][columns]
  const S* x;           // of this sample
  S* y;

  static int64_t strip(const Plan& p) { return Blocks::strip(p, columns); }
  static int64_t scratch_bytes(const Plan& p) {
    return Blocks::scratch_bytes(p, strip(p), ceil_div(p.filters, gemm_rows) * gemm_rows);
  }

  static ConvolutionFirst job(const Plan& plan, const Call& call, const Tile& tile,
                              void* scratch) {
    const int64_t steps = strip(plan);
    T* h = static_cast<T*>(scratch);
    return {plan, call, tile, steps, h, h + steps * Blocks::held(plan) + Blocks::slack,
            static_cast<const S*>(call.x) + tile.sample * call.steps * plan.channels,
            static_cast<S*>(call.y) + tile.sample * call.out_steps * plan.filters};
  }

  static void run(const Plan& plan, const Call& call, const Tile& tile, void* scratch) {
    const ConvolutionFirst job = ConvolutionFirst::job(plan, call, tile, scratch);
    for (int64_t i = tile.begin; i < tile.end; i += job.steps)
      job.strip_of(i, smaller(job.steps, tile.end - i));
  }

  void strip_of(int64_t begin, int64_t n) const {
    const int64_t depth = Blocks::depth(plan);
    for (int64_t k = 0; k < depth; k += Blocks::block) {
      const int64_t end = smaller(k + Blocks::block, depth);
      for (int64_t i = 0; i < n; i += columns)
        gather((begin + i) * plan.stride - call.pad_left, smaller(n - i, columns), k, end,
               h + i * held());
      multiply(begin, n, k, end);
    }
  }

  int64_t held() const { return Blocks::held(plan); }

  // The steps that n outputs meet, n <= columns, from depth `begin` to `end`.
  void gather(int64_t step, int64_t n, int64_t begin, int64_t end, T* out) const {
    const RowCopy<S> copy{call.steps, plan.stride};
    int64_t c = begin % plan.channels;
    step += begin / plan.channels * plan.dilation;
    for (int64_t p = begin; p < end; p++, out += columns) {
      const S* in = x + c * call.steps;
      if (plan.stride == 1 && step >= 0 && step + columns <= call.steps)
        SEPCONV_UNROLL for (int v = 0; v < gemm_vectors; v++)
          store(out + v * vl, load(in + step + v * vl));
      else
        copy.window(in, step, n, out);
      if (++c == plan.channels) c = 0, step += plan.dilation;
    }
  }

  void multiply(int64_t begin, int64_t n, int64_t k, int64_t end) const {
    const int64_t depth = Blocks::depth(plan);
    const int64_t block = ceil_div(depth, vl) * gemm_rows * vl;
    const Finish<T> finish(plan.epilogue);
    GemmBlock<T> g = gemm_of<T>(end - k, finish);
    for (int64_t f = tile.panel_begin; f < tile.panel_end; f++) {
      const int64_t rows = smaller<int64_t>(gemm_rows, plan.filters - f * gemm_rows);
      g.a = static_cast<const T*>(plan.pointwise) + f * block + k * gemm_rows;
      const T* bias = static_cast<const T*>(plan.bias) + f * gemm_rows;
      for (int64_t i = 0; i < n; i += columns) {
        g.b = h + i * held();
        g.columns = smaller(columns, n - i);
        Blocks::template product<S, BiasOf::row>(
            k == 0, end == depth, sums + (f * steps + i) * gemm_rows, bias,
            y + f * gemm_rows * call.out_steps + begin + i, call.out_steps, rows, g,
            plan.epilogue, finish);
      }
    }
  }

  static PackedSizes packed_sizes(const Plan& p) {
    const int64_t filters = ceil_div(p.filters, gemm_rows) * gemm_rows;
    return {0, ceil_div(Blocks::depth(p), vl) * vl * filters, filters};
  }
  static void pack(const Plan& plan, const void*, const void* kernel, const void* bias) {
    pack_rows(plan, Blocks::depth(plan), static_cast<const T*>(kernel),
              static_cast<const T*>(bias));
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
