// Steps and channels of a tensor, read and written in either data format as rows of one vector of
// channels.
#pragma once
#include "transpose.h"

namespace sepconv {
namespace SEPCONV_ISA {

constexpr int64_t most_rows = 48;  // a multiple of gemm_rows and of all vectors' lanes

template <class T> struct Rows {
  const T* data;
  int64_t stride;
  int64_t lanes;
};

// One sample: elements from one step, and from one channel, to the next; one of the two is 1.
template <class T> struct Steps {
  T* data;
  int64_t step, channel;
  bool turned;  // channels_first

  static Steps of(void* data, int64_t sample, int64_t steps, int64_t channels, bool turned) {
    T* first = static_cast<T*>(data) + sample * steps * channels;
    return turned ? Steps{first, 1, steps, true} : Steps{first, channels, 1, false};
  }

  // n <= most_rows rows of a vector, `apart` steps apart; `buffer` holds them if they are turned.
  Rows<T> rows(int64_t t, int64_t apart, int64_t n, int64_t c, int64_t count, T* buffer) const {
    constexpr int64_t vl = lanes<T>;
    const T* first = data + t * step + c * channel;
    if (!turned) return {first, apart * step, count};
    if (apart == 1) {
      transpose(first, channel, count, n, buffer, vl, vl);
    } else {
      for (int64_t r = 0; r < n; r++)
        for (int64_t l = 0; l < vl; l++)
          buffer[r * vl + l] = l < count ? first[r * apart + l * channel] : T(0);
    }
    return {buffer, vl, vl};
  }

  // Writes or adds n rows of `count` channels.
  void write(const T* rows, int64_t row_stride, int64_t n, int64_t t, int64_t apart, int64_t c,
             int64_t count, bool adds) const {
    constexpr int64_t vl = lanes<T>;
    T* first = data + t * step + c * channel;
    if (turned) {
      if (apart == 1 && !adds)
        return transpose(rows, row_stride, n, count, first, channel, n);
      for (int64_t l = 0; l < count; l++)
        for (int64_t r = 0; r < n; r++) {
          T& out = first[r * apart + l * channel];
          out = adds ? out + rows[r * row_stride + l] : rows[r * row_stride + l];
        }
      return;
    }
    if (count == vl && !adds) {
      for (int64_t r = 0; r < n; r++, first += apart * step, rows += row_stride)
        store(first, load(rows));
      return;
    }
    for (int64_t r = 0; r < n; r++, first += apart * step, rows += row_stride)
      for (int64_t l = 0; l < count; l += vl) {
        const int64_t m = smaller(vl, count - l);
        const Vec<T> v = load_first(rows + l, m);
        if (m == vl && !adds)
          store(first + l, v);
        else
          store_first(first + l, adds ? load_first(first + l, m) + v : v, m);
      }
  }
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
