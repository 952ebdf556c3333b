// The derivative of every elementwise activation, and dx = dy * f'(x).
//
// Where f has a kink the value is the one of Keras 3.15 on JAX. A NaN in x gives NaN; at +-inf they
// give their limits. Where f' is 0, dx is 0 whatever dy is: nothing reaches a saturated unit.
#pragma once
#include "activation.h"

namespace sepconv {
namespace SEPCONV_ISA {

template <class T> struct Derivatives {
  using V = Vec<T>;
  using P = const double*;
  using F = Formulas<T>;

  static V one() { return splat(T(1)); }
  static V unless_nan(V x, V derivative) { return x == x ? derivative : x; }
  // f(x) = x g(x) with g(x) + g(-x) = 1 has f'(x) + f'(-x) = 1.
  static V mirrored(V x, V at_minus_size) { return x < T(0) ? at_minus_size : T(1) - at_minus_size; }

  static V linear(V, P) { return one(); }
  static V relu(V x, P p) {
    const T slope = T(p[0]), most = T(p[1]), threshold = T(p[2]);
    const bool endless = most > largest<T>;
    const T at_threshold = slope != 0 && threshold == 0 && endless ? T(1) : T(0);
    const T at_most = endless ? T(1) : (threshold == 0 && most == 6 ? T(0) : T(0.5));
    const V above = x > most ? V{} : (x < most ? one() : splat(at_most));
    const V below = x < threshold ? splat(slope) : splat(at_threshold);
    return unless_nan(x, x > threshold ? above : below);
  }
  static V leaky_relu(V x, P p) { return unless_nan(x, x < T(0) ? splat(T(p[0])) : one()); }
  static V relu6(V x, P) { return unless_nan(x, x > T(0) ? (x < T(6) ? one() : V{}) : V{}); }
  static V elu(V x, P p) { return x > T(0) ? one() : exp_scaled(x).times(splat(T(p[0]))); }
  static V celu(V x, P p) { return x > T(0) ? one() : exp_of_quotient(x, T(p[0])); }
  static V selu(V x, P) {
    constexpr double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    return x > T(0) ? splat(T(scale)) : exp_scaled_low(x).times(splat(T(scale * alpha)));
  }
  static V gelu(V x, P) { return mirrored(x, normal_cdf_and_slope(absolute(x))); }
  static V gelu_tanh(V x, P) {
    constexpr T slope = T(gelu_scale), cube = T(3 * gelu_scale * gelu_cube);
    const V z = at_most<T>(absolute(x), splat(T(22)));
    const Scaled<V> e = exp_gelu_argument(-z);
    const V share = reciprocal(T(1) + e.value());
    return mirrored(x, e.times(share * (T(1) - z * share * (slope + cube * (z * z)))));
  }
  static V sigmoid(V x, P) {
    const Scaled<V> e = exp_scaled_low(-absolute(x));
    const V share = reciprocal(T(1) + e.value());
    return e.times(share * share);
  }
  static V silu(V x, P) {
    const V z = at_most<T>(absolute(x), splat(T(800)));
    const Scaled<V> e = exp_scaled_low(-z);
    const V share = reciprocal(T(1) + e.value());
    return mirrored(x, e.times(share * (T(1) - z * share)));
  }
  static V mish(V x, P) {
    // With n = e (e + 2) as in `Formulas::mish`, w = 1 / (n + 2): e w (e + 2 + 4 x (1 + e) w).
    const V bounded = F::clip(x, -800, 24);
    const Scaled<V> e = exp_scaled_low(bounded);
    const V value = e.value(), rest = value + T(2), w = reciprocal(value * rest + T(2));
    return e.times(w * (rest + T(4) * bounded * ((T(1) + value) * w)));
  }
  static V tanh(V x, P) {
    const Scaled<V> e = exp_scaled_low(T(-2) * absolute(x));
    const V share = reciprocal(T(1) + e.value());
    return e.times(T(4) * share * share);
  }
  static V softplus(V x, P p) { return F::sigmoid(x, p); }
  static V softsign(V x, P) {
    const V share = T(1) / (T(1) + absolute(x));
    return share * share;
  }
  static V exponential(V x, P) { return exp_vector<V>(x); }
  static V log_sigmoid(V x, P p) { return F::sigmoid(-x, p); }
  static V hard_sigmoid(V x, P) {
    return unless_nan(x, absolute(x) < T(3) ? splat(T(1) / T(6)) : V{});
  }
  static V hard_silu(V x, P) {
    const V inside = (x + x + T(3)) / T(6);
    return x <= T(-3) ? V{} : (x >= T(3) ? one() : inside);
  }
  static V hard_tanh(V x, P) { return unless_nan(x, absolute(x) <= T(1) ? one() : V{}); }
  static V tanh_shrink(V x, P) {
    const V t = hyperbolic_tangent(x);
    return t * t;
  }
  static V soft_shrink(V x, P p) { return hard_shrink(x, p); }
  static V hard_shrink(V x, P p) { return unless_nan(x, absolute(x) > T(p[0]) ? one() : V{}); }
  static V threshold(V x, P p) { return unless_nan(x, x > T(p[0]) ? one() : V{}); }
  static V squareplus(V x, P p) {
    const T b = T(p[0]);
    const V size = at_most<T>(absolute(x), splat(largest<T>));
    const V root = size < F::large_root ? square_root(size * size + b) : size;
    // For x < 0 the sum 1 + x / root cancels; for b = 0 and x = 0 it is 1.
    const V share = T(0.5) / (root == T(0) ? one() : root);
    return mirrored(x, root == T(0) ? splat(T(0.5)) : b / (root + size) * share);
  }
  static V sparse_plus(V x, P) {
    const V inside = (x + T(1)) * T(0.5);
    return x <= T(-1) ? V{} : (x >= T(1) ? one() : inside);
  }
  static V sparse_sigmoid(V x, P) {
    const V size = absolute(x), edge = size > T(1) ? V{} : splat(T(0.25));
    return unless_nan(x, size < T(1) ? splat(T(0.5)) : edge);
  }
};

template <class T> SEPCONV_INLINE Vec<T> times_derivative(Vec<T> dy, Vec<T> derivative) {
  return derivative == T(0) ? Vec<T>{} : dy * derivative;
}

// dx = dy * f'(x); dx may be x or dy itself.
template <class T, Vec<T> (*derivative)(Vec<T>, const double*)>
static void apply_gradient(const double* parameters, const T* x, const T* dy, T* dx, int64_t n) {
  double p[max_parameters];  // a copy that no dx can change is read once
  memcpy(p, parameters, sizeof p);
  int64_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>)
    store(dx + i, times_derivative<T>(load(dy + i), derivative(load(x + i), p)));
  const int64_t left = n - i;
  if (left > 0) {
    const Vec<T> last = derivative(load_first(x + i, left), p);
    store_first(dx + i, times_derivative<T>(load_first(dy + i, left), last), left);
  }
}

template <class T>
static void activate_gradient(const Epilogue& e, const void* x, const void* dy, void* dx,
                              int64_t n) {
  typedef void (*Apply)(const double*, const T*, const T*, T*, int64_t);
  static constexpr Apply table[] = {
#define SEPCONV_ENTRY(name, parameters) apply_gradient<T, Derivatives<T>::name>,
      SEPCONV_ACTIVATIONS(SEPCONV_ENTRY)
#undef SEPCONV_ENTRY
  };
  table[int(e.activation)](e.parameters, static_cast<const T*>(x), static_cast<const T*>(dy),
                           static_cast<T*>(dx), n);
}

}  // namespace SEPCONV_ISA
}  // namespace sepconv
