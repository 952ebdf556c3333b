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
  F32 n;  // an integer
  F32 expm1_r;
};
// ln2_high has 9 significant bits, so n * ln2_high is exact without a fused multiply-add too.
constexpr float log2_e = 1.44269504089f, ln2_high = 0.693359375f, ln2_low = -2.12194440055e-4f;
constexpr float round_to_integer = 12582912;  // 1.5 * 2**23: adding it leaves n in the low bits
constexpr float expm1_tail[] = {0.5000000049f,   0.1666666683f,   0.04166634279f,
                                0.008333270686f, 0.001394200678f, 0.0001991559373f};  // 2**-31.9

SEPCONV_INLINE Reduced reduced(F32 n, F32 r) {
  return {n, r + r * r * polynomial(expm1_tail, r)};
}
SEPCONV_INLINE F32 nearest_power(F32 x) {
  return (x * log2_e + round_to_integer) - round_to_integer;
}
SEPCONV_INLINE F32 rest_of(F32 x, F32 n) { return (x - n * ln2_high) - n * ln2_low; }
SEPCONV_INLINE Reduced reduce_exp(F32 x) {
  const F32 n = nearest_power(x);
  return reduced(n, rest_of(x, n));
}
// exp(x + low) for a `low` far below ulp(x): the rest of an argument that was rounded.
SEPCONV_INLINE Reduced reduce_exp(F32 x, F32 low) {
  const F32 n = nearest_power(x);
  return reduced(n, rest_of(x, n) + low);
}

// x * 2**n, rounded once. A power of two alone does not reach all of float32's exponents.
SEPCONV_INLINE F32 scaled(F32 x, F32 n) {
#if defined(__AVX512F__)
  return (F32)_mm512_maskz_scalef_ps(0xffff, (__m512)x, (__m512)n);
#else
  const I32 whole = (I32)(n + round_to_integer) - (I32)splat(round_to_integer), half = whole >> 1;
  return x * bits_as_float((half + 127) << 23) * bits_as_float((whole - half + 127) << 23);
#endif
}
SEPCONV_INLINE F64 scaled(F64 x, F64) { return x; }
// mantissa * 2**n. Where that is subnormal, a factor goes to the mantissa, which is not.
template <class V> struct Scaled {
  V mantissa, n;
  V times(V factor) const { return scaled(mantissa * factor, n); }
  V value() const { return scaled(mantissa, n); }
};
SEPCONV_INLINE Scaled<F32> exp_of(Reduced e) { return {1.f + e.expm1_r, e.n}; }
SEPCONV_INLINE F32 exp_range(F32 x) {
  return at_most<float>(at_least<float>(x, splat(-150.f)), splat(90.f));
}
SEPCONV_INLINE Scaled<F32> exp_scaled(F32 x) { return exp_of(reduce_exp(exp_range(x))); }
SEPCONV_INLINE Scaled<F64> exp_scaled(F64 x) {
  return {each_lane(x, [](double a) { return __builtin_exp(a); }), F64{}};
}
// exp(x) for x <= 90.
SEPCONV_INLINE Scaled<F32> exp_scaled_low(F32 x) {
  return exp_of(reduce_exp(at_least<float>(x, splat(-150.f))));
}
SEPCONV_INLINE Scaled<F64> exp_scaled_low(F64 x) { return exp_scaled(x); }
template <class V> SEPCONV_INLINE V exp_vector(V x) { return exp_scaled(x).value(); }
template <class V> SEPCONV_INLINE V exp_low(V x) { return exp_scaled_low(x).value(); }

SEPCONV_INLINE F64 exp_of_quotient(F64 x, double divisor) {
  return each_lane(x, [divisor](double a) { return __builtin_exp(a / divisor); });
}

