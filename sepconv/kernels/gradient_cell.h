// A cell of the grid, a block of panels over a partition's units: its memory, and where things lie.
#pragma once
#include "gradient_pack.h"
#include "steps.h"

namespace sepconv {
namespace SEPCONV_ISA {

// A stretch of one class of output steps of one sample.
template <class T> struct GradientUnit {
  int64_t sample, c;      // c: the class of output steps
  int64_t in_class, end;  // steps of the class, and where the unit's own end
  Steps<T> x, g, y, dx;
};

template <class T> struct GradientCell : GradientLayout<T> {
  typedef GradientLayout<T> Layout;
  typedef GradientUnit<T> Unit;
  using Layout::b, Layout::width, Layout::vl, Layout::phases, Layout::filters;
  using Layout::filter_vectors;
  static constexpr int outputs = depthwise_outputs;

  const GradientCall& call;
  const GradientCut& cut;
  const GradientJob& job;
  const int64_t first_panel, end_panel;
  const int64_t g_stride, h_stride;  // elements of a row block
  const int64_t x_rows, dh_rows;
  T* const g;   // [row block][filters / vl][gemm_rows][vl], and a vector against conflicts in L1
  T* const h;   // [row block][width / vl][gemm_rows][vl]
  T* const x;   // [phase][row][width]
  T* const dh;  // [panel][row][width]: `reach` rows before the tile's and after them

  GradientCell(const Layout& l, const GradientCall& call, const GradientCut& cut,
               const GradientJob& job, T* scratch)
      : Layout(l), call(call), cut(cut), job(job), first_panel(job.block * cut.block_panels),
        end_panel(smaller(first_panel + cut.block_panels, b.panels.count)),
        g_stride(g_block(l)), h_stride(gemm_rows * width), x_rows(x_rows_of(l, cut.tile)),
        dh_rows(dh_rows_of(l, cut.tile)), g(scratch), h(g + row_blocks(cut) * g_stride),
        x(h + row_blocks(cut) * h_stride), dh(x + phases * x_rows * width) {}

  static int64_t g_block(const Layout& l) { return (l.filter_vectors * gemm_rows + 1) * vl; }
  static int64_t dh_rows_of(const Layout& l, int64_t tile) { return tile + 2 * l.reach; }
  static int64_t x_rows_of(const Layout& l, int64_t tile) { return tile + l.reach; }
  static int64_t row_blocks(const GradientCut& cut) { return ceil_div(cut.tile, gemm_rows); }

  static int64_t scratch_bytes(const Backward& b, const GradientCut& cut) {
    const Layout l{b};
    const int64_t blocks = row_blocks(cut);
    const int64_t rows = l.phases * x_rows_of(l, cut.tile) +
                         cut.block_panels * dh_rows_of(l, cut.tile) + blocks * gemm_rows;
    return (blocks * g_block(l) + rows * l.width) * int64_t(sizeof(T));
  }

  // A tile whose arrays stay in L2, and in part in L1 from one pass to the next. Against 384 KiB,
  // one thread, 2026-11-22: sepcnn_text 1.12, sepcnn_b128 1.2, quartz_b1_k33 1.05 times as fast.
  static int64_t tile(const Backward& b, int64_t block_panels) {
    constexpr int64_t bytes = 160 << 10;
    const Layout l{b};
    const int64_t row = l.filter_vectors * vl + (l.phases + block_panels + 1) * l.width;
    return larger<int64_t>(bytes / int64_t(row * sizeof(T)) / outputs, 1) * outputs;
  }

  Unit unit_of(int64_t sample, int64_t c, int64_t in_class, int64_t end) const {
    auto steps = [&](const void* data, int64_t n, int64_t channels) {
      return Steps<T>::of(const_cast<void*>(data), sample, n, channels, b.plan.channels_first);
    };
    const int64_t of_y = b.plan.alone() ? b.plan.depth() : filters;
    return {sample, c, in_class, end, steps(call.x, call.steps, b.plan.channels),
            steps(call.g, call.out_steps, of_y), steps(call.y, call.out_steps, of_y),
            steps(call.dx, call.steps, b.plan.channels)};
  }

  // What the kernels compute of a panel: its lanes, rounded up.
  static int64_t width_of(const Panel& panel) {
    return ceil_div(panel.lanes, panel_unit<T>) * panel_unit<T>;
  }
  T* sums_of(int64_t p) const { return this->sums(call, job.partition, p); }
  T* bias_sums() const { return sums_of(b.panels.count); }
  T* dh_of(int64_t p) const { return dh + (p - first_panel) * dh_rows * width; }
  // Of row i of the tile.
  T* dh_row(int64_t p, int64_t i) const { return dh_of(p) + (this->reach + i) * width; }
  const T* g_row(int64_t i) const { return row_in_blocks(g, g_stride, i); }

  // The input step of phase p at step a of a class, which is read by tap p of output step a.
  int64_t input_step(const Unit& u, int64_t p, int64_t a) const {
    const Plan& plan = b.plan;
    return plan.stride * (u.c + plan.classes * a) + p * plan.dilation - call.pad_left;
  }
  int64_t input_apart() const { return b.plan.phases * b.plan.dilation; }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
