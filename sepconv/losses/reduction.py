"""How losses and metrics bring their arrays to one shape, and many values to one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError

Array = NDArray[Any]
MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


def same_rank(one: Array, other: Array) -> tuple[Array, Array]:
    """Return both arrays with the same number of axes, if a last axis of 1 makes the difference.

    >>> [array.shape for array in same_rank(np.zeros(3), np.zeros((3, 1)))]
    [(3, 1), (3, 1)]
    """
    if one.ndim == other.ndim + 1 and one.shape[-1] == 1:
        return (one, other[:, None]) if other.ndim == 1 else (one[..., 0], other)
    if other.ndim == one.ndim + 1 and other.shape[-1] == 1:
        return (one[:, None], other) if one.ndim == 1 else (one, other[..., 0])
    return one, other


def aligned(weights: Any, values: Array) -> tuple[Array, Array]:
    """Return the values, and weights that broadcast with them: axes are matched from the left.

    Raises:
        ValidationError: weights of another shape.
    """
    values, weights = same_rank(values, np.asarray(weights, values.dtype))
    if weights.ndim > values.ndim or any(
        size not in (1, wanted) for size, wanted in zip(weights.shape, values.shape, strict=False)
    ):
        raise ValidationError(
            f"`sample_weight` must have the shape of the losses, {values.shape}, or of its first "
            f"axes; got {weights.shape}"
        )
    return values, weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))


def scale(reduction: str | None, values: Array, weights: Array | None) -> float:
    """Return what a sum of weighted values is multiplied by."""
    if reduction not in MEANS:
        return 1.0
    divisor: float = values.size
    if reduction == "mean_with_sample_weight" and weights is not None:
        divisor = float(np.sum(weights, dtype=np.float64))
    return 1.0 / divisor if divisor else 0.0
