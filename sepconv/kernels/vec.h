// The vector of one instruction set, by GCC's vector extension: the compiler knows +, *, < and ?:.
//
// Included only by kernels.cpp, which is compiled once per instruction set inside the namespace
// SEPCONV_ISA. Nothing here may use an inline function of the standard library: the linker keeps
// one copy of those, possibly the one compiled for a CPU that is not there.
#pragma once
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define SEPCONV_INLINE static inline __attribute__((always_inline))
#define SEPCONV_UNROLL _Pragma("GCC unroll 64")

namespace sepconv {
namespace SEPCONV_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, vector_registers = 32;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32, vector_registers = 16;
#elif defined(__x86_64__) || defined(__i386__)
constexpr int vector_bytes = 16, vector_registers = 16;
#else
constexpr int vector_bytes = 16, vector_registers = 32;  // NEON, and a fair guess elsewhere
#endif

template <class T> struct Lanes;
template <> struct Lanes<float> {
  typedef float vec __attribute__((vector_size(vector_bytes)));
  typedef int32_t mask __attribute__((vector_size(vector_bytes)));
};
template <> struct Lanes<double> {
  typedef double vec __attribute__((vector_size(vector_bytes)));
  typedef int64_t mask __attribute__((vector_size(vector_bytes)));
};
template <class T> using Vec = typename Lanes<T>::vec;
template <class T> using Mask = typename Lanes<T>::mask;
template <class T> constexpr int lanes = vector_bytes / int(sizeof(T));
template <class T> constexpr T largest = T(sizeof(T) == 4 ? __FLT_MAX__ : __DBL_MAX__);

template <class T> SEPCONV_INLINE constexpr T smaller(T a, T b) { return a < b ? a : b; }
template <class T> SEPCONV_INLINE constexpr T larger(T a, T b) { return a > b ? a : b; }
// By 1, as mostly, without a division. (The layer of 4 x 10 steps takes 1.05 with; 2026-11-23.)
SEPCONV_INLINE constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return b == 1 ? a : (a + b - 1) / b;
}

template <class T> SEPCONV_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  memcpy(&v, p, sizeof v);
  return v;
}
template <class T> SEPCONV_INLINE void store(T* p, Vec<T> v) { memcpy(p, &v, sizeof v); }
// Keeps v in a register, where the compiler would load it again for each use.
template <class V> SEPCONV_INLINE void keep(V& v) {
#if defined(__x86_64__) || defined(__i386__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
}
// x - (+0) is x for every x, the signed zeros included; x + 0 is not.
template <class T> SEPCONV_INLINE Vec<T> splat(T a) { return a - Vec<T>{}; }

// The first n lanes, 0 <= n <= lanes; the others are zero. Touches no other memory.
#if defined(__AVX512F__)
SEPCONV_INLINE Vec<float> load_first(const float* p, int64_t n) {
  return (Vec<float>)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
}
SEPCONV_INLINE Vec<double> load_first(const double* p, int64_t n) {
  return (Vec<double>)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
}
SEPCONV_INLINE void store_first(float* p, Vec<float> v, int64_t n) {
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
}
SEPCONV_INLINE void store_first(double* p, Vec<double> v, int64_t n) {
  _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
}
#elif defined(__AVX2__)
SEPCONV_INLINE __m256i first32(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SEPCONV_INLINE __m256i first64(int64_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
SEPCONV_INLINE Vec<float> load_first(const float* p, int64_t n) {
  return (Vec<float>)_mm256_maskload_ps(p, first32(n));
}
SEPCONV_INLINE Vec<double> load_first(const double* p, int64_t n) {
  return (Vec<double>)_mm256_maskload_pd(p, first64(n));
}
SEPCONV_INLINE void store_first(float* p, Vec<float> v, int64_t n) {
  _mm256_maskstore_ps(p, first32(n), (__m256)v);
}
SEPCONV_INLINE void store_first(double* p, Vec<double> v, int64_t n) {
  _mm256_maskstore_pd(p, first64(n), (__m256d)v);
}
#else
template <class T> SEPCONV_INLINE Vec<T> load_first(const T* p, int64_t n) {
  Vec<T> v{};
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
template <class T> SEPCONV_INLINE void store_first(T* p, Vec<T> v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

// v[i] = a[from[i]], of the lanes of a, or of a and then of b.
#if defined(__clang__)  // which has no builtin for it, and needs none where `from` is constant
template <class T> SEPCONV_INLINE Vec<T> shuffled(Vec<T> a, Mask<T> from) {
  Vec<T> v;
  SEPCONV_UNROLL for (int i = 0; i < lanes<T>; i++) v[i] = a[from[i]];
  return v;
}
template <class T> SEPCONV_INLINE Vec<T> shuffled(Vec<T> a, Vec<T> b, Mask<T> from) {
  Vec<T> v;
  SEPCONV_UNROLL for (int i = 0; i < lanes<T>; i++)
    v[i] = from[i] < lanes<T> ? a[from[i] % lanes<T>] : b[from[i] % lanes<T>];
  return v;
}
#else
template <class T> SEPCONV_INLINE Vec<T> shuffled(Vec<T> a, Mask<T> from) {
  return __builtin_shuffle(a, from);
}
template <class T> SEPCONV_INLINE Vec<T> shuffled(Vec<T> a, Vec<T> b, Mask<T> from) {
  return __builtin_shuffle(a, b, from);
}
#endif

// Bounds that let a NaN in x through: every comparison with it is false, so x is taken.
template <class T> SEPCONV_INLINE Vec<T> at_least(Vec<T> x, Vec<T> low) {
  return x < low ? low : x;
}
template <class T> SEPCONV_INLINE Vec<T> at_most(Vec<T> x, Vec<T> high) {
  return x > high ? high : x;
}
#if defined(__AVX512F__)  // one instruction, which takes its second operand for a NaN
template <> Vec<float> at_least<float>(Vec<float> x, Vec<float> low) {
  return (Vec<float>)_mm512_maskz_max_ps(0xffff, (__m512)low, (__m512)x);
}
template <> Vec<float> at_most<float>(Vec<float> x, Vec<float> high) {
  return (Vec<float>)_mm512_maskz_min_ps(0xffff, (__m512)high, (__m512)x);
}
#endif

}  // namespace SEPCONV_ISA
}  // namespace sepconv
