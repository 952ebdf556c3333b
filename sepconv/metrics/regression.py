"""Metrics of how far predictions are from their targets."""

from __future__ import annotations

import numpy as np

from sepconv.declaration import Argument
from sepconv.losses.reduction import same_rank
from sepconv.metrics import arguments
from sepconv.metrics.base import Array, Mean, registry


@registry.register("MeanSquaredError", "mean_squared_error", "mse", "MSE")
class MeanSquaredError(Mean):
    """mean((y_true - y_pred)²), as `keras.metrics.MeanSquaredError`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    direction = "down"
    name: Argument[str, str] = arguments.name("mean_squared_error")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.square(np.subtract(*same_rank(y_true, y_pred)))


@registry.register("RootMeanSquaredError", "root_mean_squared_error")
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean squared error, as `keras.metrics.RootMeanSquaredError`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 3.0]])
    3.0
    """

    name: Argument[str, str] = arguments.name("root_mean_squared_error")

    def result(self) -> float:
        return float(np.sqrt(super().result()))


@registry.register("MeanAbsoluteError", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Mean):
    """mean(|y_true - y_pred|), as `keras.metrics.MeanAbsoluteError`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    direction = "down"
    name: Argument[str, str] = arguments.name("mean_absolute_error")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.abs(np.subtract(*same_rank(y_true, y_pred)))
