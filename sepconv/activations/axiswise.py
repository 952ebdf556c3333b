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
        falling = -np.sort(-values, axis=-1)
        prefix_sums = np.cumsum(falling, axis=-1)
        counts = np.arange(1, x.shape[axis] + 1, dtype=x.dtype)
        support = falling - (prefix_sums - 1) / counts > 0
        support[..., :1] = True  # always so, but for rounding above 1e7
        size = np.sum(support, axis=-1, keepdims=True, dtype=x.dtype)
        tau = (np.sum(np.where(support, prefix_sums, 0), axis=-1, keepdims=True) - 1) / size
        return np.moveaxis(np.maximum(values - tau, 0), -1, axis)


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
