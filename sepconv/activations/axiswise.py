"""Activations of the values along one axis together, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.activations.base import Builtin, registry
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.rules import Integer


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

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        """Return the activation of `x` along a valid axis."""
        raise NotImplementedError

    def _checked_axis(self, ndim: int) -> int:
        axis: int = self.__dict__["axis"]
        if not -ndim <= axis < ndim:
            raise ValidationError(
                f"`axis` of {self.name} is {axis}, but its input has {ndim} dimensions"
            )
        return axis


@registry.register("softmax")
class Softmax(Axiswise):
    """eˣ / Σeˣ along an axis.

    >>> Softmax()([0.0, 0.0])
    array([0.5, 0.5], dtype=float32)
    """

    name = "softmax"
    axis: Argument[int, int] = _axis()

    @property
    def keras_layer(self) -> str:
        return "Softmax"

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        powers = np.exp(_below_maximum(x, axis))
        return np.asarray(powers / np.sum(powers, axis=axis, keepdims=True))


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
        return np.asarray(below - np.log(np.sum(np.exp(below), axis=axis, keepdims=True)))


@registry.register("sparsemax")
class Sparsemax(Axiswise):
    """The nearest point to x with values ≥ 0 that sum to 1. Martins and Astudillo, 2016.

    max(x - τ, 0), τ such that the sum is 1. https://arxiv.org/abs/1602.02068.

    >>> Sparsemax()([0.5, 0.0, -3.0])
    array([0.75, 0.25, 0. ], dtype=float32)
    """

    name = "sparsemax"
    axis: Argument[int, int] = _axis()

    def along(self, x: NDArray[Any], axis: int) -> NDArray[Any]:
        # From the maximum down: the sums that count are then of values above -1, and exact enough.
        below = np.moveaxis(_below_maximum(x, axis), axis, -1)
        falling = np.flip(np.sort(below, axis=-1), axis=-1)
        excess = np.cumsum(falling, axis=-1) - 1
        counts = np.arange(1, x.shape[axis] + 1, dtype=x.dtype)
        size = np.sum(falling * counts > excess, axis=-1, keepdims=True)
        last = np.maximum(size - 1, 0)  # a row with NaN has none, and stays NaN
        tau = np.take_along_axis(excess, last, axis=-1) / (last + 1) if x.size else excess
        return np.moveaxis(np.maximum(below - tau.astype(x.dtype), 0), -1, axis)


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


def _below_maximum(x: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.asarray(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
