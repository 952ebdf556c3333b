// float32 as the sum of three bfloat16, for tiles that multiply bfloat16 and add float32.
//
// A float32 has 24 significant bits and a bfloat16 has 8: what two of them leave is a third, so
// x = x1 + x2 + x3 is exact. Of the nine products of two such numbers the six largest are taken.
// The others are below 2**-22 + 2**-23 of h * w, since H is cut and weights are rounded, and as
// often positive as negative.
// (G. Henry, P. T. P. Tang, A. Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype
// For Higher-Precision Computations", ARITH 2019.)
#pragma once
#include "plan.h"
#include "vector_math.h"

namespace sepconv {
namespace SEPCONV_ISA {

constexpr int pieces = 3;
typedef uint32_t U32 __attribute__((vector_size(vector_bytes)));
typedef uint16_t U16 __attribute__((vector_size(vector_bytes)));

SEPCONV_INLINE F32 cut(F32 x) { return (F32)((U32)x & 0xffff0000); }
SEPCONV_INLINE F32 rounded(F32 x) { return cut((F32)((U32)x + 0x8000)); }  // a tie away from zero

// Of each lane two bfloat16: that of `low` in the low half.
struct Pieces {
  U32 of[pieces];
};
// By `cut` or `rounded`.
template <class Shorten> SEPCONV_INLINE Pieces split(F32 low, F32 high, Shorten shorten) {
  Pieces p;
  SEPCONV_UNROLL for (int i = 0; i < pieces; i++) {
    const F32 l = i < pieces - 1 ? shorten(low) : low, h = i < pieces - 1 ? shorten(high) : high;
    p.of[i] = ((U32)l >> 16) | ((U32)h & 0xffff0000);
    low -= l, high -= h;
  }
  return p;
}

// Which numbers may be split: 0, and sizes between two powers of two. Tiles take subnormal numbers
// and results for zero. With weights of at least 2**-40 and H of at least 2**-60, what that loses
// is at most 2**-26 of any product; and up to 2**50 no sum overflows.
constexpr int most_exponent = 50, least_weight_exponent = -40, least_exponent = -60;

// What was seen in each half of a lane, as sizes of first pieces that were cut: they keep an
// infinity, a NaN, and every exponent, but take for zero what is below 2**-133.
class Sizes {
 public:
  SEPCONV_ALWAYS_INLINE void see(const Pieces& p) {
    const U16 first = (U16)p.of[0], size = first + first, before = size - 1;  // of 0, the largest
    most = size > most ? size : most;
    least = before < least ? before : least;
  }
  // A bit for each lane that saw what may not be split.
  SEPCONV_ALWAYS_INLINE uint32_t outside(int exponent) const {
    const uint16_t high = doubled(most_exponent), low = doubled(exponent) - 1;
    const U16 out = (U16)(most > high) | (U16)(least < low);
    return _mm512_test_epi32_mask((__m512i)out, (__m512i)out);
  }

 private:
  static constexpr uint16_t doubled(int exponent) { return uint16_t((exponent + 127) << 8); }
  U16 most{}, least = U16{} - 1;
};

}  // namespace SEPCONV_ISA
}  // namespace sepconv
