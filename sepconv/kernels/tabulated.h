// Smooth functions of a float by tables of polynomials, from which one instruction of AVX-512 takes
// a coefficient for each lane. The compiler computes the tables, as GCC alone is able to.
#pragma once
#include "vec.h"

#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#define SEPCONV_TABLES
namespace sepconv {
namespace SEPCONV_ISA {

// 31 pieces, of which piece k, |k| <= 15, lies around k * step.
template <int degree> struct Table {
  static constexpr int nodes = degree + 1;
  alignas(64) float coefficients[nodes][32];  // [power][k mod 32]
  float step;

  constexpr float limit() const { return 15.5f * step; }

  // The polynomials that meet f where a Chebyshev polynomial of their piece is 0; f(0) is not used.
  static constexpr Table of(double (*f)(double), float step) {
    Table table{};
    table.step = step;
    for (int k = -15; k <= 15; k++) {
      double t[nodes]{}, difference[nodes]{}, power[nodes]{};
      for (int i = 0; i < nodes; i++) {
        t[i] = 0.5 * step * __builtin_cos(3.14159265358979323846 * (i + 0.5) / nodes);
        difference[i] = f(k * double(step) + t[i]);
      }
      for (int order = 1; order < nodes; order++)
        for (int i = degree; i >= order; i--)
          difference[i] = (difference[i] - difference[i - 1]) / (t[i] - t[i - order]);
      for (int i = degree; i >= 0; i--) {  // Newton's form, opened from the inside
        for (int j = degree; j > 0; j--) power[j] = power[j - 1] - t[i] * power[j];
        power[0] = difference[i] - t[i] * power[0];
      }
      for (int i = 0; i < nodes; i++) table.coefficients[i][k & 31] = float(power[i]);
    }
    return table;
  }
};

// f(x) for |x| < limit; anything elsewhere.
template <int degree> SEPCONV_INLINE Vec<float> looked_up(const Table<degree>& table, Vec<float> x) {
  constexpr float to_integer = 12582912;  // 1.5 * 2**23: adding it leaves k in the low bits
  const Vec<float> rounded = x * (1 / table.step) + to_integer;
  const Vec<float> t = x - (rounded - to_integer) * table.step;
  Vec<float> sum{};
  SEPCONV_UNROLL for (int i = degree; i >= 0; i--) {
    const float* c = table.coefficients[i];
    sum = sum * t + (Vec<float>)_mm512_permutex2var_ps(_mm512_load_ps(c), (__m512i)rounded,
                                                       _mm512_load_ps(c + 16));
  }
  return sum;
}

template <Vec<float> (*formula)(Vec<float>, const double*)>
static __attribute__((noinline)) Vec<float> with_others(Vec<float> x, Vec<float> near,
                                                        __mmask16 is_near) {
  return (Vec<float>)_mm512_mask_mov_ps((__m512)formula(x, nullptr), is_near, (__m512)near);
}
// `near` where |x| < limit, the formula that holds everywhere elsewhere. It is computed where such
// a lane is, but chosen lane by lane: no element's bits depend on its neighbours.
template <Vec<float> (*formula)(Vec<float>, const double*)>
SEPCONV_INLINE Vec<float> within(float limit, Vec<float> x, Vec<float> near) {
  const __m512 size = _mm512_maskz_and_ps(0xffff, (__m512)x,
                                          _mm512_castsi512_ps(_mm512_set1_epi32(0x7fffffff)));
  const __mmask16 is_near = _mm512_cmp_ps_mask(size, _mm512_set1_ps(limit), _CMP_LT_OQ);
  return __builtin_expect(is_near == 0xffff, 1) ? near : with_others<formula>(x, near, is_near);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
#endif
