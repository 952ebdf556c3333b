// The backward half of one cell of the grid: a block of panels over a partition's units.
#pragma once
#include "ahead.h"
#include "gradient_pack.h"
#include "steps.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct GradientCell : GradientLayout<T> {
  typedef GradientLayout<T> Layout;
  using Layout::b, Layout::width, Layout::vl, Layout::phases, Layout::filters;
  using Layout::filter_vectors, Layout::taps_of;
  static constexpr int outputs = depthwise_outputs;

  const GradientCall& call;
  const GradientCut& cut;
  const GradientJob& job;
  const int64_t first_panel, end_panel;
  const int64_t g_stride, h_stride;  // elements of a row block
  const int64_t x_rows, dh_rows;
  T* g;   // [row block][filters / vl][gemm_rows][vl], and a vector against conflicts in L1
  T* h;   // [row block][width / vl][gemm_rows][vl]
  T* x;   // [phase][row][width]
  T* dh;  // [panel][row][width]: `reach` rows before the tile's and after them

  static int64_t g_block(const Layout& l) { return (l.filter_vectors * gemm_rows + 1) * vl; }
  static int64_t dh_rows_of(const Layout& l, int64_t tile) { return tile + 2 * l.reach; }
  static int64_t x_rows_of(const Layout& l, int64_t tile) { return tile + l.reach; }

  static int64_t scratch_bytes(const Backward& b, const GradientCut& cut) {
    const Layout l{b};
    const int64_t blocks = ceil_div(cut.tile, gemm_rows);
    const int64_t rows = l.phases * x_rows_of(l, cut.tile) +
                         cut.block_panels * dh_rows_of(l, cut.tile) + blocks * gemm_rows;
    return (blocks * g_block(l) + rows * l.width) * int64_t(sizeof(T));
  }

  // A tile whose arrays stay in L2; each must hold a few blocks of the register tiles.
  static int64_t tile(const Backward& b, int64_t block_panels) {
    constexpr int64_t bytes = 384 << 10;
    const Layout l{b};
    const int64_t row = l.filter_vectors * vl + (l.phases + block_panels + 1) * l.width;
    return larger<int64_t>(bytes / int64_t(row * sizeof(T)) / outputs, 1) * outputs;
  }

  static void run(const Backward& b, const GradientCall& call, const GradientCut& cut,
                  const GradientJob& job, void* scratch) {
    const Layout l{b};
    const int64_t first = job.block * cut.block_panels, blocks = ceil_div(cut.tile, gemm_rows);
    T* g = static_cast<T*>(scratch);
    T* h = g + blocks * g_block(l);
    T* x = h + blocks * gemm_rows * l.width;
    T* dh = x + l.phases * x_rows_of(l, cut.tile) * l.width;
    GradientCell{l, call, cut, job, first, smaller(first + cut.block_panels, b.panels.count),
                 g_block(l), gemm_rows * l.width, x_rows_of(l, cut.tile),
                 dh_rows_of(l, cut.tile), g, h, x, dh}
        .run_units();
  }

  // --- units -----------------------------------------------------------------------------------

  struct Unit {
    int64_t sample, c;      // c: the class of output steps
    int64_t in_class, end;  // steps of the class, and where the unit's own end
    Steps<T> x, g, y, dx;
  };

  void run_units() const {
    if (job.round == 0) clear_sums();
    const int64_t begin = cut.first_unit(job.partition) + job.round * cut.round_units;
    const int64_t end = smaller(begin + cut.round_units, cut.first_unit(job.partition + 1));
    for (int64_t u = begin; u < end; u++) {
      const int64_t stretch = u % cut.stretches, c = u / cut.stretches % cut.classes;
      const int64_t sample = u / cut.stretches / cut.classes;
      const int64_t in_class = ceil_div(call.out_steps - c, b.plan.classes);
      const int64_t first = stretch * cut.stretch;
      if (first < in_class)
        run_unit(unit_of(sample, c, in_class, smaller(first + cut.stretch, in_class)), first);
    }
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

  void run_unit(const Unit& u, int64_t first) const {
    // The dx of the first steps reads dH of the steps before, which are another unit's.
    const int64_t history = call.dx ? this->reach : 0;
    for (int64_t p = first_panel; p < end_panel; p++)
      memset(dh_of(p), 0, this->reach * width * sizeof(T));
    int64_t n;
    for (int64_t a = larger<int64_t>(first - history, 0); a < u.end; a += n) {
      const bool own = a >= first;
      n = smaller(cut.tile, (own ? u.end : first) - a);
      call.y ? pack_g<true>(u, a, n, own) : pack_g<false>(u, a, n, own);
      Ahead next = lines_after(u, a + n);
      const int64_t lines = ceil_div(next.lines(), end_panel - first_panel);
      for (int64_t p = first_panel; p < end_panel; p++) run_tile(u, p, a, n, own, next, lines);
    }
  }

  // What a tile from step `a` on touches; in channels_last and without classes, even the next
  // sample's follows.
  Ahead lines_after(const Unit& u, int64_t a) const {
    Ahead next;
    // Where g is read once for every block, it comes from a cache anyway.
    if (b.plan.channels_first || b.plan.classes > 1 || cut.blocks > 1 || b.plan.alone()) return next;
    const int64_t C = b.plan.channels, item = sizeof(T);
    const int64_t s = larger<int64_t>(u.sample * call.out_steps + a, 0);
    const int64_t n = smaller(cut.tile, call.batch * call.out_steps - s);
    const T* g = static_cast<const T*>(call.g) + s * filters;
    const T* y = static_cast<const T*>(call.y) + s * filters;
    next.add(g, filters * item, n, filters * item);
    if (call.y) next.add(y, filters * item, n, filters * item);
    const Panel first = panel_of(b, first_panel), last = panel_of(b, end_panel - 1);
    const int64_t row = larger<int64_t>(u.sample * call.steps + input_step(u, 0, a), 0);
    const int64_t rows = smaller(n * b.plan.stride, call.batch * call.steps - row);
    const int64_t bytes = (last.channel + last.channels - first.channel) * item;
    next.add(static_cast<const T*>(call.x) + row * C + first.channel, C * item, rows, bytes);
    if (call.dx)
      next.add(static_cast<const T*>(call.dx) + row * C + first.channel, C * item, rows, bytes);
    return next;
  }

  void run_tile(const Unit& u, int64_t p, int64_t a, int64_t n, bool own, Ahead& next,
                int64_t lines) const {
    if (b.plan.alone())
      call.y ? copy_g<true>(u, p, a, n, own) : copy_g<false>(u, p, a, n, own);
    else
      gradient_by_h(p, n, next, own ? lines / 2 : 0);
    if (own) {
      const Panel panel = panel_of(b, p);
      copy_x(u, panel, a, n);
      if (!b.plan.alone()) {
        depthwise_half(u, p, panel, a, n);
        gradient_by_pointwise(p, panel, n, next, lines / 2);
      }
      gradient_by_depthwise(u, p, panel, a, n);
      if (call.dx) gradient_by_x(u, p, panel, a, n);
    }
    T* rows = dh_of(p);
    memmove(rows, rows + n * width, this->reach * width * sizeof(T));
  }

  // What the kernels compute of a panel: its lanes, rounded up.
  static int64_t width_of(const Panel& panel) {
    return ceil_div(panel.lanes, panel_unit<T>) * panel_unit<T>;
  }
  T* sums_of(int64_t p) const { return this->sums(call, job.partition, p); }
  T* bias_sums() const { return sums_of(b.panels.count); }
  T* dh_of(int64_t p) const { return dh + (p - first_panel) * dh_rows * width; }

  void clear_sums() const {
    memset(sums_of(first_panel), 0,
           (end_panel - first_panel) * this->panel_sums * sizeof(T));
    if (job.block == 0) memset(bias_sums(), 0, filter_vectors * vl * sizeof(T));
  }

  // --- g, dH -----------------------------------------------------------------------------------

  // Where a relu's y is given, g counts where it is above 0.
  template <bool masked> void pack_g(const Unit& u, int64_t a, int64_t n, bool own) const {
    const int64_t apart = b.plan.classes, step = u.c + apart * a;
    T* sums = own && job.block == 0 ? bias_sums() : nullptr;
    if (!b.plan.channels_first) {
      for (int64_t i = 0; i < n; i += gemm_rows) {
        const int64_t first = (step + i * apart) * filters;
        pack_rows<masked>(u.g.data + first, masked ? u.y.data + first : nullptr, apart * filters,
                          smaller<int64_t>(gemm_rows, n - i), filters,
                          g + i / gemm_rows * g_stride, sums);
      }
      return;
    }
    alignas(64) T g_rows[most_rows * vl], y_rows[most_rows * vl];
    for (int64_t i = 0; i < n; i += most_rows)
      for (int64_t f = 0; f < filters; f += vl) {
        const int64_t m = smaller(most_rows, n - i), count = smaller<int64_t>(vl, filters - f);
        u.g.rows(step + apart * i, apart, m, f, count, g_rows);
        if (masked) u.y.rows(step + apart * i, apart, m, f, count, y_rows);
        for (int64_t r = 0; r < m; r += gemm_rows)
          pack_rows<masked>(g_rows + r * vl, y_rows + r * vl, vl,
                            smaller<int64_t>(gemm_rows, m - r), vl,
                            g + (i + r) / gemm_rows * g_stride + f * gemm_rows,
                            sums ? sums + f : nullptr);
      }
  }

  // One row block of g; what it adds up to goes to `sums`.
  template <bool masked>
  void pack_rows(const T* in, const T* y, int64_t stride, int64_t rows, int64_t count, T* out,
                 T* sums) const {
    for (int64_t f = 0; f < count; f += vl, out += gemm_rows * vl) {
      Vec<T> sum{};
      const T *in_row = in + f, *y_row = y + f;
      auto pack = [&](int64_t r, auto read) __attribute__((always_inline)) {
        Vec<T> v = read(in_row);
        if (masked) v = read(y_row) > T(0) ? v : Vec<T>{};
        store(out + r * vl, v);
        sum += v;
        in_row += stride, y_row += stride;
      };
      const int64_t left = count - f;
      if (rows == gemm_rows && left >= vl)
        SEPCONV_UNROLL for (int r = 0; r < gemm_rows; r++) {
          asm("" : "+r"(stride));  // else its multiples are kept, and spilled
          pack(r, [](const T* p) __attribute__((always_inline)) { return load(p); });
        }
      else
        for (int64_t r = 0; r < rows; r++)
          pack(r, [&](const T* p) { return load_first(p, smaller<int64_t>(left, vl)); });
      if (sums) store(sums + f, load(sums + f) + sum);
    }
  }

  void gradient_by_h(int64_t p, int64_t n, Ahead& next, int64_t lines) const {
    GemmBlock<T> block{};
    block.depth = filters;
    block.b = this->pointwise(p);
    block.bias = this->zeros();
    block.y_stride = width;
    block.columns = width_of(panel_of(b, p));
    for (int64_t i = 0; i < n; i += gemm_rows) {
      next.fetch(lines / ceil_div(n, gemm_rows) + 1);
      block.a = g + i / gemm_rows * g_stride;
      block.y = dh_of(p) + (this->reach + i) * width;
      gemm<T, BiasOf::column>(smaller<int64_t>(gemm_rows, n - i), block);
    }
  }

  template <bool masked>
  void copy_g(const Unit& u, int64_t p, int64_t a, int64_t n, bool own) const {
    const Panel panel = panel_of(b, p);
    const int64_t apart = b.plan.classes, step = u.c + apart * a;
    alignas(64) T g_rows[most_rows * vl], y_rows[most_rows * vl];
    for (int64_t q = 0; q < width_of(panel); q += vl) {
      const int64_t count = larger<int64_t>(smaller<int64_t>(panel.lanes - q, vl), 0);
      const int64_t first = panel.first + (count ? q : 0);
      T* out = dh_of(p) + this->reach * width + q;
      Vec<T> sum{};
      for (int64_t i = 0; i < n; i += most_rows) {
        const int64_t m = smaller(most_rows, n - i), at = step + apart * i;
        const Rows<T> in = u.g.rows(at, apart, m, first, count, g_rows);
        const Rows<T> y = masked ? u.y.rows(at, apart, m, first, count, y_rows) : in;
        for (int64_t r = 0; r < m; r++, out += width) {
          Vec<T> v = load_first(in.data + r * in.stride, in.lanes);
          if (masked) v = load_first(y.data + r * y.stride, y.lanes) > T(0) ? v : Vec<T>{};
          store(out, v);
          sum += v;
        }
      }
      T* bias = sums_of(p) + width * this->taps + q;
      if (own) store(bias, load(bias) + sum);
    }
  }

  // --- x, H ------------------------------------------------------------------------------------

  // The input step of phase p at step a of a class, which is read by tap p of output step a.
  int64_t input_step(const Unit& u, int64_t p, int64_t a) const {
    const Plan& plan = b.plan;
    return plan.stride * (u.c + plan.classes * a) + p * plan.dilation - call.pad_left;
  }
  int64_t input_apart() const { return b.plan.phases * b.plan.dilation; }

  void copy_x(const Unit& u, const Panel& panel, int64_t a, int64_t n) const {
    for (int64_t p = 0; p < phases; p++) {
      T* out = x + p * x_rows * width;
      const int64_t rows = n + taps_of(p) - 1, apart = input_apart();
      int64_t t = input_step(u, p, a), r = 0;
      for (; r < rows && t < 0; r++, t += apart) memset(out + r * width, 0, width * sizeof(T));
      while (r < rows && t < call.steps) {
        const int64_t m =
            smaller(smaller(rows - r, most_rows), ceil_div(call.steps - t, apart));
        if (b.plan.multiplier == 1 && !b.plan.channels_first)
          copy_wide(u.x.data + t * b.plan.channels + panel.channel, apart * b.plan.channels, m,
                    panel.lanes, out + r * width);
        else
          for (int64_t q = 0; q < width_of(panel); q += vl)
            copy_rows(u, panel, t, m, q, out + r * width + q);
        r += m, t += m * apart;
      }
      if (r < rows) memset(out + r * width, 0, (rows - r) * width * sizeof(T));
    }
  }

  // m rows of `count` neighbouring channels.
  void copy_wide(const T* in, int64_t stride, int64_t m, int64_t count, T* out) const {
    for (int64_t r = 0; r < m; r++, in += stride, out += width) {
      int64_t q = 0;
      for (; q + vl <= count; q += vl) store(out + q, load(in + q));
      for (; q < width; q += vl)
        store(out + q, load_first(in + q, larger<int64_t>(count - q, 0)));
    }
  }

  // One vector of depthwise channels of m rows.
  void copy_rows(const Unit& u, const Panel& panel, int64_t t, int64_t m, int64_t q, T* out) const {
    alignas(64) T buffer[most_rows * vl];
    const int64_t M = b.plan.multiplier;
    if (q >= panel.lanes) {
      for (int64_t r = 0; r < m; r++) store(out + r * width, Vec<T>{});
      return;
    }
    // a panel that is a part of one channel has that one in all lanes
    const int64_t first = panel.channels == 1 ? 0 : q / M;
    const int64_t last = panel.channels == 1 ? 0 : smaller(panel.lanes - 1, q + vl - 1) / M;
    Mask<T> channel;
    SEPCONV_UNROLL for (int l = 0; l < vl; l++)
      channel[l] = smaller((q + l) / M, last) - first;
    const Rows<T> in =
        u.x.rows(t, input_apart(), m, panel.channel + first, last - first + 1, buffer);
    for (int64_t r = 0; r < m; r++) {
      const Vec<T> v = load_first(in.data + r * in.stride, in.lanes);
      store(out + r * width, M == 1 ? v : shuffled<T>(v, channel));
    }
  }

  void depthwise_half(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n) const {
    const int64_t vectors = width_of(panel) / vl;
    DepthwiseBlock<T> block{};
    block.phases = phases;
    block.full = this->taps / phases, block.rest = this->taps % phases;
    block.tap_stride = x_rows * width, block.step_stride = width;
    block.h_stride = h_stride;
    for (int64_t i = 0; i < n; i += outputs)
      for (int64_t q = 0; q < vectors; q++) {
        block.w = this->taps_in_order(p, q);
        block.x = x + i * width + q * vl;
        block.h = h + i / gemm_rows * h_stride + q * gemm_rows * vl;
        depthwise<T>(smaller<int64_t>(n - i, outputs), block);
      }
    if (b.plan.finite_depthwise) return;
    for (int64_t i = 0; i < n; i++) {
      const int64_t row = input_step(u, 0, a + i), d = b.plan.dilation;
      const int64_t first = row < 0 ? ceil_div(-row, d) : 0;
      const int64_t last =
          smaller(this->taps, ceil_div(larger<int64_t>(call.steps - row, 0), d));
      if (first == 0 && last == this->taps) continue;
      for (int64_t q = 0; q < vectors; q++) {
        block.w = this->taps_in_order(p, q);
        block.x = x + i * width + q * vl;
        block.h = h + i / gemm_rows * h_stride + (q * gemm_rows + i % gemm_rows) * vl;
        depthwise_edge<T>(block, first, last);
      }
    }
  }

  // --- the gradients by the kernels ------------------------------------------------------------

  void gradient_by_pointwise(int64_t p, const Panel& panel, int64_t n, Ahead& next, int64_t lines) const {
    OuterBlock<T> block{};
    block.h_stride = h_stride, block.g_stride = g_stride;
    block.g = g, block.steps = n;
    const int64_t burst =
        lines * outer_rows / (width * ceil_div(filter_vectors, outer_vectors)) + 1;
    block.sum_stride = filter_vectors * vl;
    for (int64_t k = 0; k < width_of(panel); k += outer_rows) {
      block.h = h + k / vl * gemm_rows * vl + k % vl;
      block.sum = sums_of(p) + k * block.sum_stride;
      outer<T>(filter_vectors, block, [&] { next.fetch(burst); });
    }
  }

  void gradient_by_depthwise(const Unit& u, int64_t index, const Panel& panel, int64_t a,
                             int64_t n) const {
    T* sums = sums_of(index) + width * filter_vectors * vl;  // [taps][width], by their numbers
    for (int64_t p = 0; p < phases; p++) {
      const int64_t t = input_step(u, p, a), taps = taps_of(p);
      const bool padded = t < 0 || t + (n + taps - 2) * input_apart() >= call.steps;
      for (int64_t q = 0; q < width_of(panel); q += vl) {
        const T* own = dh_of(index) + this->reach * width + q;
        TapsBlock<T> block{x + p * x_rows * width + q, own, width, n, nullptr, vl};
        for (int64_t i = 0; i < taps; i += outputs) {
          const int64_t m = smaller<int64_t>(outputs, taps - i);
          alignas(64) T sum[outputs * vl] = {};
          block.sum = sum;
          taps_at_most<T, outputs>(m, block);
          if (padded && !finite(sum, m)) taps_inside(block, t, i, m, n);
          for (int64_t k = 0; k < m; k++) {
            T* total = sums + (p + (i + k) * phases) * width + q;
            store(total, load(total) + load(sum + k * vl));
          }
          block.x += outputs * width;
        }
      }
    }
  }

  static bool finite(const T* sum, int64_t vectors) {
    Vec<T> rest{};  // x - x is 0 for a finite x, else NaN
    for (int64_t k = 0; k < vectors; k++) rest += load(sum + k * vl) - load(sum + k * vl);
    for (int l = 0; l < vl; l++)
      if (rest[l] != 0) return false;
    return true;
  }

  // The sums of taps i to i + m once more, without the products of infinities with the padding.
  void taps_inside(TapsBlock<T> block, int64_t t, int64_t i, int64_t m, int64_t n) const {
    const int64_t apart = input_apart();
    const T *rows = block.x, *own = block.dh;
    for (int64_t k = 0; k < m; k++, block.sum += vl) {
      const int64_t step = t + (i + k) * apart;  // of the tap's first row
      const int64_t first = smaller(n, step < 0 ? ceil_div(-step, apart) : 0);
      const int64_t end =
          smaller(n, ceil_div(larger<int64_t>(call.steps - step, 0), apart));
      store(block.sum, Vec<T>{});
      block.x = rows + (k + first) * width;
      block.dh = own + first * width;
      block.steps = larger<int64_t>(end - first, 0);
      taps_at_most<T, 1>(1, block);
    }
  }

  // --- the gradient by x -----------------------------------------------------------------------

  // Input steps are written once each: those that phase p reads at the steps from `a` of a class.
  void gradient_by_x(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n) const {
    const bool last = a + n == u.in_class;
    if (last) memset(dh_of(p) + (this->reach + n) * width, 0, this->reach * width * sizeof(T));
    int64_t taps_before = 0;
    for (int64_t phase = 0; phase < phases; phase++) {
      const int64_t taps = taps_of(phase), t = input_step(u, phase, 0), apart = input_apart();
      const int64_t end = smaller(a + n + (last ? taps - 1 : 0),
                                  ceil_div(larger<int64_t>(call.steps - t, 0), apart));
      for (int64_t i = larger(a, t < 0 ? ceil_div(-t, apart) : 0); i < end; i += outputs) {
        const int64_t m = smaller<int64_t>(outputs, end - i);
        const T* rows = dh_of(p) + (this->reach + i - a - (taps - 1)) * width;
        alignas(64) T sums[gemm_columns<T> * outputs];  // [width / vl][outputs][vl]
        for (int64_t q = 0; q < width_of(panel) / vl; q++)
          input_sums(u, rows + q * vl, this->taps_backwards(p, q) + taps_before * vl, taps, i, m,
                     sums + q * outputs * vl);
        write_dx(u, panel, sums, m, t + i * apart);
      }
      taps_before += taps;
    }
  }

  void input_sums(const Unit& u, const T* rows, const T* weights, int64_t taps, int64_t i,
                  int64_t m, T* out) const {
    DepthwiseBlock<T> block{};
    block.phases = 1, block.full = taps;
    block.step_stride = width;
    block.x = rows, block.w = weights;
    block.h = out, block.h_stride = gemm_rows * vl;
    depthwise<T>(m, block);
    if (b.plan.finite_depthwise) return;
    for (int64_t r = 0; r < m; r++) {  // tap k, backwards, meets step i + r - (taps - 1) + k
      const int64_t first = larger<int64_t>(taps - 1 - (i + r), 0);
      const int64_t last = smaller(taps, u.in_class - (i + r) + taps - 1);
      if (first == 0 && last == taps) continue;
      block.x = rows + r * width;
      block.h = out + r * vl;
      depthwise_edge<T>(block, first, last);
    }
  }

  void write_dx(const Unit& u, const Panel& panel, T* sums, int64_t m, int64_t t) const {
    const int64_t apart = input_apart(), M = b.plan.multiplier;
    if (M == 1) {
      for (int64_t q = 0; q < panel.lanes; q += vl)
        u.dx.write(sums + q * outputs, vl, m, t, apart, panel.channel + q,
                   smaller<int64_t>(vl, panel.lanes - q), false);
      return;
    }
    alignas(64) T rows[gemm_columns<T> * outputs];  // [outputs][channels]
    const int64_t each = panel.lanes / panel.channels;
    for (int64_t r = 0; r < m; r++)
      for (int64_t c = 0; c < panel.channels; c++) {
        T sum = 0;
        for (int64_t d = c * each; d < (c + 1) * each; d++)
          sum += sums[d / vl * outputs * vl + r * vl + d % vl];
        rows[r * panel.channels + c] = sum;
      }
    u.dx.write(rows, panel.channels, m, t, apart, panel.channel, panel.channels, panel.adds);
  }
};

