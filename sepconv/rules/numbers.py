"""Rules of single numbers: counts, sizes, bounds."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from sepconv.errors import ValidationError, shown
from sepconv.rules.base import Kept

MAX_SIZE = 2**31 - 1  # the largest count or size of any argument
MAX_AXIS = 63  # NumPy arrays have at most 64 axes
MAX_SEED = 2**32 - 1  # NumPy's uint32 seeds, as Keras packs them


class Count(Kept):
    """A strictly positive int, as Keras words it."""

    def normalise(self, value: Any, name: str) -> int:
        if not is_int(value):
            raise ValidationError(
                f"Invalid value for argument `{name}`. Expected a strictly positive integer. "
                f"Received {name}={shown(value)} ({type(value).__name__})."
            )
        if value <= 0:
            raise ValidationError(
                f"Invalid value for argument `{name}`. Expected a strictly positive value. "
                f"Received {name}={shown(value)}."
            )
        return at_most(int(value), MAX_SIZE, name)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": 1, "maximum": MAX_SIZE}


class Size1D:
    """A strictly positive int, or a sequence of one; kept as a 1-tuple."""

    def normalise(self, value: Any, name: str) -> tuple[int]:
        listed = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim)
        values = list(value) if listed else [value]
        told = (
            f"The `{name}` argument must be a tuple of 1 integers. Received {name}={shown(value)}"
        )
        if len(values) != 1:
            raise ValidationError(told)
        (size,) = values
        if not is_int(size):
            raise ValidationError(
                f"{told}, including element {shown(size)} of type {type(size).__name__}"
            )
        if size <= 0:
            raise ValidationError(
                f"{told}, including values {{{size}}} that do not satisfy `value > 0`"
            )
        return (at_most(int(size), MAX_SIZE, name),)

    def schema(self) -> dict[str, Any]:
        one = Count().schema()
        # Not `anyOf`: an error then names the value, not a branch.
        return {
            "type": ["integer", "array"],
            "minimum": one["minimum"],
            "maximum": one["maximum"],
            "items": one,
            "minItems": 1,
            "maxItems": 1,
        }

    def to_config(self, value: tuple[int]) -> tuple[int]:
        return value


class Number(Kept):
    """A finite real number, with bounds where they are given."""

    def __init__(
        self, minimum: float | None = None, above: float | None = None, maximum: float | None = None
    ) -> None:
        self.minimum = minimum
        self.above = above
        self.maximum = maximum

    def normalise(self, value: Any, name: str) -> float:
        if not is_real(value) or not math.isfinite(value):
            raise ValidationError(
                f"`{name}` must be a finite number, got {shown(value)} ({type(value).__name__})"
            )
        if self.minimum is not None and value < self.minimum:
            raise ValidationError(f"`{name}` must be at least {self.minimum}, got {shown(value)}")
        if self.above is not None and value <= self.above:
            raise ValidationError(f"`{name}` must be above {self.above}, got {shown(value)}")
        if self.maximum is not None and value > self.maximum:
            raise ValidationError(f"`{name}` must be at most {self.maximum}, got {shown(value)}")
        return int(value) if is_int(value) else float(value)

    def schema(self) -> dict[str, Any]:
        bounds = {
            "minimum": self.minimum,
            "exclusiveMinimum": self.above,
            "maximum": self.maximum,
        }
        return {"type": "number", **{key: b for key, b in bounds.items() if b is not None}}


class Integer(Kept):
    """An int between two bounds."""

    def __init__(self, minimum: int = -MAX_SIZE, maximum: int = MAX_SIZE) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def normalise(self, value: Any, name: str) -> int:
        if not is_int(value) or not self.minimum <= value <= self.maximum:
            raise ValidationError(
                f"`{name}` must be an integer from {self.minimum} to {self.maximum}, "
                f"got {shown(value)} ({type(value).__name__})"
            )
        return int(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


def is_int(value: Any) -> bool:
    """Tell whether `value` is an int or a NumPy integer; a bool is neither."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def is_real(value: Any) -> bool:
    """Tell whether `value` is an int or float of Python or NumPy; a bool is neither."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def at_most(value: int, limit: int, name: str) -> int:
    if value > limit:
        raise ValidationError(f"`{name}` must be at most {limit}, got {shown(value)}")
    return value


def check_steps(strides: tuple[int], dilation_rate: tuple[int]) -> None:
    """Raise ValidationError, in Keras's words, if both strides and dilation_rate exceed 1."""
    if strides[0] > 1 and dilation_rate[0] > 1:
        raise ValidationError(
            f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
            f"Received: strides={strides} and dilation_rate={dilation_rate}; one of them must be 1"
        )
