"""What layers that normalise share: gamma and beta, and the checks of their axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from sepconv import constraints, initializers, regularizers
from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients
from sepconv.layers.rules import ObjectOrElse, Shape
from sepconv.rules import Flag, ObjectOf

Array = NDArray[Any]


def center() -> Any:
    return argument(Flag(), default=True, doc="Whether the weight beta is added.")


def scale() -> Any:
    return argument(
        Flag(), default=True, doc="Whether the result is multiplied by the weight gamma."
    )


def first(weight: str, default: str) -> Any:
    doc = f"First values of {weight}."
    return argument(ObjectOrElse(initializers.registry, default), default=default, doc=doc)


def penalty(weight: str) -> Any:
    return argument(ObjectOf(regularizers.registry), default=None, doc=f"Penalty on {weight}.")


def projection(weight: str) -> Any:
    doc = f"Projection of {weight} after an optimizer's update."
    return argument(ObjectOf(constraints.registry), default=None, doc=doc)


class Normalising(Layer):
    """What layers that normalise share: an offset `beta` and a factor `gamma`."""

    center: Argument[bool, bool]
    scale: Argument[bool, bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)
        self.gamma: Any = None
        self.beta: Any = None

    def _weigh(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta, where they are wanted."""
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                weight = self.add_weight(
                    shape,
                    name=name,
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                )
                setattr(self, name, weight)

    def pack(self, *arrays: Array) -> dict[str, Array]:
        """Return the weights by name, in the dtype of the arithmetic."""
        names = (weight.name for weight in self.weights)
        return {
            name: array.astype(self._working_dtype, copy=False)
            for name, array in zip(names, arrays, strict=True)
        }

    def _by_weight(self, **gradients: Array) -> Gradients:
        """Return the gradients by gamma and beta, where they are weights."""
        return {
            getattr(self, name): gradient.astype(self._working_dtype).reshape(
                getattr(self, name).shape
            )
            for name, gradient in gradients.items()
            if getattr(self, name) is not None
        }

    def _sizes(self, shape: Shape, axes: Sequence[int]) -> tuple[int, ...]:
        """Return the sizes of `axes`, which must be there and be known."""
        self.compute_output_shape(shape)
        found = [shape[axis] for axis in axes]
        sizes = tuple(size for size in found if size is not None)
        if len(sizes) < len(found):
            raise ValidationError(
                f"The sizes of axis {list(axes)} of layer '{self.name}' must be known to build it, "
                f"got input shape {shape}"
            )
        return sizes

    def _checked_axes(self, input_shape: Any, axes: Sequence[int], axis: Any) -> Shape:
        """Return `input_shape` as a tuple, if it has these axes."""
        shape = self._suitable(input_shape)
        for one in axes:
            if not -len(shape) <= one < len(shape):
                raise ValidationError(
                    f"Axis {one} is out of bounds for input shape {shape}. Received: axis={axis}"
                )
        return shape