// Adds up the partitions' sums of one panel.
template <class T>
static void gradient_reduce(const Backward& b, const GradientCall& call, const GradientCut& cut,
                            int64_t index) {
  const GradientLayout<T> l{b};
  const Panel panel = panel_of(b, index);
  auto total = [&](const T* sums, void* out, int64_t at, int64_t n) {
    constexpr int64_t vl = lanes<T>;
    for (int64_t i = 0; i < n; i += vl) {
      const int64_t m = smaller(vl, n - i);
      Vec<T> sum = load_first(sums + i, m);
      for (int64_t k = 1; k < cut.partitions; k++)
        sum += load_first(sums + k * b.panels.sums_size + i, m);
      store_first(static_cast<T*>(out) + at + i, sum, m);
    }
  };
  const T* sums = l.sums(call, 0, index);
  const int64_t filters = l.filter_vectors * l.vl;
  for (int64_t k = 0; k < panel.lanes; k++)
    total(sums + k * filters, call.d_pointwise, (panel.first + k) * l.filters, l.filters);
  for (int64_t j = 0; j < l.taps; j++)
    total(sums + l.width * filters + j * l.width, call.d_depthwise,
          j * b.plan.depth() + panel.first, panel.lanes);
  if (b.plan.alone()) total(sums + l.taps * l.width, call.d_bias, panel.first, panel.lanes);
  if (index == 0) total(l.sums(call, 0, b.panels.count), call.d_bias, 0, l.filters);
}

template <class T> static GradientKernels gradient_kernels() {
  return {gradient_panels<T>,     gradient_packed_bytes<T>, gradient_pack<T>,
          GradientCell<T>::tile,  GradientCell<T>::scratch_bytes,
          GradientCell<T>::run,   gradient_reduce<T>};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
