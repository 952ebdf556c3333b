"""Losses with Keras's names, values and configs, and their gradients by the predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.arrays import compute_dtype, real_array
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError, shown
from sepconv.registry import Registry
from sepconv.rules import Choice, Flag, Integer, Label, Nullable, Number
from sepconv.training.labels import check_labels, check_shapes, checked_classes
from sepconv.training.reduction import MEANS, aligned, same_rank, scale

Array = NDArray[Any]
Pull = Callable[[Array], Array]  # gradient by the values of the samples -> by y_pred

EPSILON = 1e-7  # Keras's: probabilities are cut at this distance from 0 and 1
_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


class Loss(Declared):
    """The base of losses. A subclass writes `call_vjp`, and declares what it lets users choose.

    >>> class Cubic(Loss):
    ...     name = "cubic"
    ...     def call_vjp(self, y_true, y_pred):
    ...         error = y_pred - np.asarray(y_true, y_pred.dtype)
    ...         size = np.abs(error)
    ...         return (size**3).sum(-1), lambda d: 3 * size * error * d[..., None]
    >>> Cubic().vjp([[1.0, 2.0]], [[1.0, 4.0]])
    (8.0, array([[ 0., 12.]], dtype=float32))
    """

    if TYPE_CHECKING:  # declared in each subclass, to stand after its own
        reduction: Any = argument(Label(), default="", kw_only=True, doc="")
        name: Any = argument(Label(), default="", kw_only=True, doc="")
        dtype: Any = argument(Label(), default="", kw_only=True, doc="")
    else:
        reduction, name, dtype = "sum_over_batch_size", "loss", None

    def __call__(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Any:
        """Return the loss: a float, or the array of all samples' values without a reduction.

        Arguments:
            y_true: the targets, or labels.
            y_pred: what the network gives.
            sample_weight: a factor for each sample, or each value.
        """
        values, weights, _ = self._weighted(y_true, y_pred, sample_weight)
        return self._reduced(values, weights)

    def vjp(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, Array]:
        """Return the loss and its gradient by `y_pred`, an array like it in at least float32.

        >>> loss, dy = MeanSquaredError().vjp([[1.0, 2.0]], [[1.0, 4.0]])
        >>> loss, dy
        (2.0, array([[0., 2.]], dtype=float32))
        """
        if self.reduction in (None, "none"):
            raise ValidationError(
                f"a gradient needs one loss for the batch: {type(self).__name__} has "
                f"reduction={self.reduction!r}; use 'sum_over_batch_size' or 'sum'"
            )
        values, weights, pull = self._weighted(y_true, y_pred, sample_weight)
        factor = values.dtype.type(scale(self.reduction, values, weights))
        if weights is None:
            d_values = np.full(values.shape, factor)
        else:
            d_values = np.broadcast_to(weights * factor, values.shape)
        return self._reduced(values, weights), pull(d_values).reshape(np.shape(y_pred))

    def call_vjp(self, y_true: Array, y_pred: Array) -> tuple[Array, Pull]:
        """Return the values of the samples and a function from their gradient to y_pred's."""
        raise NotImplementedError(f"{type(self).__name__} must define call_vjp(y_true, y_pred)")

    def check_targets(self, y_true: Array, output_shape: tuple[int, ...]) -> None:
        """Raise ValidationError for targets that do not fit outputs of `output_shape`."""

    def mask(self, y_true: Array) -> Array | None:
        """Return which values count, or None for all."""
        return None

    def _weighted(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[Array, Array | None, Pull]:
        y_pred = real_array(y_pred)
        y_pred = y_pred.astype(self.dtype or compute_dtype(y_pred.dtype), copy=False)
        y_true = np.asarray(y_true)
        values, original_pull = self.call_vjp(y_true, y_pred)
        shape, weights = values.shape, None
        mask = self.mask(y_true)
        if mask is not None:
            mask = mask.reshape(values.shape)
            share = mask.size / max(int(mask.sum()), 1) if self.reduction in MEANS else 1.0
            weights = np.asarray(mask * share, values.dtype)
        if sample_weight is not None:
            values, given = aligned(sample_weight, values)
            weights = given if weights is None else given * weights.reshape(values.shape)
        return values, weights, lambda d: original_pull(d.reshape(shape))

    def _reduced(self, values: Array, weights: Array | None) -> Any:
        weighted = values if weights is None else values * weights
        if self.reduction in (None, "none"):
            return weighted
        return float(np.sum(weighted)) * scale(self.reduction, values, weights)


def _accept(obj: Any) -> Loss:
    if isinstance(obj, Loss):
        return obj
    if callable(obj) and not isinstance(obj, (Declared, type)):
        raise ValidationError(
            f"the function {shown(obj, 80)} has no gradient: derive a class from "
            f"`sepconv.training.losses.Loss` that defines `call_vjp(self, y_true, y_pred)`"
        )
    raise registry.refusal(obj)


registry: Registry[Loss] = Registry("loss", "keras.losses", _accept)
get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


def _reduction() -> Any:
    return argument(
        Nullable(Choice(*_REDUCTIONS)),
        default="sum_over_batch_size",
        doc="How the samples' values become one: their sum or mean; None or none keeps them.",
    )


def _name(name: str) -> Any:
    return argument(Label(), default=name, doc="Name of the loss.")


def _dtype() -> Any:
    return argument(
        Nullable(Choice("float32", "float64")),
        default=None,
        in_config=False,
        doc="Dtype of the arithmetic; by default that of the predictions, float32 at least.",
    )


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


class _Regression(Loss):
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
class MeanSquaredError(_Regression):
    """mean((y_true - y_pred)²) over the last axis, as `keras.losses.MeanSquaredError`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    reduction: Argument[str | None, str | None] = _reduction()
    name: Argument[str, str] = _name("mean_squared_error")
    dtype: Argument[Any, Any] = _dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        return np.square(error), 2 * error


@registry.register("MeanAbsoluteError", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(_Regression):
    """mean(|y_true - y_pred|) over the last axis, as `keras.losses.MeanAbsoluteError`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    reduction: Argument[str | None, str | None] = _reduction()
    name: Argument[str, str] = _name("mean_absolute_error")
    dtype: Argument[Any, Any] = _dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        return np.abs(error), np.sign(error)


@registry.register("Huber", "huber")
class Huber(_Regression):
    """e² / 2 up to |e| = delta, delta · |e| - delta² / 2 beyond, as `keras.losses.Huber`.

    The config keeps `delta`, which Keras's loses.

    >>> Huber(delta=1.0)([[0.0, 0.0]], [[1.0, 3.0]])
    1.5
    """

    delta: Argument[float, float] = argument(
        Number(above=0), default=1.0, doc="Where the parabola becomes a line."
    )
    reduction: Argument[str | None, str | None] = _reduction()
    name: Argument[str, str] = _name("huber_loss")
    dtype: Argument[Any, Any] = _dtype()

    def costs(self, error: Array) -> tuple[Array, Array]:
        size = np.abs(error)
        line = self.delta * size - 0.5 * self.delta**2
        costs = np.where(size <= self.delta, 0.5 * np.square(error), line)
        return costs, np.clip(error, -self.delta, self.delta)


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
    reduction: Argument[str | None, str | None] = _reduction()
    name: Argument[str, str] = _name("binary_crossentropy")
    dtype: Argument[Any, Any] = _dtype()

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
    reduction: Argument[str | None, str | None] = _reduction()
    name: Argument[str, str] = _name("categorical_crossentropy")
    dtype: Argument[Any, Any] = _dtype()

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
    reduction: Argument[str | None, str | None] = _reduction()
    axis: Argument[int, int] = _axis()
    name: Argument[str, str] = _name("sparse_categorical_crossentropy")
    dtype: Argument[Any, Any] = _dtype()

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