// a / b for a normal b whose reciprocal is normal too, nearly as exact as a division, which takes
// 16 cycles of AVX-512: an estimate to 2**-14, and what its remainder adds.
SEPCONV_INLINE F32 quotient(F32 a, F32 b) {
#if defined(__AVX512F__)
  const F32 r = (F32)_mm512_maskz_rcp14_ps(0xffff, (__m512)b), q = a * r;
  return q + r * (a - b * q);
#else
  return a / b;
#endif
}
SEPCONV_INLINE F64 quotient(F64 a, F64 b) { return a / b; }
SEPCONV_INLINE F32 reciprocal(F32 x) { return quotient(splat(1.f), x); }
SEPCONV_INLINE F64 reciprocal(F64 x) { return 1. / x; }

// exp(x) - 1 for x <= 0.
SEPCONV_INLINE F32 expm1_negative(F32 x) {
  const Reduced e = reduce_exp(at_least<float>(x, splat(-30.f)));
  const F32 scale = scaled(splat(1.f), e.n);
  return scale * e.expm1_r + (scale - 1.f);
}
SEPCONV_INLINE F64 expm1_negative(F64 x) {
  return each_lane(x, [](double a) { return __builtin_expm1(a); });
}

// log(1 + u) for 0 <= u <= 1, as 2 atanh(u / (2 + u)).
constexpr float atanh_tail[] = {0.3333333368f, 0.1999984815f, 0.1429640536f, 0.1085002077f,
                                0.1162689093f};  // 2**-28.1
SEPCONV_INLINE F32 log1p_unit(F32 u) {
  const F32 v = quotient(u + u, 2.f + u), z = v * v * 0.25f;
  return v + v * z * polynomial(atanh_tail, z);
}
SEPCONV_INLINE F64 log1p_unit(F64 u) {
  return each_lane(u, [](double a) { return __builtin_log1p(a); });
}

SEPCONV_INLINE F32 hyperbolic_tangent(F32 x) {
  const F32 t = expm1_negative(-2.f * absolute(x));
  return with_sign_of(quotient(-t, t + 2.f), x);
}
SEPCONV_INLINE F64 hyperbolic_tangent(F64 x) {
  return each_lane(x, [](double a) { return __builtin_tanh(a); });
}

// x - tanh(x), by its series where the difference cancels, else as (|x| - 1) + (1 - tanh(|x|)).
constexpr float tanh_shrink_series[] = {
    0.3333333329f,   -0.1333332717f,  0.05396693078f,   -0.02185831188f, 0.008814422689f,
    -0.00346649885f, 0.001250911852f, -0.0003682968604f, 7.380548598e-5f, -7.180648143e-6f};
SEPCONV_INLINE F32 minus_tanh(F32 x) {  // 2**-29.4 for |x| <= 1.25
  const F32 x2 = x * x, size = absolute(x), e = exp_low(-2.f * size);
  return size < 1.f ? x * x2 * polynomial(tanh_shrink_series, x2)
                      : with_sign_of((size - 1.f) + quotient(e + e, 1.f + e), x);
}
SEPCONV_INLINE F64 minus_tanh(F64 x) { return x - hyperbolic_tangent(x); }

// exp needs its argument to 2**-24 absolute, and a float of 100 has no more than 2**-18: products
// are a float and the rest, by fused multiply-adds or from double.
#if defined(__AVX512F__)
SEPCONV_INLINE F32 rest_of_product(F32 a, F32 b, F32 rounded) {
  return (F32)_mm512_maskz_fmsub_ps(0xffff, (__m512)a, (__m512)b, (__m512)rounded);
}
#endif
SEPCONV_INLINE F64Wide widen(F32 x) { return __builtin_convertvector(x, F64Wide); }
SEPCONV_INLINE Scaled<F32> exp_of(F64Wide x) {
  const F32 high = __builtin_convertvector(x, F32);
  return exp_of(reduce_exp(exp_range(high), __builtin_convertvector(x - widen(high), F32)));
}
SEPCONV_INLINE F32 exp_of_quotient(F32 x, float divisor) {
  const F64Wide q = widen(x) / double(divisor), low = F64Wide{} - 200, high = F64Wide{} + 200;
  return exp_of(q < low ? low : (q > high ? high : q)).value();
}
// exp(-x**2 / 2).
SEPCONV_INLINE Scaled<F32> exp_of_square(F32 x) {
#if defined(__AVX512F__)
  const F32 high = x * x;
  return exp_of(reduce_exp(high * -0.5f, rest_of_product(x, x, high) * -0.5f));
#else
  const F64Wide wide = widen(x);
  return exp_of(wide * wide * -0.5);
#endif
}

