// One update of one variable, in one pass over it: the rules of Keras's optimizers, elementwise.
// `w` is read and `out` written; the slots are the optimizer's own and change in place. A slot that
// a rule does not use is null. Plain loops, compiled for the baseline alone: the same bits on
// every CPU of an architecture.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace sepconv {

// While it lives, numbers below 1.2e-38 count as 0. The mean of gradients that stay 0 decays
// through that range, where arithmetic takes 20 times as long; JAX flushes such numbers, too.
class NoSubnormals {
#if defined(__SSE__)
  static constexpr unsigned flush = 0x8000, zero = 0x0040;  // results, and operands
  unsigned before = _mm_getcsr();

 public:
  NoSubnormals() { _mm_setcsr(before | flush | zero); }
  ~NoSubnormals() { _mm_setcsr(before); }
#else
 public:
  NoSubnormals() {}  // other CPUs compute with them at full speed
#endif
};

struct Update {
  bool wide;  // float64, else float32
  int64_t begin, end;  // elements
  const void* w;
  const void* g;
  void* out;
  void* slots[3];
  double learning_rate;
  double weight_decay;  // decoupled: w shrinks by weight_decay * learning_rate before the rule
  double factors[4];    // of the rule
};

// The same in T. Passed by value, so the compiler knows that no store changes what it holds.
template <typename T>
struct Typed {
  int64_t begin, end;
  const T *w, *g;
  T *out, *slots[3];
  T learning_rate, weight_decay;

  explicit Typed(const Update& u)
      : begin(u.begin), end(u.end), w(static_cast<const T*>(u.w)), g(static_cast<const T*>(u.g)),
        out(static_cast<T*>(u.out)), learning_rate(T(u.learning_rate)),
        weight_decay(T(u.weight_decay)) {
    for (int i = 0; i < 3; i++) slots[i] = static_cast<T*>(u.slots[i]);
  }
  T decayed(int64_t i) const { return w[i] - w[i] * weight_decay * learning_rate; }
};

// Slots: momentum or null.
template <typename T>
void sgd(Typed<T> u, T momentum, bool nesterov) {
  T* m = u.slots[0];
  for (int64_t i = u.begin; i < u.end; i++) {
    const T step = u.g[i] * u.learning_rate;
    if (!m) {
      u.out[i] = u.decayed(i) - step;
      continue;
    }
    m[i] = m[i] * momentum - step;
    u.out[i] = u.decayed(i) + (nesterov ? m[i] * momentum - step : m[i]);
  }
}

// Slots: momentum, velocity, the largest velocity so far (AMSGrad) or null. `alpha` is the learning
// rate with the corrections of both biases, of steps counted from 1.
template <typename T>
void adam(Typed<T> u, T alpha, T one_minus_beta_1, T one_minus_beta_2, T epsilon) {
  T *m = u.slots[0], *v = u.slots[1], *largest = u.slots[2];
  for (int64_t i = u.begin; i < u.end; i++) {
    m[i] += (u.g[i] - m[i]) * one_minus_beta_1;
    v[i] += (u.g[i] * u.g[i] - v[i]) * one_minus_beta_2;
    if (largest) largest[i] = std::max(largest[i], v[i]);
    u.out[i] = u.decayed(i) - m[i] * alpha / (std::sqrt(largest ? largest[i] : v[i]) + epsilon);
  }
}

// Slots: velocity, momentum or null, average gradient (centered) or null.
template <typename T>
void rmsprop(Typed<T> u, T rho, T one_minus_rho, T momentum, T epsilon) {
  T *v = u.slots[0], *m = u.slots[1], *mean = u.slots[2];
  for (int64_t i = u.begin; i < u.end; i++) {
    v[i] = rho * v[i] + one_minus_rho * (u.g[i] * u.g[i]);
    T variance = v[i];
    if (mean) {
      mean[i] = rho * mean[i] + one_minus_rho * u.g[i];
      variance -= mean[i] * mean[i];
    }
    T step = u.learning_rate * u.g[i] / std::sqrt(variance + epsilon);
    if (m) step = m[i] = momentum * m[i] + step;
    u.out[i] = u.decayed(i) - step;
  }
}

enum class Rule { sgd, adam, rmsprop };

template <typename T>
void run(Rule rule, const Update& u) {
  T f[4];
  std::copy(u.factors, u.factors + 4, f);
  switch (rule) {
    case Rule::sgd: return sgd(Typed<T>(u), f[0], f[1] != 0);
    case Rule::adam: return adam(Typed<T>(u), f[0], f[1], f[2], f[3]);
    case Rule::rmsprop: return rmsprop(Typed<T>(u), f[0], f[1], f[2], f[3]);
  }
}

inline void run_update(int rule, const Update& u) {
  NoSubnormals guard;
  u.wide ? run<double>(Rule(rule), u) : run<float>(Rule(rule), u);
}

// Elements from which on several threads are faster, and those of a piece of work.
constexpr int64_t serial_update = 32768, update_piece = 8192;

// The update in pieces, any of which may be run first.
inline void add_pieces(Update u, std::vector<Update>& pieces) {
  for (const int64_t n = u.end; u.begin < n; u.begin = u.end) {
    u.end = std::min(u.begin + update_piece, n);
    pieces.push_back(u);
  }
}

}  // namespace sepconv
