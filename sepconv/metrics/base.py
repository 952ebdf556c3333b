"""What a metric is, and the registry of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.arrays import compute_dtype, real_array
from sepconv.declaration import Declared
from sepconv.errors import ValidationError
from sepconv.layers.operation import snake_case
from sepconv.losses.reduction import same_rank
from sepconv.registry import Registry

Array = NDArray[Any]


class Metric(Declared):
    """The base of metrics. A subclass writes `update_state`, `result` and `reset_state`.

    `direction` tells what is better: "up" or "down". `Mean` needs `values` alone.

    >>> from sepconv.declaration import Argument, argument
    >>> from sepconv.rules import Label
    >>> class Largest(Metric):
    ...     name: Argument[str, str] = argument(Label(), default="largest", doc="Name in the logs.")
    ...     direction = "down"
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.error = max(self.error, float(np.abs(np.subtract(y_true, y_pred)).max()))
    ...     def result(self):
    ...         return self.error
    ...     def reset_state(self):
    ...         self.error = 0.0
    >>> metric = Largest()
    >>> metric([1.0, 2.0], [1.0, 2.5]), metric([1.0], [1.25])
    (0.5, 0.5)
    """

    name: Any
    direction: ClassVar[str] = "up"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["name"] = self.name or snake_case(type(self).__name__)
        self.reset_state()

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Add a batch and return the result so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Add a batch: targets, predictions, and a factor for each sample or value."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self) -> float:
        """Return the metric of all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result(self)")

    def reset_state(self) -> None:
        """Forget all batches."""
        raise NotImplementedError(f"{type(self).__name__} must define reset_state(self)")


registry: Registry[Metric] = Registry("metric", "keras.metrics", Metric)


class Mean(Metric):
    """A mean over samples of what `values(y_true, y_pred)` gives. Sums are float64."""

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """Return the values of the samples: (samples, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must define values(y_true, y_pred)")

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y_pred = real_array(y_pred)
        y_pred = y_pred.astype(compute_dtype(y_pred.dtype), copy=False)
        values = np.asarray(self.values(np.asarray(y_true), y_pred))
        if sample_weight is None:
            weight: float = len(values) if values.ndim else 1
            # The mean over all values is that over samples of each one's mean.
            total = float(np.mean(values, dtype=np.float64)) * weight if values.size else 0.0
        else:
            total, weight = _weighted(values, np.asarray(sample_weight, np.float64))
        self._total += total
        self._weight += weight

    def result(self) -> float:
        return self._total / self._weight if self._weight else 0.0

    def reset_state(self) -> None:
        self._total = self._weight = 0.0


def _weighted(values: Array, weights: Array) -> tuple[float, float]:
    """Return the weighted sum of the samples' means, and the sum of their weights."""
    values, weights = same_rank(values.astype(np.float64), weights)
    if values.ndim > weights.ndim:
        values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
    try:
        weights = np.broadcast_to(weights, values.shape)
    except ValueError:
        raise ValidationError(
            f"`sample_weight` must have the shape of the values, {values.shape}, or of its first "
            f"axes; got {weights.shape}"
        ) from None
    rest = tuple(range(1, values.ndim))
    return float(np.sum((values * weights).mean(axis=rest))), float(np.sum(weights.mean(axis=rest)))
