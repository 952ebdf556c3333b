"""What a loss is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.arrays import compute_dtype, real_array
from sepconv.declaration import Declared, argument
from sepconv.errors import ValidationError, shown
from sepconv.losses.reduction import MEANS, aligned, scale
from sepconv.registry import Registry, is_function
from sepconv.rules import Label

Array = NDArray[Any]
Pull = Callable[[Array], Array]  # gradient by the values of the samples -> by y_pred


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

        >>> from sepconv.losses import MeanSquaredError
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


class LossRegistry(Registry[Loss]):
    """Losses by name; a function alone is none."""

    def refusal(self, identifier: Any) -> ValidationError:
        if isinstance(identifier, type) or not is_function(identifier):
            return super().refusal(identifier)
        return ValidationError(
            f"the function {shown(identifier, 80)} has no gradient: derive a class from "
            f"`sepconv.losses.Loss` that defines `call_vjp(self, y_true, y_pred)`"
        )


registry = LossRegistry("loss", "keras.losses", Loss)
