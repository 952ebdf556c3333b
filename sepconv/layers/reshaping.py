"""Layers that give each sample another shape: its values move, and none of them changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.registry import registry
from sepconv.layers.rules import DataFormat, Shape, sizes, standardize_shape
from sepconv.rules import MAX_SIZE, Kept, at_most, is_int


class Ints(Kept):
    """Ints, or one int that stands for a sequence of one; kept as a tuple."""

    minimum = -1

    def normalise(self, value: Any, name: str) -> tuple[int, ...]:
        values = (value,) if is_int(value) else value
        if not isinstance(values, (list, tuple)) or not all(is_int(size) for size in values):
            raise ValidationError(f"`{name}` must be a tuple of integers, got {shown(value)}")
        return tuple(at_most(int(size), MAX_SIZE, name) for size in values)

    def schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.minimum, "maximum": MAX_SIZE}
        return {"type": ["integer", "array"], **bounds, "items": {"type": "integer", **bounds}}


class TargetShape(Ints):
    """Sizes of at least 0, and -1 for at most one that follows from the others."""

    def normalise(self, value: Any, name: str) -> tuple[int, ...]:
        sizes = super().normalise(value, name)
        if min(sizes, default=0) < -1:
            raise ValidationError(
                f"Each dimension in `{name}` must be a non-negative integer, or `-1` for a single "
                f"unknown dimension. Received: {name}={shown(sizes)}."
            )
        if sizes.count(-1) > 1:
            raise ValidationError(
                f"There must be at most one unknown dimension (-1) in `{name}`. "
                f"Received: {name}={shown(sizes)}."
            )
        return sizes


class Permutation(Ints):
    """1, 2, ..., n in any order."""

    minimum = 1

    def normalise(self, value: Any, name: str) -> tuple[int, ...]:
        dims = super().normalise(value, name)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValidationError(
                f"Invalid permutation argument `{name}` for Permute Layer. The set of indices in "
                f"`{name}` must be consecutive and start from 1. Received {name}={shown(dims)}"
            )
        return dims


class Moving(Layer):
    """The base of these layers: `call` makes the outputs, `_back` brings a gradient home."""

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        shape = inputs.shape
        return self.call(inputs), lambda dy, input_gradient: (
            self._back(dy, shape) if input_gradient else None,
            {},
        )

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the gradient by inputs of `shape`."""
        raise NotImplementedError


@registry.register()
class Flatten(Moving):
    """One axis for all but the batch: (batch, ...) -> (batch, product of the rest).

    >>> import numpy as np
    >>> Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    data_format: Argument[str | None, str] = argument(
        DataFormat(),
        default=None,
        doc="channels_last, or channels_first, whose channels become the last axis first.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the flattened inputs; with channels_last they are a view."""
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = np.moveaxis(inputs, 1, -1)
        return inputs.reshape(len(inputs), math.prod(inputs.shape[1:]))

    def core_operations(self) -> Sequence[Any] | None:
        if self.data_format == "channels_first":
            return None
        from sepconv.core import flatten

        return [flatten()]

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        if self.data_format == "channels_first" and len(shape) > 1:
            moved = dy.reshape(shape[0], *shape[2:], shape[1])
            return np.ascontiguousarray(np.moveaxis(moved, -1, 1))
        return dy.reshape(shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, product of the other sizes)."""
        batch, *rest = self._suitable(input_shape)
        return batch, None if None in rest else math.prod(sizes(rest))


@registry.register()
class Reshape(Moving):
    """Another shape for each sample, in the same order of values.

    Raises:
        ValidationError: a target of another size, or one that the -1 cannot make up.

    >>> import numpy as np
    >>> Reshape((-1, 2))(np.zeros((5, 12))).shape
    (5, 6, 2)
    """

    target_shape: Argument[int | Sequence[int], tuple[int, ...]] = argument(
        TargetShape(), doc="Shape of a sample's output; one size may be -1, which follows."
    )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the reshaped inputs: a view."""
        return inputs.reshape(sizes(self.compute_output_shape(inputs.shape)))

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return dy.reshape(shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, *target_shape), the -1 resolved where the input's sizes are known."""
        batch, *rest = standardize_shape(input_shape)
        target = self.target_shape
        if None in rest:
            return (batch, *(None if size == -1 else size for size in target))
        size, known = math.prod(sizes(rest)), math.prod(n for n in target if n != -1)
        told = f"input_shape={tuple(rest)}, target_shape={target}"
        if -1 not in target and size != known:
            raise ValidationError(
                f"The total size of the tensor must be unchanged. Received: {told}"
            )
        if -1 in target and (known == 0 or size % known):
            raise ValidationError(
                f"The total size of the tensor must be unchanged, however, the input size cannot "
                f"by divided by the specified dimensions in target_shape. Received: {told}"
            )
        return (batch, *(size // known if n == -1 else n for n in target))


@registry.register()
class Permute(Moving):
    """The axes of each sample in another order.

    >>> import numpy as np
    >>> Permute((2, 1))(np.zeros((5, 10, 64))).shape
    (5, 64, 10)
    """

    dims: Argument[int | Sequence[int], tuple[int, ...]] = argument(
        Permutation(), doc="The input's axis for each output axis, counted from 1."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self._axes = (0, *self.dims)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the inputs with their axes permuted."""
        return np.ascontiguousarray(inputs.transpose(self._axes))

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return np.ascontiguousarray(dy.transpose(np.argsort(self._axes)))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with its axes permuted."""
        shape = self._suitable(input_shape)
        return tuple(shape[axis] for axis in self._axes)
