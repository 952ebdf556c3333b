"""Metrics of how often predictions name the true class."""

from __future__ import annotations

from typing import Any

import numpy as np

from sepconv.declaration import Argument, argument
from sepconv.losses.reduction import same_rank
from sepconv.metrics import arguments
from sepconv.metrics.base import Array, Mean, registry
from sepconv.rules import Count, Number, Only


@registry.register("Accuracy", "accuracy")
class Accuracy(Mean):
    """How often predictions equal targets, as `keras.metrics.Accuracy`.

    In `compile`, "accuracy" stands for the binary, categorical or sparse one, by the shapes.

    >>> Accuracy()([1, 2, 3], [1, 2, 4])
    0.6666666666666666
    """

    name: Argument[str, str] = arguments.name("accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        y_true, y_pred = same_rank(y_true, y_pred)
        return np.asarray(y_true == y_pred)


@registry.register("BinaryAccuracy", "binary_accuracy")
class BinaryAccuracy(Mean):
    """How often y_pred > threshold equals a target of 0 or 1, as in Keras.

    >>> BinaryAccuracy()([[1.0], [0.0]], [[0.7], [0.6]])
    0.5
    """

    name: Argument[str, str] = arguments.name("binary_accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()
    threshold: Argument[float, float] = argument(
        Number(), default=0.5, doc="Predictions above it stand for 1."
    )

    def values(self, y_true: Array, y_pred: Array) -> Array:
        y_true, y_pred = same_rank(y_true, y_pred)
        return np.asarray(y_true == (y_pred > self.threshold))


@registry.register("CategoricalAccuracy", "categorical_accuracy")
class CategoricalAccuracy(Mean):
    """How often the largest prediction is that of a one-hot label, as in Keras.

    >>> CategoricalAccuracy()([[0.0, 1.0], [0.0, 1.0]], [[0.1, 0.9], [0.6, 0.4]])
    0.5
    """

    name: Argument[str, str] = arguments.name("categorical_accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(np.argmax(y_true, axis=-1) == np.argmax(y_pred, axis=-1))


@registry.register("SparseCategoricalAccuracy", "sparse_categorical_accuracy")
class SparseCategoricalAccuracy(Mean):
    """How often the largest prediction is that of an integer label, as in Keras.

    >>> SparseCategoricalAccuracy()([1, 1], [[0.1, 0.9], [0.6, 0.4]])
    0.5
    """

    name: Argument[str, str] = arguments.name("sparse_categorical_accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(_labels(y_true, y_pred) == np.argmax(y_pred, axis=-1))


def _k() -> Any:
    return argument(Count(), default=5, doc="How many of the largest predictions count.")


@registry.register("TopKCategoricalAccuracy", "top_k_categorical_accuracy")
class TopKCategoricalAccuracy(Mean):
    """How often fewer than k predictions are above that of the one-hot label, as in Keras.

    >>> TopKCategoricalAccuracy(k=2)([[0.0, 0.0, 1.0]], [[0.1, 0.6, 0.3]])
    1.0
    """

    k: Argument[int, int] = _k()
    name: Argument[str, str] = arguments.name("top_k_categorical_accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return _in_top(np.argmax(y_true, axis=-1), y_pred, self.k)


@registry.register("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(Mean):
    """How often fewer than k predictions are above that of the integer label, as in Keras.

    >>> SparseTopKCategoricalAccuracy(k=2)([2], [[0.1, 0.6, 0.3]])
    1.0
    """

    k: Argument[int, int] = _k()
    name: Argument[str, str] = arguments.name("sparse_top_k_categorical_accuracy")
    dtype: Argument[str | None, str] = arguments.dtype()
    from_sorted_ids: Argument[bool, bool] = argument(
        Only(False), default=False, in_config=False, doc="Off; Keras has more."
    )

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return _in_top(_labels(y_true, y_pred).astype(np.intp), y_pred, self.k)


def _labels(y_true: Array, y_pred: Array) -> Array:
    """Return integer labels without a last axis of 1."""
    return y_true[..., 0] if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true


def _in_top(labels: Array, y_pred: Array, k: int) -> Array:
    own = np.take_along_axis(y_pred, labels[..., None], -1)
    own = np.where(np.isnan(own), -np.inf, own)  # as Keras: NaN is no large prediction
    return np.asarray((y_pred > own).sum(axis=-1) < k)
