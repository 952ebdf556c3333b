// The gradients by the weights of a convolution for one cell of the grid: a block of the depth over
// a partition's rows.
#pragma once
#include "convolution.h"
#include "outer_product.h"
#include "steps.h"
#include "weight_gradient.h"

namespace sepconv {
namespace SEPCONV_ISA {

// H^T g of a tile, added to the sums. Three vectors of g stay in L1 for all of the depth.
template <class T> struct OuterProducts {
  static constexpr int64_t tile = 2 * most_rows;  // g of three vectors, and a column of H, in L1
  static int64_t scratch_bytes(int64_t, int64_t) { return 0; }
  OuterProducts(void*, int64_t, int64_t) {}

  void add(OuterBlock<T> block, int64_t width, int64_t vectors) const {
    constexpr int vl = lanes<T>;
    const OuterBlock<T> all = block;
    int64_t count;
    for (int64_t j = 0; j < vectors; j += count) {
      count = vectors - j == 4 ? 2 : smaller<int64_t>(vectors - j, outer_vectors);
      block.g = all.g + j * gemm_rows * vl;
      for (int64_t k = 0; k < width; k += outer_rows) {
        block.h = all.h + k / vl * gemm_rows * vl + k % vl;
        block.sum = all.sum + k * all.sum_stride + j * vl;
        outer<T>(count, block, [] {});
      }
    }
  }
};

template <class T, template <class> class Products = OuterProducts> struct WeightCell {
  static constexpr int vl = lanes<T>;
  static constexpr int64_t tile = Products<T>::tile;
  static constexpr int64_t unit = larger<int64_t>(vl, outer_rows);

  const Plan& plan;
  const WeightCall& call;
  const WeightCut& cut;
  const int64_t begin, end;  // of the depth
  const int64_t filter_vectors;
  const int64_t h_stride, g_stride;  // elements of a row block
  T* const h;                        // [row block][depth / vl][gemm_rows][vl]
  T* const g;                        // [row block][filters / vl][gemm_rows][vl]
  T* const sums;                     // [depth][filters], then [filters]; to whole vectors
  T* const bias_sums;                // null where another block adds them up
  const Products<T> products;

  static int64_t row_block(int64_t width) { return ceil_div(width, unit) * unit * gemm_rows; }
  static int64_t sums_size(const Plan& p) {
    const int64_t filters = ceil_div(p.filters, vl) * vl;
    return (ceil_div(p.taps * p.channels, unit) * unit + 1) * filters;
  }
  static int64_t row_bytes(const Plan& p, int64_t block_depth) {
    return tile / gemm_rows * (row_block(block_depth) + row_block(p.filters)) * int64_t(sizeof(T));
  }
  static int64_t scratch_bytes(const Plan& p, int64_t block_depth) {
    return row_bytes(p, block_depth) + Products<T>::scratch_bytes(tile, p.filters);
  }

  static void run(const Plan& plan, const WeightCall& call, const WeightCut& cut, int64_t round,
                  int64_t cell, void* scratch) {
    const int64_t partition = cell / cut.blocks, block = cell % cut.blocks;
    const int64_t depth = plan.taps * plan.channels, begin = block * cut.block_depth;
    const int64_t filters = ceil_div(plan.filters, vl);
    const int64_t h_stride = row_block(cut.block_depth), g_stride = row_block(plan.filters);
    T* sums = static_cast<T*>(call.sums) + partition * cut.sums_size;
    T* h = static_cast<T*>(scratch);
    const WeightCell job{plan, call, cut, begin, smaller(begin + cut.block_depth, depth), filters,
                         h_stride, g_stride, h, h + tile / gemm_rows * h_stride,
                         sums + begin * filters * vl,
                         block ? nullptr : sums + (cut.sums_size - filters * vl),
                         {static_cast<char*>(scratch) + row_bytes(plan, cut.block_depth), tile,
                          plan.filters}};
    const int64_t first = cut.first_row(partition) + round * cut.round_rows;
    const int64_t last = smaller(first + cut.round_rows, cut.first_row(partition + 1));
    job.clear(round == 0);
    for (int64_t row = first; row < last; row += tile) job.add(row, smaller(tile, last - row));
  }

  int64_t width() const { return ceil_div(end - begin, unit) * unit; }

  // The lanes beyond the depth are multiplied, too.
  void clear(bool with_sums) const {
    memset(h, 0, row_bytes(plan, cut.block_depth));
    if (!with_sums) return;
    memset(sums, 0, width() * filter_vectors * vl * sizeof(T));
    if (bias_sums) memset(bias_sums, 0, filter_vectors * vl * sizeof(T));
  }

  void add(int64_t row, int64_t n) const {
    const int64_t most = plan.channels_first ? most_rows : int64_t(gemm_rows);
    for (int64_t i = 0, m; i < n; i += m) {  // steps of one sample each
      const int64_t sample = (row + i) / call.call.out_steps, s = (row + i) % call.call.out_steps;
      m = smaller(smaller(n - i, most - i % most), call.call.out_steps - s);
      if (plan.channels_first) {
        gather_turned(sample, s, i, m);
        pack_turned(sample, s, i, m);
      } else {
        gather(sample, s, i, m);
        pack(static_cast<const T*>(call.g) + (row + i) * plan.filters, plan.filters, m,
             plan.filters, row_in_blocks(g, g_stride, i), bias_sums);
      }
    }
    products.add({h, h_stride, g, g_stride, n, sums, filter_vectors * vl}, width(),
                 filter_vectors);
  }

  // --- windows ---------------------------------------------------------------------------------

  void gather(int64_t sample, int64_t s, int64_t i, int64_t m) const {
    const T* x = static_cast<const T*>(call.call.x) +
                 sample * call.call.steps * plan.channels;
    const Tile none{};
    const ConvolutionLast<T> windows{plan, call.call, none, 0, nullptr, nullptr, x, nullptr};
    windows.gather(s * plan.stride - call.call.pad_left, m, begin, end,
                   row_in_blocks(h, h_stride, i));
  }

  // m <= most_rows windows, a vector of channels of one tap at a time.
  void gather_turned(int64_t sample, int64_t s, int64_t i, int64_t m) const {
    const Steps<T> x = Steps<T>::of(const_cast<void*>(call.call.x), sample, call.call.steps,
                                    plan.channels, true);
    alignas(64) T buffer[most_rows * vl];
    int64_t count;
    for (int64_t p = begin; p < end; p += count) {
      const int64_t c = p % plan.channels;
      count = smaller(smaller<int64_t>(plan.channels - c, vl), end - p);
      const int64_t step = s * plan.stride - call.call.pad_left + p / plan.channels * plan.dilation;
      const int64_t first = smaller(m, step < 0 ? ceil_div(-step, plan.stride) : 0);
      const int64_t left = call.call.steps - (step + first * plan.stride);
      const int64_t inside = smaller(m - first, ceil_div(larger<int64_t>(left, 0), plan.stride));
      if (inside > 0)
        x.rows(step + first * plan.stride, plan.stride, inside, c, count, buffer);
      for (int64_t r = 0; r < m; r++) {
        const bool in = r >= first && r < first + inside;
        ConvolutionLast<T>::put(in ? buffer + (r - first) * vl : nullptr, p - begin, count,
                                row_in_blocks(h, h_stride, i + r));
      }
    }
  }

  // --- g ---------------------------------------------------------------------------------------

  // m rows, which one row block holds.
  static void pack(const T* in, int64_t stride, int64_t m, int64_t count, T* out, T* sums) {
    for (int64_t f = 0; f < count; f += vl, out += gemm_rows * vl) {
      const int64_t n = smaller<int64_t>(vl, count - f);
      Vec<T> sum{};
      for (int64_t r = 0; r < m; r++) {
        const Vec<T> v = n == vl ? load(in + r * stride + f) : load_first(in + r * stride + f, n);
        store(out + r * vl, v);
        sum += v;
      }
      if (sums) store(sums + f, load(sums + f) + sum);
    }
  }

  void pack_turned(int64_t sample, int64_t s, int64_t i, int64_t m) const {
    const Steps<T> all = Steps<T>::of(const_cast<void*>(call.g), sample, call.call.out_steps,
                                      plan.filters, true);
    alignas(64) T buffer[most_rows * vl];
    for (int64_t f = 0; f < plan.filters; f += vl) {
      all.rows(s, 1, m, f, smaller<int64_t>(vl, plan.filters - f), buffer);
      for (int64_t r = 0, n; r < m; r += n) {
        n = smaller(m - r, gemm_rows - (i + r) % gemm_rows);
        pack(buffer + r * vl, vl, n, vl, row_in_blocks(g, g_stride, i + r) + f * gemm_rows,
             bias_sums ? bias_sums + f : nullptr);
      }
    }
  }
};

// Adds up the partitions' sums for a place of the depth; the place after the last is the bias.
template <class T>
static void weight_reduce(const Plan& plan, const WeightCall& call, const WeightCut& cut,
                          int64_t p) {
  constexpr int64_t vl = lanes<T>;
  const int64_t depth = plan.taps * plan.channels, filters = ceil_div(plan.filters, vl) * vl;
  const T* sums = static_cast<const T*>(call.sums) +
                  (p == depth ? cut.sums_size - filters : p * filters);
  T* out = p == depth ? static_cast<T*>(call.d_bias)
                      : static_cast<T*>(call.d_kernel) + p * plan.filters;
  for (int64_t f = 0; f < plan.filters; f += vl) {
    const int64_t n = smaller(vl, plan.filters - f);
    Vec<T> sum = load(sums + f);
    for (int64_t k = 1; k < cut.partitions; k++) sum += load(sums + k * cut.sums_size + f);
    store_first(out + f, sum, n);
  }
}

template <class T> static WeightKernels weight_kernels() {
  typedef WeightCell<T> Cell;
  return {Cell::unit, Cell::sums_size, Cell::scratch_bytes, Cell::run, weight_reduce<T>, nullptr};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
