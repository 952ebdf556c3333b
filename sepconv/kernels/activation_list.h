// Every elementwise activation: X(name, number of parameters). The order is that of the enum, the
// names Python sees and the tables of functions.
#pragma once
#define SEPCONV_ACTIVATIONS(X) \
  X(linear, 0)                 \
  X(relu, 3)                   \
  X(leaky_relu, 1)             \
  X(relu6, 0)                  \
  X(elu, 1)                    \
  X(celu, 1)                   \
  X(selu, 0)                   \
  X(gelu, 0)                   \
  X(gelu_tanh, 0)              \
  X(sigmoid, 0)                \
  X(silu, 0)                   \
  X(mish, 0)                   \
  X(tanh, 0)                   \
  X(softplus, 0)               \
  X(softsign, 0)               \
  X(exponential, 0)            \
  X(log_sigmoid, 0)            \
  X(hard_sigmoid, 0)           \
  X(hard_silu, 0)              \
  X(hard_tanh, 0)              \
  X(tanh_shrink, 0)            \
  X(soft_shrink, 1)            \
  X(hard_shrink, 1)            \
  X(threshold, 2)              \
  X(squareplus, 1)             \
  X(sparse_plus, 0)            \
  X(sparse_sigmoid, 0)
