// Memory that a later tile reads or writes, fetched while this one computes.
#pragma once
#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

constexpr int64_t line_bytes = 64;

class Ahead {
 public:
  // `rows` rows of so many bytes, `stride` bytes apart.
  void add(const void* first, int64_t stride, int64_t rows, int64_t bytes) {
    if (stride == bytes) bytes *= rows, rows = 1;
    const int64_t lines = ceil_div(bytes, line_bytes) + (bytes % line_bytes != 0 || rows > 1);
    if (rows > 0) parts[count++] = {static_cast<const char*>(first), stride, rows, lines};
    left += larger<int64_t>(rows, 0) * lines;
  }
  int64_t lines() const { return left; }
  void fetch(int64_t n) {
    while (n > 0 && now < count) {
      Part& part = parts[now];
      const int64_t m = smaller(n, part.lines - line);
      const char* first = part.row + line * line_bytes;
      for (int64_t i = 0; i < m; i++) __builtin_prefetch(first + i * line_bytes, 0, 1);
      n -= m, line += m;
      if (line < part.lines) return;
      line = 0, part.row += part.stride;
      if (--part.rows == 0) now++;
    }
  }

 private:
  struct Part {
    const char* row;
    int64_t stride, rows, lines;
  };
  Part parts[4] = {};
  int count = 0, now = 0;
  int64_t line = 0, left = 0;
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
