"""What is trained on: arrays of samples, checked once, then dealt out in batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import InputTypeError, ValidationError, shown
from sepconv.layers.structure import flat, mapped
from sepconv.rules import is_int, is_real

Array = NDArray[Any]


@dataclass(frozen=True)
class Dataset:
    """Samples, and with them targets and weights where there are some.

    `x`, `y` and `weights` are arrays of (samples, ...), or lists or dicts of such arrays.
    """

    x: Any
    y: Any
    weights: Any
    size: int

    @staticmethod
    def of(x: Any, y: Any = None, sample_weight: Any = None) -> Dataset:
        """Return the data as arrays.

        Raises:
            ValidationError: no samples, or different numbers of them.
            InputTypeError: complex, object or text arrays.
        """
        given = {"x": x, "y": y, "sample_weight": sample_weight}
        arrays = {name: _arrays(value, name) for name, value in given.items()}
        sizes = {
            name: [len(array) for array in flat(value)]
            for name, value in arrays.items()
            if value is not None
        }
        counts = {count for each in sizes.values() for count in each}
        if len(counts) > 1:
            told = ", ".join(f"{name}: {', '.join(map(str, each))}" for name, each in sizes.items())
            raise ValidationError(
                f"Data cardinality is ambiguous. Make sure all arrays contain the same number of "
                f"samples. Numbers of samples are {told}"
            )
        size = counts.pop() if counts else 0
        if not size:
            raise ValidationError("there is nothing to train on or evaluate: x holds no samples")
        return Dataset(arrays["x"], arrays["y"], arrays["sample_weight"], size)

    def part(self, index: Any) -> Dataset:
        """Return the samples that a slice or an array of indices names."""

        def taken(value: Any) -> Any:
            return None if value is None else mapped(lambda array: array[index], value)

        size = index.stop - index.start if isinstance(index, slice) else len(index)
        return Dataset(taken(self.x), taken(self.y), taken(self.weights), size)

    def split(self, share: float) -> tuple[Dataset, Dataset]:
        """Return the samples to train on, and the last ones, a share of them, to validate with."""
        if not is_real(share) or not 0 < share < 1:
            raise ValidationError(f"`validation_split` must be above 0 and below 1, got {share!r}")
        first = math.floor(self.size * (1.0 - share))
        if first in (0, self.size):
            raise ValidationError(
                f"Training data contains {self.size} samples, which is not sufficient to split it "
                f"into a validation and training set as specified by `validation_split={share}`. "
                f"Either provide more data, or a different value for the `validation_split` "
                f"argument."
            )
        return self.part(slice(0, first)), self.part(slice(first, self.size))

    def batches(self, size: int, order: NDArray[np.intp] | None = None) -> Iterator[Dataset]:
        """Give batches of `size` samples and a last one of the rest, in `order` if there is one."""
        for start in range(0, self.size, size):
            end = min(start + size, self.size)
            yield self.part(slice(start, end) if order is None else order[start:end])

    def with_class_weight(self, class_weight: Mapping[int, float]) -> Dataset:
        """Return the data with the weight of each sample's class, 1 for a class that is not named.

        Raises:
            ValidationError: sample weights too, several outputs, or weights that are no numbers.
        """
        if self.weights is not None:
            raise ValidationError("You cannot `class_weight` and `sample_weight` at the same time.")
        if not isinstance(self.y, np.ndarray):
            raise ValidationError(
                "`class_weight` is only supported for Models with a single output"
            )
        check_class_weight(class_weight)
        labels = self.y
        if labels.ndim > 1:
            labels = labels[..., 0] if labels.shape[-1] == 1 else np.argmax(labels, axis=-1)
        if labels.ndim != 1:
            raise ValidationError(
                f"`class_weight` needs one class for each sample, got targets of shape "
                f"{self.y.shape}; pass `sample_weight`"
            )
        labels = np.round(labels).astype(np.int64)
        weights = np.ones(self.size, np.float32)
        for label, weight in class_weight.items():
            weights[labels == label] = weight
        return Dataset(self.x, self.y, weights, self.size)


def check_class_weight(class_weight: Any, classes: int | None = None) -> None:
    """Raise ValidationError unless it maps classes, numbers below `classes`, to weights >= 0."""
    if not isinstance(class_weight, Mapping):
        raise ValidationError(
            f"`class_weight` must be a dict of class to weight, such as {{0: 1.0, 1: 5.0}}, "
            f"got {shown(class_weight)}"
        )
    for label, weight in class_weight.items():
        if not is_int(label) or label < 0 or (classes is not None and label >= classes):
            among = "" if classes is None else f": the classes are 0 to {classes - 1}"
            raise ValidationError(f"`class_weight` names the unknown class {shown(label)}{among}")
        if not is_real(weight) or not math.isfinite(weight) or weight < 0:
            raise ValidationError(
                f"`class_weight` of class {label} must be a number of at least 0, "
                f"got {shown(weight)}"
            )


def unpacked(data: Any, name: str) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of a tuple of two or three."""
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        raise ValidationError(
            f"`{name}` must be (x, y) or (x, y, sample_weight), got {type(data).__name__}"
            + (f" of {len(data)}" if isinstance(data, (tuple, list)) else "")
        )
    x, y, *rest = data
    return x, y, rest[0] if rest else None


def _arrays(value: Any, name: str) -> Any:
    if value is None:
        return None
    several = isinstance(value, (list, tuple)) and all(
        isinstance(one, np.ndarray) and one.ndim for one in value
    )
    if isinstance(value, dict) or (several and value):
        return mapped(lambda one: _array(one, name), value)
    return _array(value, name)


def _array(value: Any, name: str) -> Array:
    try:
        array: Array = np.asanyarray(value)
    except ValueError as error:
        raise ValidationError(f"`{name}` is no array: {error}") from None
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise InputTypeError(
            f"`{name}` must hold numbers, got an array of dtype {array.dtype}: {shown(value, 60)}"
        )
    if not array.ndim:
        raise ValidationError(f"`{name}` must be an array of samples, got {shown(value, 60)}")
    return array
