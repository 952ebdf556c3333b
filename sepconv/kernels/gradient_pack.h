// The panels of depthwise channels, and the weights as the backward half reads them.
#pragma once
#include "gradient.h"
#include "outer_product.h"
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

struct Panel {
  int64_t first, lanes;       // depthwise channels
  int64_t channel, channels;  // channels of x
  bool adds;                  // an earlier panel has a part of this channel's gradient
};

static Panel panel_of(const Backward& b, int64_t index) {
  const int64_t M = b.plan.multiplier, lanes = b.panels.lanes, depth = b.plan.depth();
  if (b.panels.a_channel == 1) {
    const int64_t first = index * lanes, n = smaller(lanes, depth - first);
    return {first, n, first / M, n / M, false};
  }
  const int64_t channel = index / b.panels.a_channel, part = index % b.panels.a_channel * lanes;
  return {channel * M + part, smaller(lanes, M - part), channel, 1, part > 0};
}

constexpr int64_t short_taps = 4;

// Where a layer's packed weights lie, and what it needs to know of its sizes all the time.
template <class T> struct GradientLayout {
  static constexpr int vl = lanes<T>;
  static constexpr int64_t columns = gemm_columns<T>;

  const Backward& b;
  const int64_t taps = b.plan.taps, filters = b.plan.filters, width = b.panels.width;
  const int64_t filter_vectors = ceil_div(filters, vl);
  const int64_t phases = smaller(b.plan.phases, taps);  // of the taps, at most
  const int64_t phase_taps = ceil_div(taps, phases);    // of the longest
  const int64_t reach = phase_taps - 1;  // steps of dH before its own that a step's dx reads
  const int64_t panel_sums = width * (filter_vectors * vl + taps + b.plan.alone());

  // Whether one block of steps has all that a tap reads of x and of dH.
  bool is_short() const { return taps <= short_taps && phases == 1 && !b.plan.alone(); }
  // Taps of one phase: p, p + phases, ...
  int64_t taps_of(int64_t p) const { return (taps - 1 - p) / phases + 1; }
  // of one vector: the taps phase by phase; then each phase backwards
  const T* taps_in_order(int64_t panel, int64_t q) const {
    return static_cast<const T*>(b.packed) + (panel * width + q * vl) * taps;
  }
  const T* taps_backwards(int64_t panel, int64_t q) const {
    return taps_in_order(b.panels.count + panel, q);
  }
  // [filters][columns]
  const T* pointwise(int64_t panel) const {
    return taps_in_order(2 * b.panels.count, 0) + panel * filters * columns;
  }
  const T* zeros() const { return pointwise(b.panels.count); }

  // [width][filters], [taps][width] for each panel, then [filters]; filters to whole vectors. The
  // bias of a depthwise convolution alone is one more row of its panels
  T* sums(const GradientCall& call, int64_t partition, int64_t panel) const {
    return static_cast<T*>(call.sums) + partition * b.panels.sums_size + panel * panel_sums;
  }
};

// Depthwise channels that the kernels compute at once, at least.
template <class T> constexpr int64_t panel_unit = larger<int64_t>(lanes<T>, outer_rows);

template <class T> static void gradient_panels(const Plan& plan, Panels& panels) {
  constexpr int64_t columns = gemm_columns<T>, unit = panel_unit<T>;
  static_assert(columns % unit == 0, "a row of a panel is stored by the matrix product");
  const int64_t M = plan.multiplier;
  panels.a_channel = ceil_div(M, columns);
  panels.lanes = M > columns ? columns : smaller(columns / M * M, plan.depth());
  panels.count = M > columns ? plan.channels * panels.a_channel
                             : ceil_div(plan.depth(), panels.lanes);
  panels.width = ceil_div(panels.lanes, unit) * unit;
  const int64_t filters = ceil_div(plan.filters, lanes<T>) * lanes<T>;
  panels.sums_size = panels.count * panels.width * (filters + plan.taps + plan.alone()) + filters;
}

template <class T> static int64_t gradient_packed_bytes(const Backward& b) {
  const int64_t columns = gemm_columns<T>;
  const int64_t panel = 2 * b.panels.width * b.plan.taps + b.plan.filters * columns;
  return (b.panels.count * panel + columns) * int64_t(sizeof(T));
}

template <class T>
static void gradient_pack(const Backward& b, const void* depthwise, const void* pointwise,
                          void* packed) {
  constexpr int vl = lanes<T>;
  const GradientLayout<T> l{b};
  const int64_t D = b.plan.depth();
  T* out = static_cast<T*>(packed);
  auto pack_taps = [&](bool backwards) {
    for (int64_t panel = 0; panel < b.panels.count; panel++) {
      const Panel at = panel_of(b, panel);
      for (int64_t q = 0; q < l.width; q += vl) {
        const int64_t n = larger<int64_t>(smaller<int64_t>(at.lanes - q, vl), 0);
        const T* in = static_cast<const T*>(depthwise) + at.first + (n ? q : 0);
        for (int64_t p = 0; p < l.phases; p++)
          for (int64_t i = 0; i < l.taps_of(p); i++, out += vl) {
            const int64_t j = p + l.phases * (backwards ? l.taps_of(p) - 1 - i : i);
            store(out, load_first(in + j * D, n));
          }
      }
    }
  };
  pack_taps(false);
  pack_taps(true);
  for (int64_t panel = 0; panel < b.panels.count; panel++, out += l.filters * l.columns) {
    const Panel at = panel_of(b, panel);
    transpose(static_cast<const T*>(pointwise) + at.first * l.filters, l.filters, at.lanes,
              l.filters, out, l.columns, l.columns);
  }
  memset(out, 0, l.columns * sizeof(T));
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
