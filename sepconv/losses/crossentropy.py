"""Losses of how probable predictions make the true classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.losses import arguments
from sepconv.losses.base import Array, Loss, Pull, registry
from sepconv.losses.reduction import same_rank
from sepconv.losses.targets import check_labels, check_shapes, checked_classes
from sepconv.rules import Flag, Integer, Nullable, Number

EPSILON = 1e-7  # Keras's: probabilities are cut at this distance from 0 and 1


def _from_logits() -> Any:
    return argument(Flag(), default=False, doc="Whether predictions are logits, not probabilities.")


def _label_smoothing() -> Any:
    return argument(
        Number(minimum=0, maximum=1),
        default=0.0,
        doc="How far labels are drawn from 0 and 1 to the same value for all classes.",
    )


def _axis(doc: str = "The axis of the classes.") -> Any:
    return argument(Integer(-8, 7), default=-1, doc=doc)


@registry.register("BinaryCrossentropy", "binary_crossentropy", "bce", "BCE")
class BinaryCrossentropy(Loss):
    """-mean(t · log p + (1 - t) · log(1 - p)), as `keras.losses.BinaryCrossentropy`.

    Probabilities are cut at 1e-7 from 0 and 1, logits z cost max(z, 0) - z·t + log(1 + exp(-|z|)).

    >>> round(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]]), 4)
    0.6931
    """

    from_logits: Argument[bool, bool] = _from_logits()
    label_smoothing: Argument[float, float] = _label_smoothing()
    axis: Argument[int, int] = _axis("The axis that a mean is taken over.")
    reduction: Argument[str | None, str | None] = arguments.reduction()
    name: Argument[str, str] = arguments.name("binary_crossentropy")
    dtype: Argument[Any, Any] = arguments.dtype()

    def check_targets(self, y_true: Array, output_shape: tuple[int, ...]) -> None:
        check_shapes(self, y_true, output_shape)
        check_labels(self, y_true, 0.0, 1.0)

    def call_vjp(self, y_true: Array, y_pred: Array) -> tuple[Array, Pull]:
        self.check_targets(y_true, y_pred.shape)
        target, y = same_rank(np.asarray(y_true, y_pred.dtype), y_pred)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:
            costs = np.maximum(y, 0) - y * target + np.log1p(np.exp(-np.abs(y)))
            slopes = 0.5 * (1 + np.tanh(0.5 * y)) - target
        else:
            p, inside = _cut(y)
            costs = -(target * np.log(p) + (1 - target) * np.log(1 - p))
            slopes = ((1 - target) / (1 - p) - target / p) * inside
        size = y.dtype.type(max(costs.shape[self.axis], 1))
        return (
            np.mean(costs, axis=self.axis),
            lambda d: slopes * (np.expand_dims(d, self.axis) / size),
        )


@registry.register("CategoricalCrossentropy", "categorical_crossentropy")
class CategoricalCrossentropy(Loss):
    """-Σ t · log p over one-hot (or soft) labels t, as `keras.losses.CategoricalCrossentropy`.

    Probabilities are divided by their sum and cut at 1e-7 from 0 and 1; logits become log p by
    log-sum-exp.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    from_logits: Argument[bool, bool] = _from_logits()
    label_smoothing: Argument[float, float] = _label_smoothing()
    axis: Argument[int, int] = _axis()
    reduction: Argument[str | None, str | None] = arguments.reduction()
    name: Argument[str, str] = arguments.name("categorical_crossentropy")
    dtype: Argument[Any, Any] = arguments.dtype()

    def check_targets(self, y_true: Array, output_shape: tuple[int, ...]) -> None:
        if y_true.ndim < len(output_shape) or y_true.shape[-1:] == (1,) != output_shape[-1:]:
            raise ValidationError(
                f"{self.name} takes one-hot labels of the outputs' shape {output_shape}, got "
                f"shape {y_true.shape}: for classes by number use sparse_categorical_crossentropy, "
                f"or pass np.eye({output_shape[-1]})[y]"
            )
        check_shapes(self, y_true, output_shape)

    def call_vjp(self, y_true: Array, y_pred: Array) -> tuple[Array, Pull]:
        self.check_targets(y_true, y_pred.shape)
        target = np.asarray(y_true, y_pred.dtype)
        if self.label_smoothing:
            classes = target.shape[-1]
            target = target * (1 - self.label_smoothing) + self.label_smoothing / classes
        if self.from_logits:
            log_p = _log_softmax(y_pred, self.axis)
            totals = np.sum(target, axis=self.axis, keepdims=True)
            return (
                -np.sum(target * log_p, axis=self.axis),
                lambda d: (np.exp(log_p) * totals - target) * np.expand_dims(d, self.axis),
            )
        sums = y_pred.sum(axis=self.axis, keepdims=True)
        share = y_pred / sums
        p, inside = _cut(share)

        def pull(d: Array) -> Array:
            g = target / p * inside * np.expand_dims(-d, self.axis)
            return np.asarray((g - (g * share).sum(axis=self.axis, keepdims=True)) / sums)

        return -(target * np.log(p)).sum(axis=self.axis), pull


