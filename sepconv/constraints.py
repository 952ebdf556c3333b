"""Projections of weights, applied after each update of an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import real_array
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError, shown
from sepconv.registry import FunctionRegistry
from sepconv.rules import Axes, Number

EPSILON = 1e-7  # Keras's: keeps a norm of 0 from dividing

Projection = Callable[[Any], Any]  # array -> array of the same shape
Axis = int | Sequence[int]
Norms = NDArray[np.float64]


class Constraint(Declared):
    """Maps weights to allowed weights of the same shape and dtype. A subclass writes `__call__`."""

    def __call__(self, w: Any) -> NDArray[Any]:
        """Return the projection of `w`, a new array."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w)")


registry = FunctionRegistry[Projection]("constraint", "keras.constraints", Constraint)
get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


def _axis() -> Any:
    return argument(
        Axes(), default=0, doc="the axis, or the list of axes, that a norm is taken over"
    )


@registry.register("MaxNorm", "max_norm")
class MaxNorm(Constraint):
    """Norms of at most `max_value`: w · clip(n, 0, max) / (ε + n), n = √Σw², as in Keras.

    >>> MaxNorm(2.0)(np.array([3.0, 4.0])).round(6)
    array([1.2, 1.6])
    """

    max_value: Argument[float, float] = argument(
        Number(minimum=0), default=2, doc="the largest norm"
    )
    axis: Argument[Axis, Axis] = _axis()

    def __call__(self, w: Any) -> NDArray[Any]:
        return _rescaled(w, self.axis, lambda norms: np.minimum(norms, self.max_value))


@registry.register("UnitNorm", "unit_norm")
class UnitNorm(Constraint):
    """Norms of 1: w / (ε + n), n = √Σw², as `keras.constraints.UnitNorm`.

    >>> UnitNorm()(np.array([3.0, 4.0])).round(6)
    array([0.6, 0.8])
    """

    axis: Argument[Axis, Axis] = _axis()

    def __call__(self, w: Any) -> NDArray[Any]:
        return _rescaled(w, self.axis, np.ones_like)


@registry.register("MinMaxNorm", "min_max_norm")
class MinMaxNorm(Constraint):
    """Norms led into [min, max]: w · (rate · clip(n, min, max) + (1 - rate) · n) / (ε + n).

    n = √Σw², as `keras.constraints.MinMaxNorm`.

    >>> MinMaxNorm(min_value=10.0, max_value=20.0)(np.array([3.0, 4.0])).round(5)
    array([6., 8.])
    """

    min_value: Argument[float, float] = argument(
        Number(minimum=0), default=0.0, doc="the smallest norm"
    )
    max_value: Argument[float, float] = argument(
        Number(minimum=0), default=1.0, doc="the largest norm"
    )
    rate: Argument[float, float] = argument(
        Number(minimum=0, maximum=1), default=1.0, doc="how much of the way one update goes"
    )
    axis: Argument[Axis, Axis] = _axis()

    def check(self) -> None:
        if self.min_value > self.max_value:
            raise ValidationError(
                f"`min_value` must not be above `max_value`: "
                f"min_value={self.min_value}, max_value={self.max_value}"
            )

    def __call__(self, w: Any) -> NDArray[Any]:
        return _rescaled(w, self.axis, self._desired)

    def _desired(self, norms: Norms) -> Norms:
        clipped = np.clip(norms, self.min_value, self.max_value)
        return self.rate * clipped + (1 - self.rate) * norms


@registry.register("NonNeg", "non_neg")
class NonNeg(Constraint):
    """No weight below 0: max(w, 0), as `keras.constraints.NonNeg`.

    >>> NonNeg()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def __call__(self, w: Any) -> NDArray[Any]:
        weights = real_array(w)
        return np.asarray(np.maximum(weights, weights.dtype.type(0)))


def _rescaled(w: Any, axis: Axis, desired: Callable[[Norms], Norms]) -> NDArray[Any]:
    """Return `w` with the norms n along `axis` brought to desired(n)."""
    weights = real_array(w)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if any(not -weights.ndim <= one < weights.ndim for one in axes):
        raise ValidationError(
            f"`axis` is {shown(axis)}, but the weights have {weights.ndim} axes: "
            f"shape {weights.shape}"
        )
    wide = weights.astype(np.float64, copy=False)  # squares of float16 overflow from 256 on
    norms = np.sqrt(np.sum(np.square(wide), axis=axes, keepdims=True))
    return np.asarray(wide * (desired(norms) / (EPSILON + norms))).astype(weights.dtype)
