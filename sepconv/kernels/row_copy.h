// Every so many steps of one channel, with zeros for the padding, as whole vectors.
#pragma once
#include "storage.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class S> struct RowCopy {
  typedef Wide<S> T;
  static constexpr int vl = lanes<T>;

  int64_t steps, stride;

  // out[i] = in[step + i * stride], zero outside the row. Whole vectors are written, front to back:
  // what one writes too much, the next one or the slack of `out` takes.
  void window(const S* in, int64_t step, int64_t n, T* out) const {
    const int64_t s = stride;
    const int64_t first = smaller(n, step < 0 ? ceil_div(-step, s) : 0);
    const int64_t left = larger<int64_t>(steps - step, 0);
    const int64_t end = (n - 1) * s < left ? n : ceil_div(left, s);
    for (int64_t i = 0; i < first; i += vl) store(out + i, Vec<T>{});
    if (end > first) every(in + step + first * s, end - first, out + first);
    for (int64_t i = larger(first, end); i < n; i += vl) store(out + i, Vec<T>{});
  }

  // out[i] = in[i * stride]
  void every(const S* in, int64_t n, T* out) const {
    const int64_t s = stride;
    int64_t i = 0;
    if (s == 1) {
      for (; i + vl <= n; i += vl) store(out + i, load(in + i));
      if (i < n) store(out + i, load_first(in + i, n - i));
    } else if (s == 2) {
      Mask<T> even;
      SEPCONV_UNROLL for (int u = 0; u < vl; u++) even[u] = 2 * u;
      for (; i + vl < n; i += vl)  // < : the last odd element may be none of ours
        store(out + i, shuffled<T>(load(in + 2 * i), load(in + 2 * i + vl), even));
      const int64_t left = 2 * (n - i) - 1;
      const Vec<T> low = load_first(in + 2 * i, smaller<int64_t>(left, vl));
      const Vec<T> high = load_first(in + 2 * i + vl, larger<int64_t>(left - vl, 0));
      store(out + i, shuffled<T>(low, high, even));
    } else {
      for (; i < n; i++) out[i] = number(in + i * s);
    }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
