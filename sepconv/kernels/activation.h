// Every elementwise activation, written once over a vector; the fused epilogue and the function
// `activate` run this same code. NaN passes through each of them: a comparison with NaN is false,
// so the branch taken by "else" is the one that keeps x. At +-inf they give their limits.
#pragma once
#include "gemm.h"
#include "plan.h"
#include "storage.h"
#include "tabulated.h"
#include "vector_math.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct Formulas {
  using V = Vec<T>;
  using P = const double*;

  static V clip(V x, T low, T high) { return at_most<T>(at_least<T>(x, splat(low)), splat(high)); }

  // slope * x for x <= 0, where 0 * -inf is 0.
  static V sloped(V x, T slope) { return slope == 0 ? V{} : x * slope; }
  // e and 1 + e of exp(-|x|): sigmoid(-|x|) = e / (1 + e) without overflow.
  static V sigmoid_of(V x, V e) { return quotient(x < T(0) ? e : splat(T(1)), T(1) + e); }
  static V softplus_rest(V x) { return log1p_unit(exp_low<V>(-absolute(x))); }
  static V positive(V x) { return at_least<T>(x, V{}); }

  static V clamp(V x, P p) { return clip(x, T(p[0]), T(p[1])); }
  static V linear(V x, P) { return x; }
  static V relu(V x, P p) {
    const T slope = T(p[0]), threshold = T(p[2]);
    const V y = x <= threshold ? sloped(x - threshold, slope) : x;
    return at_most<T>(y, splat(T(p[1])));
  }
  static V leaky_relu(V x, P p) { return x < T(0) ? sloped(x, T(p[0])) : x; }
  static V relu6(V x, P) { return clip(x, 0, 6); }
  static V elu(V x, P p) { return x <= T(0) ? T(p[0]) * expm1_negative(x) : x; }
  static V celu(V x, P p) { return x <= T(0) ? T(p[0]) * expm1_negative(x / T(p[0])) : x; }
  static V selu(V x, P) {
    constexpr double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    return x <= T(0) ? T(scale * alpha) * expm1_negative(x) : x * T(scale);
  }
  static V gelu(V x, P) { return times_normal_cdf(x); }
  static V gelu_tanh(V x, P) {
    // Beyond +-22 the value is x or 0; the cube of a larger x would overflow.
    const V bounded = clip(x, -22, 22), s = bounded < T(0) ? bounded : -bounded;
    const Scaled<V> e = exp_gelu_argument(s);
    const V share = reciprocal(T(1) + e.value());
    return x < T(0) ? e.times(bounded * share) : x * share;
  }
  static V sigmoid(V x, P) { return sigmoid_of(x, exp_low<V>(-absolute(x))); }
  static V silu(V x, P) {
    // Bounded, so that at -inf it is the limit 0; e may be subnormal, x * e is not yet.
    const V bounded = at_least<T>(x, splat(T(-800)));
    const Scaled<V> e = exp_scaled_low(-absolute(x));
    const V share = reciprocal(T(1) + e.value());
    return x < T(0) ? e.times(bounded * share) : x * share;
  }
  static V mish(V x, P) {
    // tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2); from 20 on it is 1.
    const V bounded = at_least<T>(x, splat(T(-800)));
    const Scaled<V> e = exp_scaled_low(at_most<T>(x, splat(T(20))));
    const V value = e.value(), rest = value + T(2);
    return e.times(bounded * quotient(rest, value * rest + T(2)));
  }
  static V tanh(V x, P) { return hyperbolic_tangent(x); }
  static V softplus(V x, P) { return positive(x) + softplus_rest(x); }
  static V softsign(V x, P) {
    const V bounded = clip(x, -largest<T>, largest<T>);  // inf / inf is NaN
    return bounded / (T(1) + absolute(bounded));
  }
  static V exponential(V x, P) { return exp_vector<V>(x); }
  static V log_sigmoid(V x, P) { return at_most<T>(x, V{}) - softplus_rest(x); }
  static V hard_sigmoid(V x, P) { return clip(x + T(3), 0, 6) / T(6); }
  static V hard_silu(V x, P p) { return at_least<T>(x, splat(T(-3))) * hard_sigmoid(x, p); }
  static V hard_tanh(V x, P) { return clip(x, -1, 1); }
  static V tanh_shrink(V x, P) { return minus_tanh(x); }
  static V soft_shrink(V x, P p) {
    const T t = T(p[0]);
    const V inside = x == x ? V{} : x;
    return x > t ? x - t : (x < -t ? x + t : inside);
  }
  static V hard_shrink(V x, P p) { return absolute(x) <= T(p[0]) ? V{} : x; }
  static V threshold(V x, P p) { return x <= T(p[0]) ? splat(T(p[1])) : x; }
  // From there on b is lost in x * x, which overflows only later.
  static constexpr T large_root = sizeof(T) == 4 ? T(0x1p62f) : T(0x1p510);
  static V squareplus(V x, P p) {
    const T b = T(p[0]);
    // For x < 0 the sum cancels, the quotient does not.
    const V size = absolute(x);
    const V root = size < large_root ? square_root(x * x + b) : size;
    return x < T(0) ? (b / (root - x)) * T(0.5) : x * T(0.5) + root * T(0.5);
  }
  static V sparse_plus(V x, P) {
    const V inside = (x + T(1)) * (x + T(1)) * T(0.25);
    return x <= T(-1) ? V{} : (x < T(1) ? inside : x);
  }
  static V sparse_sigmoid(V x, P) { return clip((x + T(1)) * T(0.5), 0, 1); }
};

