"""The rules that arguments are declared with: each checks, normalises and gives its JSON Schema."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Rule
from sepconv.errors import ValidationError, shown
from sepconv.registry import Registry

MAX_SIZE = 2**31 - 1  # the largest count or size of any argument
MAX_AXIS = 63  # NumPy arrays have at most 64 axes
MAX_SEED = 2**32 - 1  # NumPy's uint32 seeds, as Keras packs them


class Kept:
    """A rule whose kept value is already what a config holds."""

    def to_config(self, value: Any) -> Any:
        return value


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


class Choice(Kept):
    """One of a few strings; kept in lower case when `any_case`."""

    def __init__(self, *options: str, any_case: bool = False) -> None:
        self.options = options
        self.any_case = any_case

    def normalise(self, value: Any, name: str) -> str:
        text = value.lower() if isinstance(value, str) and self.any_case else value
        if not isinstance(text, str) or text not in self.options:
            listed = " or ".join(f'"{option}"' for option in self.options)
            case = " (case-insensitive)" if self.any_case else ""
            raise ValidationError(
                f"`{name}` must be {listed}{case}, got {shown(value)} ({type(value).__name__})"
            )
        return text

    def schema(self) -> dict[str, Any]:
        if self.any_case:
            # ECMA-262 has no inline flags, so each letter is spelt in both cases.
            spelt = (
                "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in o) for o in self.options
            )
            return {
                "type": "string",
                "pattern": f"^({'|'.join(spelt)})$",
                "examples": list(self.options),
            }
        return {"enum": list(self.options)}


class Flag(Kept):
    """A bool."""

    def normalise(self, value: Any, name: str) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValidationError(
                f"`{name}` must be True or False, got {shown(value)} ({type(value).__name__})"
            )
        return bool(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


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


class ListOf:
    """One value or a list of values under one rule; kept as given, a list as a list."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def normalise(self, value: Any, name: str) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self.rule.normalise(item, name) for item in value]
        return self.rule.normalise(value, name)

    def schema(self) -> dict[str, Any]:
        one = self.rule.schema()
        return {**one, "type": [one["type"], "array"], "items": one}

    def to_config(self, value: Any) -> Any:
        return list(value) if isinstance(value, list) else value


class List(ListOf):
    """A list of values under one rule; a value alone is refused."""

    def normalise(self, value: Any, name: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise ValidationError(
                f"`{name}` must be a list, got {shown(value)} ({type(value).__name__})"
            )
        return [self.rule.normalise(item, name) for item in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.rule.schema()}


class Axes(ListOf):
    """An axis, or a list of different ones."""

    def __init__(self) -> None:
        super().__init__(Integer(-MAX_AXIS - 1, MAX_AXIS))

    def normalise(self, value: Any, name: str) -> int | list[int]:
        axes: int | list[int] = super().normalise(value, name)
        if isinstance(axes, list) and len(set(axes)) < len(axes):
            raise ValidationError(f"`{name}` names an axis twice: {shown(axes)}")
        return axes


class Values:
    """A finite number, or an array of them, which a config holds in Keras's `__numpy__` form."""

    number = Number()

    def normalise(self, value: Any, name: str) -> float | NDArray[Any]:
        if isinstance(value, Mapping):
            value = self._held(value, name)
        if not isinstance(value, (list, tuple, np.ndarray)):
            return self.number.normalise(value, name)
        try:
            array = np.array(value)
        except ValueError as error:  # lists of different lengths
            raise ValidationError(f"`{name}`: {error}") from None
        if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
            raise ValidationError(f"`{name}` must hold numbers alone, got dtype {array.dtype.name}")
        if not np.isfinite(array).all():
            raise ValidationError(f"`{name}` must hold finite numbers alone")
        if not array.ndim:
            return self.number.normalise(array.item(), name)
        array.flags.writeable = False
        return array

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "array", "object"]}

    def to_config(self, value: float | NDArray[Any]) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        held = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": held}

    def _held(self, config: Mapping[str, Any], name: str) -> Any:
        held = config.get("config")
        known = config.get("class_name") in ("__numpy__", "__tensor__")
        if not known or not isinstance(held, Mapping) or "value" not in held:
            raise ValidationError(
                f"`{name}` must be a number, a list of numbers, or "
                f'{{"class_name": "__numpy__", "config": {{"value": ..., "dtype": ...}}}}; '
                f"got {shown(config)}"
            )
        return held["value"]  # a number holds more digits than any dtype it was written from


class Nullable:
    """None, or what another rule accepts."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def normalise(self, value: Any, name: str) -> Any:
        return None if value is None else self.rule.normalise(value, name)

    def schema(self) -> dict[str, Any]:
        inner = self.rule.schema()
        if "enum" in inner:
            return {**inner, "enum": [*inner["enum"], None]}
        if "$ref" in inner:
            return inner  # the kinds' own schemas accept null
        types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
        return {**inner, "type": [*types, "null"]}

    def to_config(self, value: Any) -> Any:
        return None if value is None else self.rule.to_config(value)


class ObjectOf:
    """An object of one of the registries' kinds, by name, config, class or itself."""

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def normalise(self, value: Any, name: str) -> Any:
        return self.registry.get(value)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"{self.registry.module.rpartition('.')[2]}.schema.json"}

    def to_config(self, value: Any) -> Any:
        return self.registry.serialize(value)


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
