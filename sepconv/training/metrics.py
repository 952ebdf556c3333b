"""Metrics with Keras's names, results and configs: they gather over the batches of an epoch."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv import losses
from sepconv.arrays import compute_dtype, real_array
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError
from sepconv.layers.operation import snake_case
from sepconv.losses.reduction import same_rank
from sepconv.registry import Registry
from sepconv.rules import Choice, Count, Flag, Integer, Label, Nullable, Number, Only

Array = NDArray[Any]


class Metric(Declared):
    """The base of metrics. A subclass writes `update_state`, `result` and `reset_state`.

    `direction` tells what is better: "up" or "down". `Mean` needs `values` alone.

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


def _accept(obj: Any) -> Metric:
    if isinstance(obj, Metric):
        return obj
    raise registry.refusal(obj)


registry: Registry[Metric] = Registry("metric", "keras.metrics", _accept)
get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


class _Dtype(Choice):
    """Keras's dtype of the sums; here they are float64, whatever it is."""

    def __init__(self) -> None:
        super().__init__("float32", "float64", "float16", "bfloat16")

    def normalise(self, value: Any, name: str) -> str:
        return super().normalise("float32" if value is None else value, name)


def _name(name: str | None) -> Any:
    rule = Label() if name is not None else Nullable(Label())
    return argument(rule, default=name, doc="Name in the logs.")


def _dtype() -> Any:
    return argument(_Dtype(), default=None, doc="Accepted as Keras does; sums are float64.")


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


@registry.register("Accuracy", "accuracy")
class Accuracy(Mean):
    """How often predictions equal targets, as `keras.metrics.Accuracy`.

    In `compile`, "accuracy" stands for the binary, categorical or sparse one, by the shapes.

    >>> Accuracy()([1, 2, 3], [1, 2, 4])
    0.6666666666666666
    """

    name: Argument[str, str] = _name("accuracy")
    dtype: Argument[str | None, str] = _dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        y_true, y_pred = same_rank(y_true, y_pred)
        return np.asarray(y_true == y_pred)


@registry.register("BinaryAccuracy", "binary_accuracy")
class BinaryAccuracy(Mean):
    """How often y_pred > threshold equals a target of 0 or 1, as in Keras.

    >>> BinaryAccuracy()([[1.0], [0.0]], [[0.7], [0.6]])
    0.5
    """

    name: Argument[str, str] = _name("binary_accuracy")
    dtype: Argument[str | None, str] = _dtype()
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

    name: Argument[str, str] = _name("categorical_accuracy")
    dtype: Argument[str | None, str] = _dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.asarray(np.argmax(y_true, axis=-1) == np.argmax(y_pred, axis=-1))


@registry.register("SparseCategoricalAccuracy", "sparse_categorical_accuracy")
class SparseCategoricalAccuracy(Mean):
    """How often the largest prediction is that of an integer label, as in Keras.

    >>> SparseCategoricalAccuracy()([1, 1], [[0.1, 0.9], [0.6, 0.4]])
    0.5
    """

    name: Argument[str, str] = _name("sparse_categorical_accuracy")
    dtype: Argument[str | None, str] = _dtype()

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
    name: Argument[str, str] = _name("top_k_categorical_accuracy")
    dtype: Argument[str | None, str] = _dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return _in_top(np.argmax(y_true, axis=-1), y_pred, self.k)


