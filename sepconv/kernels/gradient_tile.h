// The backward half of one cell of the grid, unit by unit and tile by tile.
#pragma once
#include "pointwise_gradients.h"
#include "short_gradients.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T, template <class> class Products = PointwiseGradients>
struct GradientTile : ShortGradients<T> {
  typedef ShortGradients<T> Base;
  typedef GradientUnit<T> Unit;
  using Base::b, Base::call, Base::cut, Base::job, Base::width, Base::vl, Base::filter_vectors;
  using Base::first_panel, Base::end_panel, Base::sums_of, Base::bias_sums, Base::dh_of;

  Products<T> products;

  GradientTile(const Backward& b, const GradientCall& call, const GradientCut& cut,
               const GradientJob& job, T* scratch)
      : Base(GradientLayout<T>{b}, call, cut, job, scratch),
        products(static_cast<const GradientCell<T>&>(*this)) {}
  GradientTile(const GradientTile&) = delete;  // its products know where it is

  static int64_t scratch_bytes(const Backward& b, const GradientCut& cut) {
    return Base::scratch_bytes(b, cut) + Products<T>::scratch_bytes(b, cut);
  }
  static void run(const Backward& b, const GradientCall& call, const GradientCut& cut,
                  const GradientJob& job, void* scratch) {
    GradientTile(b, call, cut, job, static_cast<T*>(scratch)).run_units();
  }

  void run_units() {
    if (job.round == 0) clear_sums();
    const int64_t begin = cut.first_unit(job.partition) + job.round * cut.round_units;
    const int64_t end = smaller(begin + cut.round_units, cut.first_unit(job.partition + 1));
    for (int64_t u = begin; u < end; u++) {
      const int64_t stretch = u % cut.stretches, c = u / cut.stretches % cut.classes;
      const int64_t sample = u / cut.stretches / cut.classes;
      const int64_t in_class = ceil_div(call.out_steps - c, b.plan.classes);
      const int64_t first = stretch * cut.stretch;
      if (first < in_class)
        run_unit(this->unit_of(sample, c, in_class, smaller(first + cut.stretch, in_class)), first);
    }
  }

  void run_unit(const Unit& u, int64_t first) {
    // The dx of the first steps reads dH of the steps before, which are another unit's.
    const int64_t history = call.dx ? this->reach : 0;
    for (int64_t p = first_panel; p < end_panel; p++)
      memset(dh_of(p), 0, this->reach * width * sizeof(T));
    int64_t n;
    for (int64_t a = larger<int64_t>(first - history, 0); a < u.end; a += n) {
      const bool own = a >= first;
      n = smaller(cut.tile, (own ? u.end : first) - a);
      this->read_g(u, a, n, own);
      products.take_g(u, n);
      Ahead next = this->lines_after(u, a + n);
      const int64_t lines = ceil_div(next.lines(), end_panel - first_panel);
      for (int64_t p = first_panel; p < end_panel; p++) run_tile(u, p, a, n, own, next, lines);
    }
  }

  void run_tile(const Unit& u, int64_t p, int64_t a, int64_t n, bool own, Ahead& next,
                int64_t lines) {
    if (b.plan.alone())
      this->read_dh(u, p, a, n, own);
    else
      products.by_h(p, n, next, own ? lines / 2 : 0);
    if (own) {
      const Panel panel = panel_of(b, p);
      this->is_one_pass() ? this->one_pass(u, p, panel, a, n)
                          : this->passes(u, p, panel, a, n, 0);
      if (!b.plan.alone()) products.by_pointwise(p, n, next, lines / 2);
    }
    T* rows = dh_of(p);
    memmove(rows, rows + n * width, this->reach * width * sizeof(T));
  }

  void clear_sums() const {
    memset(sums_of(first_panel), 0,
           (end_panel - first_panel) * this->panel_sums * sizeof(T));
    if (job.block == 0) memset(bias_sums(), 0, filter_vectors * vl * sizeof(T));
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
  constexpr int64_t block_bytes = 512 << 10;  // as much of its gradient, too, stays in L2
  return {gradient_panels<T>,    gradient_packed_bytes<T>,       gradient_pack<T>,
          GradientTile<T>::tile, GradientTile<T>::scratch_bytes, GradientTile<T>::run,
          gradient_reduce<T>,    block_bytes,                    nullptr};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
