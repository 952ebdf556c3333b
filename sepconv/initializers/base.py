"""What an initializer is, and the registry of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from numpy.typing import NDArray

from sepconv.arrays import real_array
from sepconv.declaration import Declared
from sepconv.errors import ValidationError, shown
from sepconv.registry import FunctionRegistry
from sepconv.rules import is_int, is_real

Shape = Sequence[int]
Maker = Callable[..., Any]  # (shape, dtype) -> array

MAX_VALUES = 2**47 // 8  # float64 values in the 128 TiB that one process can address


class Initializer(Declared):
    """Makes the first values of a weight. A subclass writes `__call__`."""

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        """Return a new array of `shape` and `dtype` (float16, bfloat16, float32 or float64)."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the initializer of `config`; a `dtype`, as Keras 2 wrote it, is dropped."""
        if "dtype" in config and registry.is_builtin(cls):
            warnings.warn(
                f"`dtype` in the config of {cls.__name__} is dropped: Keras 2 wrote it, the "
                f"layer's dtype decides",
                stacklevel=2,
            )
            config = {key: value for key, value in config.items() if key != "dtype"}
        return super().from_config(config)


class InitializerRegistry(FunctionRegistry[Maker]):
    """Initializers by name; an array stands for itself."""

    def accept(self, obj: Any) -> Maker:
        if hasattr(obj, "__array__") and not callable(obj):
            return self.deserialize(
                {"class_name": "Constant", "config": {"value": real_array(obj)}}
            )
        return super().accept(obj)

    def refusal(self, identifier: Any) -> ValidationError:
        if is_real(identifier):
            return ValidationError(
                f"Could not interpret initializer identifier: {identifier}; "
                f"did you mean `Constant({identifier})`?"
            )
        return super().refusal(identifier)


registry = InitializerRegistry("initializer", "keras.initializers", Initializer)


def checked(shape: Shape) -> tuple[int, ...]:
    """Return `shape` as a tuple of ints whose float64 values fit an address space."""
    sizes = tuple(shape)
    if not all(is_int(size) and size >= 0 for size in sizes):
        raise ValidationError(f"`shape` must hold sizes >= 0; received {shown(shape)}")
    if math.prod(max(1, size) for size in sizes) > MAX_VALUES:
        raise ValidationError(f"`shape` {shown(shape)} holds more than {MAX_VALUES} values")
    return tuple(int(size) for size in sizes)
