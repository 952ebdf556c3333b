"""Rules that are made of others: lists, arrays, None, objects of a registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Rule
from sepconv.errors import ValidationError, shown
from sepconv.registry import Registry
from sepconv.rules.numbers import MAX_AXIS, Integer, Number


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
