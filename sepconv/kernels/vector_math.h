// exp, expm1, log1p, tanh, erfc-like functions over a vector.
//
// float32: minimax polynomials over the usual reduced ranges (Remez; the errors stand beside them),
// one straight path for every lane, so an element's bits do not depend on its place. Accuracy is
// measured in tests/test_core_activations.py. float64: the C library, lane by lane.
#pragma once
#include <math.h>

#include "vec.h"

namespace sepconv {
namespace SEPCONV_ISA {

typedef Vec<float> F32;
typedef Vec<double> F64;
typedef Mask<float> I32;
typedef double F64Wide __attribute__((vector_size(2 * vector_bytes)));  // one per lane of F32

SEPCONV_INLINE F32 bits_as_float(I32 bits) { return (F32)bits; }
SEPCONV_INLINE F32 absolute(F32 x) { return (F32)((I32)x & 0x7fffffff); }
SEPCONV_INLINE F64 absolute(F64 x) { return (F64)((Mask<double>)x & 0x7fffffffffffffff); }
SEPCONV_INLINE F32 with_sign_of(F32 positive, F32 sign) {
  return (F32)((I32)positive | ((I32)sign & int32_t(0x80000000)));
}

template <class V, int n> SEPCONV_INLINE V polynomial(const float (&c)[n], V x) {
  V sum = splat(c[n - 1]);
  SEPCONV_UNROLL for (int i = n - 2; i >= 0; i--) sum = sum * x + c[i];
  return sum;
}

template <class V, class F> SEPCONV_INLINE V each_lane(V x, F f) {
  V y;
  for (int i = 0; i < int(sizeof x / sizeof x[0]); i++) y[i] = f(x[i]);
  return y;
}
SEPCONV_INLINE F32 square_root(F32 x) {
  return each_lane(x, [](float a) { return __builtin_sqrtf(a); });
}
SEPCONV_INLINE F64 square_root(F64 x) {
  return each_lane(x, [](double a) { return __builtin_sqrt(a); });
}

// x = n * ln 2 + r, |r| <= ln 2 / 2, and expm1(r).
struct Reduced {
  I32 n;
  F32 expm1_r;
};
// ln2_high has 9 significant bits, so n * ln2_high is exact without a fused multiply-add too.
constexpr float log2_e = 1.44269504089f, ln2_high = 0.693359375f, ln2_low = -2.12194440055e-4f;
constexpr float round_to_integer = 12582912;  // 1.5 * 2**23: adding it leaves n in the low bits
constexpr float expm1_tail[] = {0.5000000049f,   0.1666666683f,   0.04166634279f,
                                0.008333270686f, 0.001394200678f, 0.0001991559373f};  // 2**-31.9

// exp(x + low) for a `low` far below ulp(x): the rest of an argument that was rounded.
SEPCONV_INLINE Reduced reduce_exp(F32 x, F32 low = F32{}) {
  const F32 t = x * log2_e + round_to_integer;
  const F32 n = t - round_to_integer;
  const F32 r = ((x - n * ln2_high) - n * ln2_low) + low;
  return {(I32)t - (I32)splat(round_to_integer), r + r * r * polynomial(expm1_tail, r)};
}
SEPCONV_INLINE F32 power_of_two(I32 n) { return bits_as_float((n + 127) << 23); }

// value = mantissa * scale. Where exp is subnormal, a factor goes to the mantissa, which is not.
template <class V> struct Scaled {
  V mantissa, scale;
  V times(V factor) const { return mantissa * factor * scale; }
};
SEPCONV_INLINE Scaled<F32> exp_scaled(F32 x, F32 low = F32{}) {
  x = at_most<float>(at_least<float>(x, splat(-150.f)), splat(90.f));
  const Reduced e = reduce_exp(x, low);
  const I32 half = e.n >> 1;
  return {(1.f + e.expm1_r) * power_of_two(half), power_of_two(e.n - half)};
}
SEPCONV_INLINE Scaled<F64> exp_scaled(F64 x) {
  return {each_lane(x, [](double a) { return __builtin_exp(a); }), splat(1.)};
}
template <class V> SEPCONV_INLINE V exp_vector(V x) {
  const Scaled<V> e = exp_scaled(x);
  return e.mantissa * e.scale;
}

// exp(x) - 1 for x <= 0.
SEPCONV_INLINE F32 expm1_negative(F32 x) {
  const Reduced e = reduce_exp(at_least<float>(x, splat(-30.f)));
  const F32 scale = power_of_two(e.n);
  return scale * e.expm1_r + (scale - 1.f);
}
SEPCONV_INLINE F64 expm1_negative(F64 x) {
  return each_lane(x, [](double a) { return __builtin_expm1(a); });
}

// log(1 + u) for 0 <= u <= 1, as 2 atanh(u / (2 + u)).
constexpr float atanh_tail[] = {0.3333333368f, 0.1999984815f, 0.1429640536f, 0.1085002077f,
                                0.1162689093f};  // 2**-28.1
SEPCONV_INLINE F32 log1p_unit(F32 u) {
  const F32 v = (u + u) / (2.f + u), z = v * v * 0.25f;
  return v + v * z * polynomial(atanh_tail, z);
}
SEPCONV_INLINE F64 log1p_unit(F64 u) {
  return each_lane(u, [](double a) { return __builtin_log1p(a); });
}

SEPCONV_INLINE F32 hyperbolic_tangent(F32 x) {
  const F32 t = expm1_negative(-2.f * absolute(x));
  return with_sign_of(-t / (t + 2.f), x);
}
SEPCONV_INLINE F64 hyperbolic_tangent(F64 x) {
  return each_lane(x, [](double a) { return __builtin_tanh(a); });
}

// x - tanh(x), by its series where the difference cancels.
constexpr float tanh_shrink_series[] = {
    0.3333333329f,   -0.1333332717f,  0.05396693078f,   -0.02185831188f, 0.008814422689f,
    -0.00346649885f, 0.001250911852f, -0.0003682968604f, 7.380548598e-5f, -7.180648143e-6f};
SEPCONV_INLINE F32 minus_tanh(F32 x) {  // 2**-29.4 for |x| <= 1.25
  const F32 x2 = x * x;
  return absolute(x) < 1.25f ? x * x2 * polynomial(tanh_shrink_series, x2)
                             : x - hyperbolic_tangent(x);
}
SEPCONV_INLINE F64 minus_tanh(F64 x) { return x - hyperbolic_tangent(x); }

// Products in double, split into a float and the rest: exp needs its argument to 2**-24 absolute,
// and a float of 100 has no more than 2**-18.
SEPCONV_INLINE F64Wide widen(F32 x) { return __builtin_convertvector(x, F64Wide); }
SEPCONV_INLINE Scaled<F32> exp_of(F64Wide x) {
  const F32 high = __builtin_convertvector(x, F32);
  return exp_scaled(high, __builtin_convertvector(x - widen(high), F32));
}

// x * P(N(0, 1) <= x): exp(-z**2 / 2) * g(q) / (1 + z) with z = |x| <= 14.6, q = (z - 4) / (z + 4).
constexpr float normal_tail[] = {
    0.4720532069f,    -0.09670346682f,   0.01399959701f,   0.0285999781f,
    -0.03219728582f,  0.01794020928f,    -0.005004289206f, -0.0003036946481f,
    0.0006927179f,    -6.076921208e-5f,  -7.169087057e-5f};  // 2**-29.1
SEPCONV_INLINE F32 times_normal_cdf(F32 x) {
  const F32 z = at_most<float>(absolute(x), splat(14.6f));
  const F64Wide wide = widen(z);
  const F32 g = polynomial(normal_tail, (z - 4.f) / (z + 4.f)) / (1.f + z);
  const Scaled<F32> tail = exp_of(wide * wide * -0.5);
  const F32 below = -tail.times(z * g), above = x * (1.f - tail.times(g));
  return x < 0.f ? below : above;
}
// A double and what rounding to it left over. Where long double is no wider, the rest is lost and
// far tails are less accurate.
struct Split64 {
  double high, low;
  static Split64 of(long double x) { return {double(x), double(x - double(x))}; }
};
SEPCONV_INLINE F64 times_normal_cdf(F64 x) {
  return each_lane(x, [](double a) {
    const double bounded = a < -40 ? -40 : a;  // there it is zero, and -inf * 0 would be NaN
    const Split64 z = Split64::of(bounded * -0.70710678118654752440L);
    constexpr double slope = -1.1283791670955126;  // of erfc: times exp(-z**2)
    const double rest = z.high > 0 ? slope * __builtin_exp(-z.high * z.high) * z.low : 0;
    return bounded * 0.5 * (__builtin_erfc(z.high) + rest);
  });
}

// exp(2 sqrt(2 / pi) x (1 + 0.044715 x**2)): gelu_tanh(x) = x * sigmoid of that argument.
constexpr long double gelu_scale = 1.59576912160573071176L, gelu_cube = 0.044715L;
SEPCONV_INLINE Scaled<F32> exp_gelu_argument(F32 x) {
  const F64Wide w = widen(x);
  return exp_of(double(gelu_scale) * w * (1. + double(gelu_cube) * w * w));
}
SEPCONV_INLINE Scaled<F64> exp_gelu_argument(F64 x) {
  return {each_lane(x, [](double a) {
            const Split64 w = Split64::of(gelu_scale * a * (1 + gelu_cube * a * a));
            return __builtin_exp(w.high) * (1 + w.low);
          }),
          splat(1.)};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