// x * P(N(0, 1) <= x): exp(-z**2 / 2) * g(q) / (1 + z) with z = |x| <= 14.6, q = (z - 4) / (z + 4).
constexpr float normal_tail[] = {
    0.4720532069f,    -0.09670346682f,   0.01399959701f,   0.0285999781f,
    -0.03219728582f,  0.01794020928f,    -0.005004289206f, -0.0003036946481f,
    0.0006927179f,    -6.076921208e-5f,  -7.169087057e-5f};  // 2**-29.1
SEPCONV_INLINE F32 normal_tail_over_exp(F32 z) {
  return quotient(polynomial(normal_tail, quotient(z - 4.f, z + 4.f)), 1.f + z);
}
SEPCONV_INLINE F32 times_normal_cdf(F32 x) {
  const F32 z = at_most<float>(absolute(x), splat(14.6f));
  // For x > 0 the value is x less what it is for -x.
  return at_least<float>(x, F32{}) - exp_of_square(z).times(z * normal_tail_over_exp(z));
}
// P(N(0, 1) <= -size) - size * density(size): the slope of x * P(N(0, 1) <= x) at -size.
constexpr double normal_density_at_0 = 0.39894228040143267794;
SEPCONV_INLINE F32 normal_cdf_and_slope(F32 size) {
  const F32 z = at_most<float>(size, splat(14.6f));
  return exp_of_square(z).times(normal_tail_over_exp(z) - z * float(normal_density_at_0));
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

SEPCONV_INLINE F64 normal_cdf_and_slope(F64 size) {
  return each_lane(size, [](double a) {
    const double bounded = a > 40 ? 40 : a;
    const Split64 z = Split64::of(bounded * 0.70710678118654752440L);
    const Split64 half_square = Split64::of(bounded * 0.5L * bounded);
    const double density = __builtin_exp(-half_square.high) * (1 - half_square.low);
    const double rest = -1.1283791670955126 * density * z.low;  // erfc's slope times what z lost
    return 0.5 * (__builtin_erfc(z.high) + rest) - normal_density_at_0 * bounded * density;
  });
}

// exp(2 sqrt(2 / pi) x (1 + 0.044715 x**2)): gelu_tanh(x) = x * sigmoid of that argument.
constexpr long double gelu_scale = 1.59576912160573071176L, gelu_cube = 0.044715L;
SEPCONV_INLINE Scaled<F32> exp_gelu_argument(F32 x) {
#if defined(__AVX512F__)
  // x (a + b x**2), each value with what its rounding left.
  constexpr double exact_a = double(gelu_scale), exact_b = double(gelu_scale * gelu_cube);
  constexpr float a = float(exact_a), a_low = float(exact_a - a);
  constexpr float b = float(exact_b), b_low = float(exact_b - b);
  const F32 square = x * x, square_low = rest_of_product(x, x, square);
  const F32 cubic = b * square;
  const F32 cubic_low =
      rest_of_product(splat(b), square, cubic) + (b * square_low + b_low * square);
  const F32 sum = a + cubic, part = sum - a;
  const F32 sum_low = ((a - (sum - part)) + (cubic - part)) + (cubic_low + a_low);
  const F32 high = x * sum;
  return exp_of(reduce_exp(high, rest_of_product(x, sum, high) + x * sum_low));
#else
  const F64Wide w = widen(x);
  return exp_of(double(gelu_scale) * w * (1. + double(gelu_cube) * w * w));
#endif
}
SEPCONV_INLINE Scaled<F64> exp_gelu_argument(F64 x) {
  return {each_lane(x, [](double a) {
            const Split64 w = Split64::of(gelu_scale * a * (1 + gelu_cube * a * a));
            return __builtin_exp(w.high) * (1 + w.low);
          }),
          F64{}};
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