@registry.register("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy")
class SparseCategoricalCrossentropy(Loss):
    """-log p of the class that an integer label names, as in Keras.

    The arithmetic is that of CategoricalCrossentropy. Labels outside 0 to classes - 1 are refused
    (Keras on JAX lets them cost nothing). Samples of `ignore_class` do not count.

    >>> round(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]]), 4)
    0.6931
    """

    from_logits: Argument[bool, bool] = _from_logits()
    ignore_class: Argument[int | None, int | None] = argument(
        Nullable(Integer()), default=None, doc="A label whose samples do not count, such as -1."
    )
    reduction: Argument[str | None, str | None] = arguments.reduction()
    axis: Argument[int, int] = _axis()
    name: Argument[str, str] = arguments.name("sparse_categorical_crossentropy")
    dtype: Argument[Any, Any] = arguments.dtype()

    sparse: ClassVar[bool] = True

    def check_targets(self, y_true: Array, output_shape: tuple[int, ...]) -> None:
        checked_classes(self, y_true, output_shape, self.axis, self.ignore_class)

    def mask(self, y_true: Array) -> Array | None:
        return None if self.ignore_class is None else np.asarray(y_true != self.ignore_class)

    def call_vjp(self, y_true: Array, y_pred: Array) -> tuple[Array, Pull]:
        labels = checked_classes(self, y_true, y_pred.shape, self.axis, self.ignore_class)
        last = self.axis in (-1, y_pred.ndim - 1)
        y = y_pred if last else np.moveaxis(y_pred, self.axis, -1)
        rows = y.reshape(-1, y.shape[-1])
        costs, pull_rows = self._rows_vjp(rows, (np.arange(len(rows)), labels.ravel()))

        def pull(d: Array) -> Array:
            dy = pull_rows(d.reshape(-1, 1)).reshape(y.shape)
            return dy if last else np.moveaxis(dy, -1, self.axis)

        return costs.reshape(labels.shape), pull

    def _rows_vjp(self, rows: Array, chosen: tuple[Array, Array]) -> tuple[Array, Pull]:
        """Return the costs of rows of predictions, whose true classes are `chosen`."""
        if self.from_logits:
            log_p = _log_softmax(rows, -1)

            def pull_logits(d: Array) -> Array:
                dy = np.exp(log_p) * d
                dy[chosen] -= d[:, 0]
                return dy

            return -log_p[chosen], pull_logits

        sums = rows.sum(axis=-1)
        share = rows[chosen] / sums
        p, inside = _cut(share)

        def pull(d: Array) -> Array:
            slope = d[:, 0] / p * inside / sums
            dy = np.repeat((slope * share)[:, None], rows.shape[-1], axis=1)
            dy[chosen] -= slope
            return dy

        return -np.log(p), pull


def _cut(p: Array) -> tuple[Array, Array]:
    """Return probabilities kept EPSILON from 0 and 1, and which of them moved with p."""
    low, high = p.dtype.type(EPSILON), p.dtype.type(1 - EPSILON)
    cut = np.minimum(np.maximum(p, low), high)
    return cut, cut == p


def _log_softmax(z: Array, axis: int) -> Array:
    z = z - np.max(z, axis=axis, keepdims=True)
    return np.asarray(z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True)))