// The same by the shortest way there is.
template <class T> struct Shortest : Formulas<T> {};
#if defined(SEPCONV_TABLES)
// Compared with float64 for every float of the tables' ranges, 2026-11-22: 3.4 ulp at most (gelu).
// What is called a share is the activation divided by x.
constexpr double normal_cdf(double x) { return 0.5 * __builtin_erfc(x * -0.70710678118654752440); }
constexpr double logistic(double x) { return 1 / (1 + __builtin_exp(-x)); }
constexpr double gelu_tanh_share(double x) {
  return logistic(double(gelu_scale) * (x + double(gelu_cube) * x * x * x));
}
constexpr double mish_share(double x) { return __builtin_tanh(__builtin_log1p(__builtin_exp(x))); }
constexpr double tanh_share(double x) { return __builtin_tanh(x) / x; }
constexpr double log_of_1_and_exp(double x) { return __builtin_log1p(__builtin_exp(x)); }

template <> struct Shortest<float> : Formulas<float> {
  typedef Formulas<float> F;
  static constexpr auto logistic_table = Table<5>::of(logistic, 0.5f);
  static V gelu(V x, P) {
    static constexpr auto table = Table<7>::of(normal_cdf, 0.3125f);
    return within<F::gelu>(table.limit(), x, x * looked_up(table, x));
  }
  static V gelu_tanh(V x, P) {
    static constexpr auto table = Table<7>::of(gelu_tanh_share, 0.28125f);
    return within<F::gelu_tanh>(table.limit(), x, x * looked_up(table, x));
  }
  static V sigmoid(V x, P) {
    return within<F::sigmoid>(logistic_table.limit(), x, looked_up(logistic_table, x));
  }
  static V silu(V x, P) {
    return within<F::silu>(logistic_table.limit(), x, x * looked_up(logistic_table, x));
  }
  static V mish(V x, P) {
    static constexpr auto table = Table<5>::of(mish_share, 0.4375f);
    return within<F::mish>(table.limit(), x, x * looked_up(table, x));
  }
  static V tanh(V x, P) {
    static constexpr auto table = Table<5>::of(tanh_share, 0.375f);
    return within<F::tanh>(table.limit(), x, x * looked_up(table, x));
  }
  static V softplus(V x, P) {
    static constexpr auto table = Table<6>::of(log_of_1_and_exp, 0.75f);
    return within<F::softplus>(table.limit(), x, looked_up(table, x));
  }
  static V log_sigmoid(V x, P p) { return -softplus(-x, p); }
};
#endif

