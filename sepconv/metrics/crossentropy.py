"""Metrics of how probable predictions make the true classes: means of the losses."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sepconv import losses
from sepconv.declaration import Argument, argument
from sepconv.metrics import arguments
from sepconv.metrics.base import Array, Mean, registry
from sepconv.rules import Flag, Integer, Number, Only


class _LossMetric(Mean):
    """The mean of a loss, whose class is `loss` and whose arguments are the metric's."""

    direction = "down"
    loss: ClassVar[type[losses.Loss]]
    _own: ClassVar[tuple[str, ...]] = ("from_logits", "label_smoothing", "axis")

    def values(self, y_true: Array, y_pred: Array) -> Array:
        config = {name: self.__dict__[name] for name in self._own if name in self.__dict__}
        return np.asarray(self.loss(**config, reduction="none")(y_true, y_pred))


def _from_logits() -> Any:
    return argument(Flag(), default=False, doc="Whether predictions are logits.")


def _label_smoothing() -> Any:
    return argument(
        Number(minimum=0, maximum=1), default=0, doc="How far labels are drawn together."
    )


def _axis() -> Any:
    return argument(Integer(-8, 7), default=-1, doc="The axis of the classes.")


@registry.register("BinaryCrossentropy", "binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(_LossMetric):
    """The mean of the loss of that name, as `keras.metrics.BinaryCrossentropy`.

    >>> round(BinaryCrossentropy()([[1.0]], [[0.5]]), 4)
    0.6931
    """

    loss = losses.BinaryCrossentropy
    _own = ("from_logits", "label_smoothing")
    name: Argument[str, str] = arguments.name("binary_crossentropy")
    dtype: Argument[str | None, str] = arguments.dtype()
    from_logits: Argument[bool, bool] = _from_logits()
    label_smoothing: Argument[float, float] = _label_smoothing()


@registry.register("CategoricalCrossentropy", "categorical_crossentropy")
class CategoricalCrossentropy(_LossMetric):
    """The mean of the loss of that name, as `keras.metrics.CategoricalCrossentropy`.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    loss = losses.CategoricalCrossentropy
    name: Argument[str, str] = arguments.name("categorical_crossentropy")
    dtype: Argument[str | None, str] = arguments.dtype()
    from_logits: Argument[bool, bool] = _from_logits()
    label_smoothing: Argument[float, float] = _label_smoothing()
    axis: Argument[int, int] = _axis()


@registry.register("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(_LossMetric):
    """The mean of the loss of that name, as `keras.metrics.SparseCategoricalCrossentropy`.

    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    loss = losses.SparseCategoricalCrossentropy
    name: Argument[str, str] = arguments.name("sparse_categorical_crossentropy")
    dtype: Argument[str | None, str] = arguments.dtype()
    from_logits: Argument[bool, bool] = _from_logits()
    ignore_class: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    axis: Argument[int, int] = _axis()
