"""Activations of the values along one axis together, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.activations.base import Builtin, registry
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.rules import Axes, Integer

Axis = int | tuple[int, ...]


def _axis() -> Any:
    return argument(
        Integer(-64, 63), default=-1, doc="the axis; -1 is time in channels_first, as in Keras"
    )


class Axiswise(Builtin):
    """An activation along `axis`. Its subclasses write `along`, and declare the axis."""

    def compute(self, x: NDArray[Any]) -> NDArray[Any]:
        axis = self._checked_axis(x.ndim)
        # Infinities and NaN give NaN along the axis, as in Keras, and are no reason to warn.
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return self.along(x, axis)

    def gradient(self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(invalid="ignore", over="ignore"):
            return self.gradient_along(x, y, dy, self._checked_axis(x.ndim))

    def along(self, x: NDArray[Any], axis: Any) -> NDArray[Any]:
        """Return the activation of `x` along a valid axis, or the axes that are declared."""
        raise NotImplementedError

    def gradient_along(
        self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any], axis: Any
    ) -> NDArray[Any]:
        """Return the gradient by `x` of sum(dy * y), y = along(x, axis)."""
        raise NotImplementedError

    def output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._checked_axis(len(shape))
        return tuple(shape)

    def _checked_axis(self, ndim: int) -> Any:
        """Return the axis, or a tuple of axes where a list was given."""
        axis: int | list[int] = self.__dict__["axis"]
        axes = axis if isinstance(axis, list) else [axis]
        for one in axes:
            if not -ndim <= one < ndim:
                raise ValidationError(
                    f"`axis` of {self.name} is {one}, but its input has {ndim} dimensions"
                )
        if len({one % ndim for one in axes}) < len(axes):
            raise ValidationError(f"`axis` of {self.name} names an axis twice: {axis}")
        return tuple(axes) if isinstance(axis, list) else axis


@registry.register("softmax")
class Softmax(Axiswise):
    """eˣ / Σeˣ along an axis, or several together.

    >>> Softmax()([0.0, 0.0])
    array([0.5, 0.5], dtype=float32)
    """

    name = "softmax"
    axis: Argument[int | Sequence[int], int | list[int]] = argument(
        Axes(),
        default=-1,
        doc="the axis, or the list of axes; -1 is time in channels_first, as in Keras",
    )

    @property
    def keras_layer(self) -> str:
        return "Softmax"

    def core_operations(self) -> Sequence[Any] | None:
        from sepconv.core import softmax

        return [softmax()] if type(self) is Softmax and self.axis == -1 else None

    def along(self, x: NDArray[Any], axis: Axis) -> NDArray[Any]:
        if self.core_operations() is not None and x.ndim and x.size:
            from sepconv.core import softmax

            rows = softmax()(x.reshape(-1, x.shape[-1]))
            assert rows is not None
            return rows.reshape(x.shape)
        powers = np.exp(_below_maximum(x, axis))
        return np.asarray(powers / _sum(powers, axis))

    def gradient_along(
        self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any], axis: Axis
    ) -> NDArray[Any]:
        return np.asarray(y * (dy - _sum(y * dy, axis)))


@registry.register("log_softmax")
class LogSoftmax(Axiswise):
    """x - log Σeˣ along an axis.

    >>> LogSoftmax()([0.0, 0.0])
    array([-0.693..., -0.693...], dtype=float32)
    """

    name = "log_softmax"
    axis: Argument[int, int] = _axis()

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        below = _below_maximum(x, axis)
        return np.asarray(below - np.log(_sum(np.exp(below), axis)))

    def gradient_along(
        self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any], axis: int
    ) -> NDArray[Any]:
        return np.asarray(dy - np.exp(y) * _sum(dy, axis))


@registry.register("sparsemax")
class Sparsemax(Axiswise):
    """max(x - τ, 0) along an axis, with τ as in Keras 3.15. Martins and Astudillo, 2016.

    τ = (Σ of the prefix sums of the support - 1) / k, the support being the k largest values with
    x_j > (prefix sum_j - 1) / j. With k = 1 that is the paper's projection onto the simplex. With
    k > 1 the paper takes the last prefix sum alone, so that the output sums to 1; Keras 3.15 on
    every backend does not (keras-team/keras#23425), and what it trained needs its values.

    >>> Sparsemax()([0.5, 0.0, -3.0])
    array([0.5, 0. , 0. ], dtype=float32)
    """

    name = "sparsemax"
    axis: Argument[int, int] = _axis()

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        values = np.moveaxis(x, axis, -1)
        prefix_sums, size = self._support(-np.sort(-values, axis=-1))
        tau = (_sum(prefix_sums, -1) - 1) / size
        return np.moveaxis(np.maximum(values - tau, 0), -1, axis)

    def gradient_along(
        self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any], axis: int
    ) -> NDArray[Any]:
        values, slopes = np.moveaxis(x, axis, -1), np.moveaxis(dy, axis, -1)
        order = np.argsort(-values, axis=-1, kind="stable")
        prefix_sums, size = self._support(np.take_along_axis(values, order, axis=-1))
        below = values - (_sum(prefix_sums, -1) - 1) / size
        # The maximum of equal numbers has half the slope of each, as in JAX.
        through = slopes * np.heaviside(below, x.dtype.type(0.5))
        # The j-th largest value is in the support's prefix sums from the j-th on.
        places = np.arange(x.shape[axis], dtype=x.dtype)
        of_tau = np.empty_like(through)
        np.put_along_axis(of_tau, order, np.maximum(size - places, 0) / size, axis=-1)
        return np.moveaxis(through - _sum(through, -1) * of_tau, -1, axis)

    def _support(self, falling: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the prefix sums of `falling`, 0 outside the support, and the support's size."""
        prefix_sums = np.cumsum(falling, axis=-1)
        counts = np.arange(1, falling.shape[-1] + 1, dtype=falling.dtype)
        support = falling - (prefix_sums - 1) / counts > 0
        support[..., :1] = True  # always so, but for rounding above 1e7
        size = np.sum(support, axis=-1, keepdims=True, dtype=falling.dtype)
        return np.where(support, prefix_sums, 0), size


@registry.register("glu")
class Glu(Axiswise):
    """a · sigmoid(b), a and b the halves of x along an axis. Dauphin et al., 2017.

    https://arxiv.org/abs/1612.08083.

    >>> Glu()([3.0, 0.0])
    array([1.5], dtype=float32)
    """

    name = "glu"
    axis: Argument[int, int] = _axis()

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        self.output_shape(x.shape)  # which refuses an odd size
        a, b = np.split(x, 2, axis)
        return np.asarray(a / (1 + np.exp(-b)))

    def gradient_along(
        self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any], axis: int
    ) -> NDArray[Any]:
        a, b = np.split(x, 2, axis)
        power = np.exp(-np.abs(b))
        by_b = np.asarray(power / np.square(1 + power))
        # An infinite `a` is not felt through a gate that no longer moves.
        through_gate = np.where(by_b == 0, 0, dy * a * by_b)
        return np.concatenate([dy / (1 + np.exp(-b)), through_gate], axis)

    def output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        axis, sizes = self._checked_axis(len(shape)), list(shape)
        size = sizes[axis]
        if size is not None:
            if size % 2:
                raise ValidationError(
                    "axis size must be divisible by 2. "
                    f"Received: x.shape={tuple(shape)} with axis={axis}"
                )
            sizes[axis] = size // 2
        return tuple(sizes)


def _sum(x: NDArray[Any], axis: Axis) -> NDArray[Any]:
    return np.asarray(np.add.reduce(x, axis=axis, keepdims=True))


def _below_maximum(x: NDArray[Any], axis: Axis) -> NDArray[Any]:
    return np.asarray(x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf))
