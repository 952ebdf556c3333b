"""Losses of how far predictions are from their targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from sepconv.declaration import Argument, argument
from sepconv.losses import arguments
from sepconv.losses.base import Array, Loss, Pull, registry
from sepconv.losses.reduction import same_rank
from sepconv.losses.targets import check_shapes
from sepconv.rules import Number


class Regression(Loss):
    """A mean over the last axis of what each difference costs."""

    def costs(self, error: Array) -> tuple[Array, Array]:
        """Return the costs of y_pred - y_true, and their derivatives."""
        raise NotImplementedError

    def check_targets(self, y_true: Array, output_shape: tuple[int, ...]) -> None:
        check_shapes(self, y_true, output_shape)

    def call_vjp(self, y_true: Array, y_pred: Array) -> tuple[Array, Pull]:
        self.check_targets(y_true, y_pred.shape)
        y_true, y_pred = same_rank(np.asarray(y_true, y_pred.dtype), y_pred)
        costs, slopes = self.costs(y_pred - y_true)
        size = y_pred.dtype.type(max(costs.shape[-1], 1))
        return np.mean(costs, axis=-1), lambda d: slopes * (d[..., None] / size)


@registry.register("MeanSquaredError", "mean_squared_error", "mse", "MSE")
class MeanSquaredError(Regression):
    """mean((y_true - y_pred)²) over the last axis, as `keras.losses.MeanSquaredError`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    reduction: Argument[str | None, str | None] = arguments.reduction()
    name: Argument[str, str] = arguments.name("mean_squared_error")
    dtype: Argument[Any, Any] = arguments.dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        return np.square(error), 2 * error


@registry.register("MeanAbsoluteError", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Regression):
    """mean(|y_true - y_pred|) over the last axis, as `keras.losses.MeanAbsoluteError`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    reduction: Argument[str | None, str | None] = arguments.reduction()
    name: Argument[str, str] = arguments.name("mean_absolute_error")
    dtype: Argument[Any, Any] = arguments.dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        return np.abs(error), np.sign(error)


@registry.register("Huber", "huber")
class Huber(Regression):
    """e² / 2 up to |e| = delta, delta · |e| - delta² / 2 beyond, as `keras.losses.Huber`.

    The config keeps `delta`, which Keras's loses.

    >>> Huber(delta=1.0)([[0.0, 0.0]], [[1.0, 3.0]])
    1.5
    """

    delta: Argument[float, float] = argument(
        Number(above=0), default=1.0, doc="Where the parabola becomes a line."
    )
    reduction: Argument[str | None, str | None] = arguments.reduction()
    name: Argument[str, str] = arguments.name("huber_loss")
    dtype: Argument[Any, Any] = arguments.dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        size = np.abs(error)
        line = self.delta * size - 0.5 * self.delta**2
        costs = np.where(size <= self.delta, 0.5 * np.square(error), line)
        return costs, np.clip(error, -self.delta, self.delta)
