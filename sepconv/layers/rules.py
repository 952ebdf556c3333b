"""The rules of arguments that only layers have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sepconv import dtypes
from sepconv.errors import ValidationError, shown
from sepconv.layers.keras_config import DATA_FORMATS, default_data_format
from sepconv.rules import MAX_SIZE, Choice, Kept, Nullable, ObjectOf, is_int

Shape = tuple[int | None, ...]


class Name(Kept):
    """A layer's name: it becomes a part of paths in weights files."""

    def normalise(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or "/" in value:
            raise ValidationError(
                f"Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={shown(value)} (of type {type(value).__name__})"
            )
        if value in ("", "..") or "\\" in value or "\0" in value:
            raise ValidationError(
                f"Argument `name` must not be empty or '..', and cannot contain `\\` or NUL. "
                f"Received: name={shown(value)}"
            )
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(?!\.\.$)[^/\\\u0000]+$"}


class Policy:
    """A dtype policy; None is float32."""

    def normalise(self, value: Any, name: str) -> dtypes.DTypePolicy:
        return dtypes.get(value)

    def schema(self) -> dict[str, Any]:
        names = list(dtypes.POLICIES)
        # Each keyword speaks of one type alone, so no `anyOf` over name and dict is needed.
        return {
            "type": ["string", "object", "null"],
            "pattern": f"^({'|'.join(names)})$",
            "examples": names,
            "properties": {
                "module": {"type": ["string", "null"]},
                "class_name": {"enum": ["DTypePolicy", "FloatDTypePolicy"]},
                "config": {
                    "type": "object",
                    "properties": {"name": {"enum": names}},
                    "required": ["name"],
                    "additionalProperties": False,
                },
                "registered_name": {"type": ["string", "null"]},
            },
            "required": ["class_name", "config"],
            "additionalProperties": False,
        }

    def to_config(self, value: dtypes.DTypePolicy) -> dict[str, Any]:
        return value.serialize()


class DataFormat(Kept):
    """The order of axes; None is what the user's Keras config file says."""

    def normalise(self, value: Any, name: str) -> str:
        if value is None:
            return default_data_format()
        text = value.lower() if isinstance(value, str) else value
        if text not in DATA_FORMATS:
            raise ValidationError(
                f"The `{name}` argument must be one of {{'channels_first', 'channels_last'}}. "
                f"Received: {name}={shown(value)}"
            )
        return str(text)

    def schema(self) -> dict[str, Any]:
        return Nullable(Choice(*DATA_FORMATS, any_case=True)).schema()


class Padding(Choice):
    """ "valid", "same" or one of `others`, whatever their case."""

    def __init__(self, *others: str) -> None:
        super().__init__("valid", "same", *others, any_case=True)

    def normalise(self, value: Any, name: str) -> str:
        try:
            return super().normalise(value, name)
        except ValidationError as error:
            if not is_int(value):
                raise
            # The documented example passes dilation_rate as the fourth positional argument.
            raise ValidationError(
                f"{error}; the 4th positional argument is `padding`, "
                f"did you mean `dilation_rate={value}`?"
            ) from None


class ObjectOrElse(ObjectOf):
    """An object of one of the registries' kinds; None stands for the one named `fallback`."""

    def __init__(self, registry: Any, fallback: str) -> None:
        super().__init__(registry)
        self.fallback = fallback

    def normalise(self, value: Any, name: str) -> Any:
        return super().normalise(self.fallback if value is None else value, name)


class ShapeOf(Kept):
    """A shape: ints of at least 0, and None where a size is open; kept as a tuple."""

    def normalise(self, value: Any, name: str) -> Shape:
        return standardize_shape(value)

    def schema(self) -> dict[str, Any]:
        size = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_SIZE}
        return {"type": "array", "items": size, "minItems": 1, "maxItems": 8}


class Unsupported(Kept):
    """An argument that Keras has and nothing here needs: None and False are accepted."""

    def normalise(self, value: Any, name: str) -> bool:
        if value not in (None, False):
            raise ValidationError(f"`{name}={shown(value)}` is not supported; leave it out")
        return False

    def schema(self) -> dict[str, Any]:
        return {"enum": [False, None]}


class Absent(Kept):
    """An argument that Keras has and nothing here needs: None alone."""

    def normalise(self, value: Any, name: str) -> None:
        if value is not None:
            raise ValidationError(f"`{name}={shown(value)}` is not supported; leave it out")

    def schema(self) -> dict[str, Any]:
        return {"type": "null"}


def standardize_shape(shape: Any) -> Shape:
    """Return `shape` as a tuple of ints and None.

    Raises:
        ValidationError: not a sequence, or a size that is no int or is negative.

    >>> standardize_shape([None, 10, 12])
    (None, 10, 12)
    """
    if shape is None:
        raise ValidationError("Undefined shapes are not supported.")
    if isinstance(shape, (str, bytes, dict, set)) or not hasattr(shape, "__iter__"):
        raise ValidationError(f"Cannot convert {shown(shape)} to a shape.")
    sizes = tuple(shape)
    for size in sizes:
        if size is not None and not is_int(size):
            raise ValidationError(
                f"Cannot convert {shown(sizes)} to a shape. "
                f"Found invalid dimension {shown(size)} of type {type(size).__name__}."
            )
        if size is not None and size < 0:
            raise ValidationError(
                f"Cannot convert {shown(sizes)} to a shape. Negative dimensions are not allowed."
            )
    return tuple(None if size is None else int(size) for size in sizes)


def sizes(shape: Sequence[int | None]) -> tuple[int, ...]:
    """Return the shape of an array, whose sizes are all known."""
    return tuple(size for size in shape if size is not None)