// y = f(x) for a matrix of rows that lie x_stride elements apart in x and y_stride in y.
template <class T, Vec<T> (*f)(Vec<T>, const double*)>
static void apply(const double* parameters, const T* x, int64_t x_stride, T* y, int64_t y_stride,
                  int64_t rows, int64_t columns) {
  double p[max_parameters];  // a copy that no y can change is read once
  memcpy(p, parameters, sizeof p);
  for (; rows > 0; rows--, x += x_stride, y += y_stride) {
    int64_t i = 0;
    for (; i + lanes<T> <= columns; i += lanes<T>) store(y + i, f(load(x + i), p));
    const int64_t left = columns - i;
    if (left > 0) store_first(y + i, f(load_first(x + i, left), p), left);
  }
}

template <class T>
using Apply = void (*)(const double*, const T*, int64_t, T*, int64_t, int64_t, int64_t);

template <class T> static Apply<T> formula(Activation a) {
  static constexpr Apply<T> table[] = {
#define SEPCONV_ENTRY(name, parameters) apply<T, Shortest<T>::name>,
      SEPCONV_ACTIVATIONS(SEPCONV_ENTRY)
#undef SEPCONV_ENTRY
  };
  return table[int(a)];
}

// How an activation is carried out: as a clamp, which the matrix product applies in its registers,
// or by a pass over its tile in L1.
template <class T> struct Finish {
  bool clamp = true;
  double bounds[max_parameters] = {};
  Apply<T> pass = nullptr;

  explicit Finish(const Epilogue& e) {
    const double* p = e.parameters;
    if (e.activation == Activation::relu && p[0] == 0 && p[2] == 0) {
      bounds[1] = p[1];
    } else if (e.activation == Activation::relu6) {
      bounds[1] = 6;
    } else if (e.activation == Activation::hard_tanh) {
      bounds[0] = -1, bounds[1] = 1;
    } else {
      clamp = false;
      if (e.activation != Activation::linear) pass = formula<T>(e.activation);
    }
  }
};

template <class T>
static void activate(const Epilogue& e, const void* x, void* y, int64_t n) {
  const Finish<T> finish(e);
  const Apply<T> f = finish.clamp ? apply<T, Formulas<T>::clamp> : formula<T>(e.activation);
  f(finish.clamp ? finish.bounds : e.parameters,
    static_cast<const T*>(x), 0, static_cast<T*>(y), 0, 1, n);
}

template <class T>
static GemmBlock<T> gemm_of(int64_t depth, const Finish<T>& finish) {
  GemmBlock<T> g{};
  g.depth = depth;
  g.clamp = finish.clamp;
  g.low = T(finish.bounds[0]);
  g.high = T(finish.bounds[1]);
  return g;
}

// One register tile of y, by `fill(T* out, stride)`, which clamps too. What is left to do after it
// is done from a tile in L1, so that y itself is written once.
template <class S, class Fill>
SEPCONV_INLINE void finished(S* y, int64_t y_stride, int64_t rows, int64_t columns,
                             const Epilogue& e, const Finish<Wide<S>>& finish, Fill fill) {
  typedef Wide<S> T;
  constexpr int64_t stride = gemm_columns<T>;
  alignas(64) T tile[gemm_rows * stride];
  if constexpr (is_narrow<S>) {
    fill(tile, stride);
    if (finish.pass) finish.pass(e.parameters, tile, stride, tile, stride, rows, columns);
    for (int64_t i = 0; i < rows; i++) copy_as(tile + i * stride, y + i * y_stride, columns);
  } else if (finish.pass) {
    fill(tile, stride);
    finish.pass(e.parameters, tile, stride, y, y_stride, rows, columns);
  } else {
    fill(y, y_stride);
  }
}

template <class S, BiasOf bias_of>
static void gemm_finished(S* y, int64_t y_stride, int64_t rows, GemmBlock<Wide<S>>& g,
                          const Epilogue& e, const Finish<Wide<S>>& finish) {
  finished(y, y_stride, rows, g.columns, e, finish, [&](Wide<S>* out, int64_t stride) {
    g.y = out, g.y_stride = stride;
    gemm<Wide<S>, bias_of>(rows, g);
  });
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
