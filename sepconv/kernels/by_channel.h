// Sums and affine functions by channel of tensors (O, C, I): the axes before the channels, they
// themselves, and the axes behind them.
#pragma once
#include "plan.h"
#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

constexpr int64_t summed_rows = 128;  // in the precision of x; float64 sums begin after them

// The sums over O and I of z and of (x - shift) * z for the rows of one job; z null is x - shift.
template <class T, bool with_z> struct ChannelSummer {
  static constexpr int vl = lanes<T>;
  const ChannelSums& s;
  const T *x, *z, *shift;
  double *first, *second;

  SEPCONV_INLINE void add(Vec<T> x, Vec<T> z, Vec<T> shift, Vec<T>& sum, Vec<T>& product) {
    const Vec<T> d = x - shift, factor = with_z ? z : d;
    sum += factor, product += d * factor;
  }

  // Rows of O, where I is 1: up to `vectors` vectors of channels at once.
  template <int vectors> void channels(int64_t begin, int64_t end, int64_t c) const {
    Vec<T> sum[vectors] = {}, product[vectors] = {}, mean[vectors];
    SEPCONV_UNROLL for (int v = 0; v < vectors; v++) mean[v] = load(shift + c + v * vl);
    for (int64_t o = begin; o < end; o++)
      SEPCONV_UNROLL for (int v = 0; v < vectors; v++) {
        const int64_t at = o * s.channels + c + v * vl;
        add(load(x + at), with_z ? load(z + at) : Vec<T>{}, mean[v], sum[v], product[v]);
      }
    SEPCONV_UNROLL for (int v = 0; v < vectors; v++)
      SEPCONV_UNROLL for (int l = 0; l < vl; l++) {
        first[c + v * vl + l] += double(sum[v][l]);
        second[c + v * vl + l] += double(product[v][l]);
      }
  }

  void last_channels(int64_t begin, int64_t end, int64_t c) const {
    const int64_t n = s.channels - c;
    Vec<T> sum{}, product{};
    const Vec<T> mean = load_first(shift + c, n);
    for (int64_t o = begin; o < end; o++) {
      const int64_t at = o * s.channels + c;
      add(load_first(x + at, n), with_z ? load_first(z + at, n) : Vec<T>{}, mean, sum, product);
    }
    for (int64_t l = 0; l < n; l++) {
      first[c + l] += double(sum[l]);
      second[c + l] += double(product[l]);
    }
  }

  // I values of one channel.
  void run(int64_t at, int64_t c) const {
    const Vec<T> mean = splat(shift[c]);
    for (int64_t i = 0; i < s.inner; i += summed_rows * vl) {
      const int64_t end = smaller(i + summed_rows * vl, s.inner);
      Vec<T> sum{}, product{};
      int64_t k = i;
      for (; k + vl <= end; k += vl)
        add(load(x + at + k), with_z ? load(z + at + k) : Vec<T>{}, mean, sum, product);
      double total = 0, products = 0;
      for (; k < end; k++) {
        const T d = x[at + k] - mean[0], factor = with_z ? z[at + k] : d;
        total += double(factor), products += double(d) * double(factor);
      }
      for (int l = 0; l < vl; l++) total += double(sum[l]), products += double(product[l]);
      first[c] += total, second[c] += products;
    }
  }

  void rows(int64_t begin, int64_t end) const {
    if (s.inner != 1) {
      for (int64_t o = begin; o < end; o++)
        for (int64_t c = 0; c < s.channels; c++) run((o * s.channels + c) * s.inner, c);
      return;
    }
    for (int64_t o = begin; o < end; o += summed_rows) {
      const int64_t last = smaller(o + summed_rows, end);
      int64_t c = 0;
      for (; c + 4 * vl <= s.channels; c += 4 * vl) channels<4>(o, last, c);
      for (; c + vl <= s.channels; c += vl) channels<1>(o, last, c);
      if (c < s.channels) last_channels(o, last, c);
    }
  }
};

template <class T> static void channel_sums(const ChannelSums& s, int64_t job) {
  const int64_t begin = job * s.rows, end = smaller(begin + s.rows, s.outer);
  double* sums = s.sums + job * 2 * s.channels;
  const T *x = static_cast<const T*>(s.x), *z = static_cast<const T*>(s.z);
  const T* shift = static_cast<const T*>(s.shift);
  if (z)
    ChannelSummer<T, true>{s, x, z, shift, sums, sums + s.channels}.rows(begin, end);
  else
    ChannelSummer<T, false>{s, x, z, shift, sums, sums + s.channels}.rows(begin, end);
}

// out = (x - shift) * scale + offset + z * z_scale, the last of which is left out if z is null.
template <class T, bool with_z> struct ChannelMap {
  static constexpr int vl = lanes<T>;
  const ChannelAffine& a;
  const T *x = static_cast<const T*>(a.x), *z = static_cast<const T*>(a.z);
  const T *shift = static_cast<const T*>(a.shift), *scale = static_cast<const T*>(a.scale);
  const T *offset = static_cast<const T*>(a.offset), *z_scale = static_cast<const T*>(a.z_scale);
  T* out = static_cast<T*>(a.out);

  SEPCONV_INLINE Vec<T> of(Vec<T> x, Vec<T> shift, Vec<T> scale, Vec<T> offset, Vec<T> z,
                                  Vec<T> z_scale) {
    const Vec<T> y = (x - shift) * scale + offset;
    return with_z ? y + z * z_scale : y;
  }

  // n values from `at` on, n <= vl or all of a run; the factors come from `factor(pointer, n)`.
  template <class Factor> void vectors(int64_t at, int64_t n, Factor factor) const {
    int64_t i = 0;
    for (; i + vl <= n; i += vl)
      store(out + at + i,
            of(load(x + at + i), factor(shift, i, vl), factor(scale, i, vl), factor(offset, i, vl),
               with_z ? load(z + at + i) : Vec<T>{}, with_z ? factor(z_scale, i, vl) : Vec<T>{}));
    const int64_t m = n - i;
    if (m > 0)
      store_first(out + at + i,
                  of(load_first(x + at + i, m), factor(shift, i, m), factor(scale, i, m),
                     factor(offset, i, m), with_z ? load_first(z + at + i, m) : Vec<T>{},
                     with_z ? factor(z_scale, i, m) : Vec<T>{}),
                  m);
  }

  void rows(int64_t begin, int64_t end) const {
    for (int64_t o = begin; o < end; o++) {
      if (a.inner == 1) {
        vectors(o * a.channels, a.channels,
                [](const T* p, int64_t i, int64_t n) __attribute__((always_inline)) {
                  return n == vl ? load(p + i) : load_first(p + i, n);
                });
        continue;
      }
      for (int64_t c = 0; c < a.channels; c++)
        vectors((o * a.channels + c) * a.inner, a.inner,
                [c](const T* p, int64_t, int64_t) __attribute__((always_inline)) {
                  return splat(p[c]);
                });
    }
  }
};

template <class T> static void channel_affine(const ChannelAffine& a, int64_t job) {
  const int64_t begin = job * a.rows, end = smaller(begin + a.rows, a.outer);
  a.z ? ChannelMap<T, true>{a}.rows(begin, end) : ChannelMap<T, false>{a}.rows(begin, end);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
