// Numbers as they lie in memory: float32 and float64 are computed with as they are, 16-bit floats
// in float32, rounded to nearest, ties to even. A NaN stays a NaN.
#pragma once
#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};
template <class S> struct Stored {
  typedef S Wide;
};
template <> struct Stored<Float16> {
  typedef float Wide;
};
template <> struct Stored<BFloat16> {
  typedef float Wide;
};
template <class S> using Wide = typename Stored<S>::Wide;
template <class S> constexpr bool is_narrow = sizeof(S) < sizeof(Wide<S>);

typedef uint16_t Bits16 __attribute__((vector_size(vector_bytes / 2)));
typedef Mask<float> Bits32;  // int32_t: the numbers' signs are looked at apart

SEPCONV_INLINE Bits16 load_bits(const void* p) {
  Bits16 bits;
  memcpy(&bits, p, sizeof bits);
  return bits;
}
// The first n lanes, 0 <= n <= lanes; the others are zero. Touches no other memory.
#if defined(__AVX512BW__) && defined(__AVX512VL__)
SEPCONV_INLINE Bits16 load_first_bits(const void* p, int64_t n) {
  return (Bits16)_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p);
}
SEPCONV_INLINE void store_first_bits(void* p, Bits16 bits, int64_t n) {
  _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), (__m256i)bits);
}
#else
SEPCONV_INLINE Bits16 load_first_bits(const void* p, int64_t n) {
  Bits16 bits{};
  for (int64_t i = 0; i < n; i++) bits[i] = static_cast<const uint16_t*>(p)[i];
  return bits;
}
SEPCONV_INLINE void store_first_bits(void* p, Bits16 bits, int64_t n) {
  for (int64_t i = 0; i < n; i++) static_cast<uint16_t*>(p)[i] = bits[i];
}
#endif

SEPCONV_INLINE Vec<float> widened(const BFloat16*, Bits16 bits) {
  return (Vec<float>)(__builtin_convertvector(bits, Bits32) << 16);
}
SEPCONV_INLINE Bits16 narrowed(const BFloat16*, Vec<float> x) {
  const Bits32 bits = (Bits32)x, high = (bits >> 16) & 0xffff;
  const Bits32 rounded = ((bits + 0x7fff + (high & 1)) >> 16) & 0xffff;
  return __builtin_convertvector(x == x ? rounded : (high & 0x8000) | 0x7fc0, Bits16);
}

// The forms with a mask: those without read a variable that GCC 12 warns of.
#if defined(__AVX512F__)
SEPCONV_INLINE Vec<float> widened(const Float16*, Bits16 bits) {
  return (Vec<float>)_mm512_maskz_cvtph_ps(0xffff, (__m256i)bits);
}
SEPCONV_INLINE Bits16 narrowed(const Float16*, Vec<float> x) {
  return (Bits16)_mm512_maskz_cvtps_ph(0xffff, (__m512)x, _MM_FROUND_TO_NEAREST_INT);
}
#elif defined(__F16C__)
SEPCONV_INLINE Vec<float> widened(const Float16*, Bits16 bits) {
  return (Vec<float>)_mm256_cvtph_ps((__m128i)bits);
}
SEPCONV_INLINE Bits16 narrowed(const Float16*, Vec<float> x) {
  return (Bits16)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
}
#else
SEPCONV_INLINE Vec<float> widened(const Float16*, Bits16 bits) {
  const Bits32 wide = __builtin_convertvector(bits, Bits32), size = wide & 0x7fff;
  // The product moves the exponent's bias from 15 to 127, of subnormals too; inf and NaN apart.
  const Bits32 finite = (Bits32)((Vec<float>)(size << 13) * 0x1p112f);
  const Bits32 special = (size << 13) | 0x7f800000;
  return (Vec<float>)((size < 0x7c00 ? finite : special) | (wide & 0x8000) << 16);
}
SEPCONV_INLINE Bits16 narrowed(const Float16*, Vec<float> x) {
  const Bits32 bits = (Bits32)x, size = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
  const Bits32 rounded = (size + 0xfff + ((size >> 13) & 1)) >> 13;
  const Bits32 normal = rounded - (112 << 10);
  // Adding 1/2 rounds to the 2**-24 of float16's subnormals.
  const Bits32 subnormal = (Bits32)((Vec<float>)size + 0.5f) - 0x3f000000;
  Bits32 narrow = size < 0x38800000 ? subnormal : normal;
  narrow = size < 0x47800000 - 0x1000 ? narrow : Bits32{} + 0x7c00;  // from 65,520 on
  narrow = size > 0x7f800000 ? Bits32{} + 0x7e00 : narrow;
  return __builtin_convertvector(narrow | sign, Bits16);
}
#endif

// vec.h's load, load_first, store and store_first, and the single number.
#define SEPCONV_STORED(S)                                                                    \
  SEPCONV_INLINE Vec<float> load(const S* p) { return widened(p, load_bits(p)); }            \
  SEPCONV_INLINE Vec<float> load_first(const S* p, int64_t n) {                              \
    return widened(p, load_first_bits(p, n));                                                \
  }                                                                                          \
  SEPCONV_INLINE void store(S* p, Vec<float> v) {                                            \
    const Bits16 bits = narrowed(p, v);                                                      \
    memcpy(p, &bits, sizeof bits);                                                           \
  }                                                                                          \
  SEPCONV_INLINE void store_first(S* p, Vec<float> v, int64_t n) {                           \
    store_first_bits(p, narrowed(p, v), n);                                                  \
  }                                                                                          \
  SEPCONV_INLINE float number(const S* p) { return load_first(p, 1)[0]; }
SEPCONV_STORED(Float16)
SEPCONV_STORED(BFloat16)
#undef SEPCONV_STORED
template <class T> SEPCONV_INLINE T number(const T* p) { return *p; }

template <class S> SEPCONV_INLINE void copy_as(const Wide<S>* x, S* y, int64_t n) {
  constexpr int vl = lanes<Wide<S>>;
  for (; n >= vl; n -= vl, x += vl, y += vl) store(y, load(x));
  if (n > 0) store_first(y, load_first(x, n), n);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
