// The gradient by x of a tile, from dH.
#pragma once
#include "kernel_gradients.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct InputGradient : KernelGradients<T> {
  typedef KernelGradients<T> Kernels;
  typedef GradientUnit<T> Unit;
  using Kernels::Kernels;
  using Kernels::b, Kernels::call, Kernels::width, Kernels::vl, Kernels::phases, Kernels::taps_of;
  using Kernels::outputs, Kernels::input_step, Kernels::input_apart, Kernels::width_of;
  using Kernels::dh_of;

  // Input steps are written once each: those that phase p reads at the steps from `a` of a class.
  // `rows` of dH begin `reach` before step a.
  void gradient_by_x(const Unit& u, int64_t p, const Panel& panel, int64_t a, int64_t n,
                     T* rows) const {
    const bool last = a + n == u.in_class;
    if (last) memset(rows + (this->reach + n) * width, 0, this->reach * width * sizeof(T));
    int64_t taps_before = 0;
    for (int64_t phase = 0; phase < phases; phase++) {
      const int64_t taps = taps_of(phase), t = input_step(u, phase, 0), apart = input_apart();
      const int64_t end = smaller(a + n + (last ? taps - 1 : 0),
                                  ceil_div(larger<int64_t>(call.steps - t, 0), apart));
      for (int64_t i = larger(a, t < 0 ? ceil_div(-t, apart) : 0); i < end; i += outputs) {
        const int64_t m = smaller<int64_t>(outputs, end - i);
        const T* first = rows + (this->reach + i - a - (taps - 1)) * width;
        alignas(64) T sums[gemm_columns<T> * outputs];  // [width / vl][outputs][vl]
        for (int64_t q = 0; q < width_of(panel) / vl; q++)
          input_sums(u, first + q * vl, this->taps_backwards(p, q) + taps_before * vl, taps, i, m,
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

}  // namespace SEPCONV_ISA
}  // namespace sepconv
