"""Normalisation of each sample by its own mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers import normalization
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.moments import blocks
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape, Unsupported, standardize_shape
from sepconv.rules import Integer, ListOf, Number

Array = NDArray[Any]


@registry.register()
class LayerNormalization(normalization.Normalising):
    """Each sample brought to mean 0 and variance 1 over `axis`, then scaled and moved.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    Mean and variance are over `axis` alone, the same in training and inference. 16-bit layers
    compute in float32. (J. Ba, J. Kiros, G. Hinton, arXiv:1607.06450.)

    Input and output: of one shape, of any rank.

    Raises:
        ValidationError: an argument that breaks its rule; `axis` out of bounds.

    >>> LayerNormalization()([[1.0, 3.0]]).round(2)
    array([[-1.,  1.]], dtype=float32)
    """

    axis: Argument[int | Sequence[int], Any] = argument(
        ListOf(Integer()), default=-1, doc="Axis, or list of axes, to normalise over."
    )
    epsilon: Argument[float, float] = argument(
        Number(minimum=0), default=1e-3, doc="Added to the variance, so that none is 0."
    )
    center: Argument[bool, bool] = normalization.center()
    scale: Argument[bool, bool] = normalization.scale()
    beta_initializer: Argument[Any, Any] = normalization.first("beta", "zeros")
    gamma_initializer: Argument[Any, Any] = normalization.first("gamma", "ones")
    beta_regularizer: Argument[Any, Any] = normalization.penalty("beta")
    gamma_regularizer: Argument[Any, Any] = normalization.penalty("gamma")
    beta_constraint: Argument[Any, Any] = normalization.projection("beta")
    gamma_constraint: Argument[Any, Any] = normalization.projection("gamma")
    rms_scaling: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, kw_only=True, doc="Deprecated in Keras: false."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._axes = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]

    def build(self, input_shape: Any) -> None:
        """Make the weights, of the sizes of the axes, which must be known."""
        self._weigh(self._sizes(standardize_shape(input_shape), self._axes))

    def call(self, inputs: Array) -> Array:
        """Return the normalised inputs."""
        return self.call_vjp(inputs, False)[0]

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        self.compute_output_shape(inputs.shape)
        dtype, values = self._working_dtype, self.packed()
        gamma, beta = (
            values[name].reshape(-1) if name in values else None for name in ("gamma", "beta")
        )
        x_nk = self._rows(inputs)
        y_nk = np.empty(x_nk.shape, self._input_dtype)
        mean_n, inverse_n = np.empty((2, len(x_nk), 1), dtype)
        for rows in blocks(x_nk):
            x = x_nk[rows].astype(dtype, copy=False)
            mean_n[rows] = _mean(x)
            y = x - mean_n[rows]
            inverse_n[rows] = 1 / np.sqrt(_mean(y * y) + dtype.type(self.epsilon))
            y *= inverse_n[rows]
            y_nk[rows] = _scaled(y, gamma, beta)

        def pull(dy: Array, input_gradient: bool) -> tuple[Array | None, Gradients]:
            dy_nk = self._rows(dy)
            dx_nk = np.empty_like(dy_nk)
            along, total = np.zeros((2, x_nk.shape[1]))
            for rows in blocks(dy_nk):
                y = (x_nk[rows].astype(dtype, copy=False) - mean_n[rows]) * inverse_n[rows]
                along += np.add.reduce(dy_nk[rows] * y, axis=0)
                total += np.add.reduce(dy_nk[rows], axis=0)
                if input_gradient:
                    g = _scaled(dy_nk[rows], gamma, None)
                    dx_nk[rows] = inverse_n[rows] * (g - _mean(g) - y * _mean(g * y))
            dx = self._unrows(dx_nk, inputs.shape) if input_gradient else None
            return dx, self._by_weight(gamma=along, beta=total)

        return self._unrows(y_nk, inputs.shape), pull

    def _rows(self, x: Array) -> Array:
        """Return (N, K): the axes to normalise over behind the others, each group as one."""
        axes = sorted(axis % x.ndim for axis in self._axes)
        size = math.prod(x.shape[axis] for axis in axes)
        moved = np.moveaxis(x, axes, range(-len(axes), 0))
        count = math.prod(moved.shape[: x.ndim - len(axes)])
        return np.ascontiguousarray(moved).reshape(count, size)

    def _unrows(self, y_nk: Array, shape: tuple[int, ...]) -> Array:
        axes = sorted(axis % len(shape) for axis in self._axes)
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        moved = y_nk.reshape([shape[axis] for axis in (*rest, *axes)])
        return np.ascontiguousarray(np.moveaxis(moved, range(-len(axes), 0), axes))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        shape = self._checked_axes(input_shape, self._axes, self.axis)
        if len({axis % len(shape) for axis in self._axes}) < len(self._axes):
            raise ValidationError(f"`axis` must name each axis once, got {shown(self.axis)}")
        return shape


def _mean(x_nk: Array) -> Array:
    """Return the mean of each row, of (N, 1)."""
    return np.asarray(np.add.reduce(x_nk, axis=1, keepdims=True) / x_nk.dtype.type(x_nk.shape[1]))


def _scaled(x_nk: Array, gamma_k: Array | None, beta_k: Array | None) -> Array:
    """Return x * gamma + beta."""
    y = x_nk if gamma_k is None else x_nk * gamma_k
    return y if beta_k is None else y + beta_k
