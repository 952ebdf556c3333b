"""How far two correct implementations may lie apart, derived from the sums they round."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
# The least Lipschitz constants of the activations lie below this, exponential's excepted.
STEEPEST = 2.0
OVER_AXIS = ("softmax", "log_softmax", "sparsemax", "glu")
JUMPS = {"hard_shrink": 0.5}  # |x| at which the function is not continuous
ROUNDINGS = 16  # in one evaluation of an activation, generously: mish has about eight


def convolved(x: Array, depthwise: Array, pointwise: Array, bias: Array, layer: Any) -> Array:
    """Return the linear output in float64, of `layer`'s geometry, in channels_last."""
    taps, channels, multiplier = depthwise.shape
    stride, dilation = layer.strides[0], layer.dilation_rate[0]
    span = (taps - 1) * dilation + 1
    batch, steps, _ = x.shape
    out, left = (steps - span) // stride + 1, 0
    if layer.padding == "same":
        out = -(-steps // stride)
        total = max((out - 1) * stride + span - steps, 0)
        left = total // 2
        x = np.pad(x, ((0, 0), (left, total - left), (0, 0)))
    hidden = np.zeros((batch, out, channels, multiplier))
    for tap in range(taps):
        rows = x[:, tap * dilation :][:, ::stride][:, :out]
        hidden += rows[..., None] * depthwise[tap]
    return hidden.reshape(batch, out, channels * multiplier) @ pointwise[0] + bias


def linear_and_bound(layer: Any, x: Array, weights: list[Array]) -> tuple[Array, Array]:
    """Return the linear output and how far a computation in the layer's dtype may lie from it.

    gamma_n * sum |x| |w| with n = k + C*dm, and three roundings more for bias, input and weights.
    """
    first = layer.data_format == "channels_first"
    depthwise, pointwise, *rest = (np.asarray(w, np.float64) for w in weights)
    bias = rest[0] if rest else np.zeros(layer.filters)
    x_btc = np.asarray(x, np.float64)
    x_btc = x_btc.transpose(0, 2, 1) if first else x_btc
    roundings = depthwise.shape[0] + pointwise.shape[1] + 3
    unit = UNIT[layer.compute_dtype]
    gamma = roundings * unit / (1 - roundings * unit)
    linear = convolved(x_btc, depthwise, pointwise, bias, layer)
    # Both sides may err by as much, each to its own side.
    bound = 2 * gamma * convolved(*map(np.abs, (x_btc, depthwise, pointwise, bias)), layer)
    return (linear.transpose(0, 2, 1), bound.transpose(0, 2, 1)) if first else (linear, bound)


def activated_bound(name: str, linear: Array, bound: Array, dtype: str) -> Array | float:
    """Return how far the activated outputs may lie apart; inf where a jump lies within reach."""
    unit = UNIT[dtype]
    if name in OVER_AXIS:  # each output depends on all along the last axis
        size = float(np.abs(linear).max(initial=0))
        terms = linear.shape[-1] + ROUNDINGS
        return STEEPEST * (1 + size) * (float(bound.max(initial=0)) + terms * unit * (1 + size))
    steepest = np.exp(np.minimum(linear + bound, 700)) if name == "exponential" else STEEPEST
    allowed = steepest * (bound + ROUNDINGS * unit * (1 + np.abs(linear)))
    if name in JUMPS:
        allowed = np.where(np.abs(np.abs(linear) - JUMPS[name]) <= bound, np.inf, allowed)
    return np.asarray(allowed, np.float64)