@registry.register("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(Mean):
    """How often fewer than k predictions are above that of the integer label, as in Keras.

    >>> SparseTopKCategoricalAccuracy(k=2)([2], [[0.1, 0.6, 0.3]])
    1.0
    """

    k: Argument[int, int] = _k()
    name: Argument[str, str] = _name("sparse_top_k_categorical_accuracy")
    dtype: Argument[str | None, str] = _dtype()
    from_sorted_ids: Argument[bool, bool] = argument(
        Only(False), default=False, in_config=False, doc="Off; Keras has more."
    )

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return _in_top(_labels(y_true, y_pred).astype(np.intp), y_pred, self.k)


@registry.register("MeanSquaredError", "mean_squared_error", "mse", "MSE")
class MeanSquaredError(Mean):
    """mean((y_true - y_pred)²), as `keras.metrics.MeanSquaredError`.

    >>> MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    direction = "down"
    name: Argument[str, str] = _name("mean_squared_error")
    dtype: Argument[str | None, str] = _dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.square(np.subtract(*same_rank(y_true, y_pred)))


@registry.register("RootMeanSquaredError", "root_mean_squared_error")
class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean squared error, as `keras.metrics.RootMeanSquaredError`.

    >>> RootMeanSquaredError()([[0.0, 0.0]], [[3.0, 3.0]])
    3.0
    """

    name: Argument[str, str] = _name("root_mean_squared_error")

    def result(self) -> float:
        return float(np.sqrt(super().result()))


@registry.register("MeanAbsoluteError", "mean_absolute_error", "mae", "MAE")
class MeanAbsoluteError(Mean):
    """mean(|y_true - y_pred|), as `keras.metrics.MeanAbsoluteError`.

    >>> MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
    0.5
    """

    direction = "down"
    name: Argument[str, str] = _name("mean_absolute_error")
    dtype: Argument[str | None, str] = _dtype()

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return np.abs(np.subtract(*same_rank(y_true, y_pred)))


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
    name: Argument[str, str] = _name("binary_crossentropy")
    dtype: Argument[str | None, str] = _dtype()
    from_logits: Argument[bool, bool] = _from_logits()
    label_smoothing: Argument[float, float] = _label_smoothing()


@registry.register("CategoricalCrossentropy", "categorical_crossentropy")
class CategoricalCrossentropy(_LossMetric):
    """The mean of the loss of that name, as `keras.metrics.CategoricalCrossentropy`.

    >>> round(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]), 4)
    0.6931
    """

    loss = losses.CategoricalCrossentropy
    name: Argument[str, str] = _name("categorical_crossentropy")
    dtype: Argument[str | None, str] = _dtype()
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
    name: Argument[str, str] = _name("sparse_categorical_crossentropy")
    dtype: Argument[str | None, str] = _dtype()
    from_logits: Argument[bool, bool] = _from_logits()
    ignore_class: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    axis: Argument[int, int] = _axis()


@registry.register("AUC", "auc")
class AUC(Metric):
    """The area under the ROC curve, exactly: how often a positive is scored above a negative.

    A tie counts half. Keras sums over `num_thresholds` thresholds instead, and can be off by some
    percent; scikit-learn's `roc_auc_score` is this area. All scores are kept until the reset. NaN
    while there are samples of one class alone. Fawcett, 2006, "An introduction to ROC analysis".

    >>> AUC()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """

    num_thresholds: Argument[int, int] = argument(
        Integer(2), default=200, doc="Accepted as Keras does; the area is exact."
    )
    curve: Argument[str, str] = argument(Only("ROC"), default="ROC", doc="The ROC curve alone.")
    summation_method: Argument[str, str] = argument(
        Only("interpolation"), default="interpolation", doc="Accepted as Keras does."
    )
    name: Argument[str | None, str] = _name(None)
    dtype: Argument[str | None, str] = _dtype()
    thresholds: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    multi_label: Argument[bool, bool] = argument(Only(False), default=False, doc="Not used.")
    num_labels: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    label_weights: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    from_logits: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Accepted as Keras does; logits have the order of scores."
    )

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        scores = np.asarray(real_array(y_pred), np.float64)
        labels, scores = same_rank(np.asarray(y_true), scores)
        if labels.shape != scores.shape:
            raise ValidationError(
                f"AUC takes one label for each score: got labels of shape {labels.shape} and "
                f"scores of shape {scores.shape}"
            )
        if np.isnan(scores).any():
            raise ValidationError("AUC takes scores that are numbers, got NaN")
        weights = np.ones_like(scores)
        if sample_weight is not None:
            given = np.asarray(sample_weight, np.float64)
            given = given.reshape(given.shape[:1] + (1,) * (scores.ndim - 1))
            weights = np.broadcast_to(given, scores.shape)
        self._batches.append((labels.ravel() > 0.5, scores.ravel(), weights.ravel()))

    def result(self) -> float:
        if not self._batches:
            return float("nan")
        positive, scores, weights = (
            np.concatenate(arrays) for arrays in zip(*self._batches, strict=True)
        )
        # Of each group of equal scores: the weight of its positives and of its negatives.
        _, group = np.unique(scores, return_inverse=True)
        above = np.bincount(group, weights * positive)
        below = np.bincount(group, weights * ~positive)
        pairs = above.sum() * below.sum()
        wins = float(np.sum(above * (np.cumsum(below) - 0.5 * below)))
        return wins / float(pairs) if pairs else float("nan")

    def reset_state(self) -> None:
        self._batches: list[tuple[Array, Array, Array]] = []


def _labels(y_true: Array, y_pred: Array) -> Array:
    """Return integer labels without a last axis of 1."""
    return y_true[..., 0] if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 else y_true


def _in_top(labels: Array, y_pred: Array, k: int) -> Array:
    own = np.take_along_axis(y_pred, labels[..., None], -1)
    own = np.where(np.isnan(own), -np.inf, own)  # as Keras: NaN is no large prediction
    return np.asarray((y_pred > own).sum(axis=-1) < k)
