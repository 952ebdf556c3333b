"""Checks of targets: what does not fit is named, with the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError, shown
from sepconv.losses.reduction import same_rank

Array = NDArray[Any]


def check_shapes(loss: Any, y_true: Array, output_shape: tuple[int, ...]) -> None:
    """Raise ValidationError unless targets have the shape of the outputs, but for their number."""
    expected = np.broadcast_to(np.float32(0), output_shape)
    one, other = same_rank(y_true, expected)
    if one.ndim != other.ndim or one.shape[1:] != other.shape[1:] or not one.ndim:
        raise ValidationError(
            f"{loss.name} takes targets of the outputs' shape {output_shape}, "
            f"got shape {y_true.shape}"
        )


def check_labels(loss: Any, y_true: Array, low: float, high: float) -> None:
    """Raise ValidationError for a target outside low to high, or that is no number."""
    # Not `min() < low`: a NaN compares false with everything.
    if y_true.size and not (y_true.min() >= low and y_true.max() <= high):
        wrong = ~((y_true >= low) & (y_true <= high))
        raise ValidationError(
            f"{loss.name} takes labels from {low:g} to {high:g}, got {_first(y_true, wrong)}"
        )


def checked_classes(
    loss: Any, y_true: Array, output_shape: tuple[int, ...], axis: int, ignored: int | None
) -> NDArray[np.intp]:
    """Return labels as indices, 0 for ignored ones, one for each place of the outputs.

    Raises:
        ValidationError: one-hot labels, another shape, fractions, or a class that is none.
    """
    classes = output_shape[axis]
    if y_true.ndim == len(output_shape) and y_true.shape[axis] == 1:
        y_true = np.squeeze(y_true, axis)
    places = tuple(size for i, size in enumerate(output_shape) if i != axis % len(output_shape))
    if y_true.shape[1:] != places[1:] or y_true.ndim != len(places):
        way_out = ""
        if y_true.shape[1:] == tuple(output_shape[1:]):
            way_out = ": for one-hot labels use categorical_crossentropy, or pass y.argmax(-1)"
        raise ValidationError(
            f"{loss.name} takes one class number for each of the outputs' places, shape "
            f"{places}; got shape {y_true.shape}{way_out}"
        )
    if y_true.dtype.kind not in "iub":
        whole = np.floor(y_true) == y_true
        if not whole.all():
            raise ValidationError(
                f"{loss.name} takes whole numbers as labels, got {_first(y_true, ~whole)}"
            )
    labels = y_true.astype(np.intp, copy=False)
    if ignored is not None:
        labels = np.where(labels == ignored, 0, labels)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        wrong = (labels < 0) | (labels >= classes)
        raise ValidationError(
            f"{loss.name} takes labels from 0 to {classes - 1}, for outputs of {classes} classes; "
            f"got {_first(y_true, wrong)}"
            + (": do labels count from 1?" if int(labels.max()) == classes else "")
        )
    return labels


def _first(y_true: Array, wrong: Array) -> str:
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return f"{shown(y_true[place].item())} in sample {int(place[0])}"
