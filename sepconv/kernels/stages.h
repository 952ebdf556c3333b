// What stands between the convolutions of a network: pooling, rows of a table, sums, softmax.
#pragma once
#include "activation.h"
#include "chain.h"

namespace sepconv {
namespace SEPCONV_ISA {

// x where it is larger, or NaN; a NaN that was met stays.
template <class T> SEPCONV_INLINE Vec<T> larger_or_nan(Vec<T> most, Vec<T> x) {
  return x > most ? x : (x == x ? most : x);
}

template <class T, bool mean, int vectors>
static void pool_block(const Stage& s, const T* x, T* y, int64_t first, int64_t end, int64_t n) {
  constexpr int vl = lanes<T>;
  const int64_t C = s.in.channels;
  Vec<T> held[vectors];
  SEPCONV_UNROLL for (int v = 0; v < vectors; v++)
    held[v] = mean ? Vec<T>{} : splat(-T(__builtin_inf()));
  for (int64_t t = first; t < end; t++)
    SEPCONV_UNROLL for (int v = 0; v < vectors; v++) {
      const bool whole = vectors > 1 || n == vl;
      const Vec<T> row = whole ? load(x + t * C + v * vl) : load_first(x + t * C, n);
      held[v] = mean ? held[v] + row : larger_or_nan<T>(held[v], row);
    }
  SEPCONV_UNROLL for (int v = 0; v < vectors; v++) {
    if (mean) held[v] = held[v] / T(end - first);
    vectors > 1 || n == vl ? store(y + v * vl, held[v]) : store_first(y, held[v], n);
  }
}

template <class T, bool mean> static void pool_channels(const Stage& s, const T* x, T* y,
                                                        int64_t window) {
  constexpr int vl = lanes<T>;
  const int64_t start = window * s.stride - s.pad_left, C = s.in.channels;
  const int64_t first = larger<int64_t>(start, 0), end = smaller(start + s.size, s.in.steps);
  int64_t c = 0;
  for (; c + 4 * vl <= C; c += 4 * vl) pool_block<T, mean, 4>(s, x + c, y + c, first, end, vl);
  for (; c < C; c += vl)
    pool_block<T, mean, 1>(s, x + c, y + c, first, end, smaller<int64_t>(vl, C - c));
}

// Windows, those of all samples in a row.
template <class T> static void pool(const Stage& s, const StageCall& call, int64_t i, int64_t end) {
  const int64_t windows = s.out.steps, C = s.in.channels;
  for (; i < end; i++) {
    const T* x = static_cast<const T*>(call.x) + i / windows * s.in.steps * C;
    T* y = static_cast<T*>(call.y) + i * C;
    s.mean ? pool_channels<T, true>(s, x, y, i % windows)
           : pool_channels<T, false>(s, x, y, i % windows);
  }
}

// Rows of the table. Their numbers were checked; one that another thread changes meanwhile is bounded.
template <class T> static void look_up(const Stage& s, const StageCall& call, int64_t i,
                                       int64_t end) {
  constexpr int vl = lanes<T>;
  constexpr int64_t ahead = 8;  // rows, which lie anywhere: no prefetcher finds them
  const int64_t C = s.out.channels;
  auto row = [&](int64_t i) {
    const int64_t number = s.narrow_index ? static_cast<const int32_t*>(call.x)[i]
                                          : static_cast<const int64_t*>(call.x)[i];
    return static_cast<const T*>(s.table) + larger<int64_t>(smaller(number, s.size - 1), 0) * C;
  };
  for (; i < end; i++) {
    if (i + ahead < end)
      for (int64_t c = 0; c < C; c += 64 / sizeof(T)) __builtin_prefetch(row(i + ahead) + c);
    const T* from = row(i);
    T* y = static_cast<T*>(call.y) + i * C;
    int64_t c = 0;
    for (; c + vl <= C; c += vl) store(y + c, load(from + c));
    if (c < C) store_first(y + c, load_first(from + c, C - c), C - c);
  }
}

// y = f(x + z), or f(x); y may be x or z.
template <class T> static void add(const Stage& s, const StageCall& call, int64_t i, int64_t end) {
  constexpr int vl = lanes<T>;
  const T *x = static_cast<const T*>(call.x), *z = static_cast<const T*>(call.z);
  T* y = static_cast<T*>(call.y);
  if (s.flattens && x == y) return;
  if (!z) return activate<T>(s.epilogue, x + i, y + i, end - i);
  const int64_t begin = i;
  for (; i + vl <= end; i += vl) store(y + i, load(x + i) + load(z + i));
  if (i < end) store_first(y + i, load_first(x + i, end - i) + load_first(z + i, end - i), end - i);
  if (s.epilogue.activation != Activation::linear)
    activate<T>(s.epilogue, y + begin, y + begin, end - begin);
}

// e^x / sum e^x along the channels of each row; y may be x.
template <class T> static void softmax(const Stage& s, const StageCall& call, int64_t i,
                                       int64_t end) {
  constexpr int vl = lanes<T>;
  const int64_t C = s.in.channels, whole = C / vl * vl;
  const double none[max_parameters] = {};
  for (; i < end; i++) {
    const T* x = static_cast<const T*>(call.x) + i * C;
    T* y = static_cast<T*>(call.y) + i * C;
    Vec<T> largest_of = splat(-T(__builtin_inf()));
    for (int64_t c = 0; c < whole; c += vl) largest_of = larger_or_nan<T>(largest_of, load(x + c));
    T most = -T(__builtin_inf());
    auto meet = [&most](T a) { most = a > most || a != a ? a : most; };
    for (int l = 0; l < vl; l++) meet(largest_of[l]);
    for (int64_t c = whole; c < C; c++) meet(x[c]);
    for (int64_t c = 0; c < C; c++) y[c] = x[c] - most;
    apply<T, Formulas<T>::exponential>(none, y, 0, y, 0, 1, C);
    Vec<T> sum{};
    for (int64_t c = 0; c < whole; c += vl) sum += load(y + c);
    sum += load_first(y + whole, C - whole);
    double total = 0;
    for (int l = 0; l < vl; l++) total += double(sum[l]);
    for (int64_t c = 0; c < C; c++) y[c] = y[c] / T(total);
  }
}

template <class T> static StageKernels stage_kernels() {
  return {pool<T>, look_up<T>, add<T>, softmax<T>};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
