"""Layers of several inputs and one output: sums, products, extremes, and all side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Pull
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape, standardize_shape
from sepconv.layers.variable import widened
from sepconv.rules import Integer

Array = NDArray[Any]


class _Merging(Layer):
    """The base of layers that take a list of inputs."""

    _refusal = (
        "A merge layer should be called on a list of inputs. "
        "Received: input_shape={} (not a list of shapes)"
    )

    def convert(self, inputs: Any) -> list[Array]:
        """Return a list of arrays of the compute dtype."""
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValidationError(self._refusal.format(shown(np.shape(inputs))))
        return [super(_Merging, self).convert(one) for one in inputs]

    def _shapes(self, input_shape: Any) -> list[Shape]:
        """Return a list of shapes as tuples."""
        listed = isinstance(input_shape, (list, tuple)) and len(input_shape) > 0
        if not listed or not isinstance(input_shape[0], (list, tuple)):
            raise ValidationError(self._refusal.format(shown(input_shape)))
        return [standardize_shape(shape) for shape in input_shape]

    def build(self, input_shape: Any) -> None:
        """Check the shapes; there are no weights."""
        self.compute_output_shape(input_shape)


class _Elementwise(_Merging):
    """A fold of one function of two values over inputs that broadcast.

    Inputs of fewer axes get axes of size 1 behind the batch.
    """

    def combine(self, a: Array, b: Array) -> Array:
        """Return the function's values."""
        raise NotImplementedError

    def slopes(self, a: Array, b: Array, dy: Array) -> tuple[Array, Array]:
        """Return the gradients by a and b of sum(dy * combine(a, b))."""
        raise NotImplementedError

    def share(self, total: Array, count: int) -> Array:
        """Return what becomes of the fold of `count` inputs; it is linear."""
        return total

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: Sequence[Array]) -> Array:
        """Return the merged inputs, computed in at least float32."""
        return self.call_vjp(inputs, False)[0]

    def call_vjp(self, inputs: Sequence[Array], training: bool) -> tuple[Array, Pull]:
        self.compute_output_shape([x.shape for x in inputs])
        rank = max(x.ndim for x in inputs)
        terms = [
            widened(x.reshape(*x.shape[:1], *[1] * (rank - x.ndim), *x.shape[1:])) for x in inputs
        ]
        partial = [terms[0]]
        for term in terms[1:]:
            partial.append(self.combine(partial[-1], term))

        def pull(dy: Array, input_gradient: bool) -> tuple[list[Array] | None, Any]:
            if not input_gradient:
                return None, {}
            found = []
            dy = self.share(dy, len(inputs))
            for before, term in zip(partial[-2::-1], terms[:0:-1], strict=True):
                dy, by_term = self.slopes(before, term, dy)
                found.append(by_term)
            found.append(dy)
            return [
                _summed_to(one, x.shape) for one, x in zip(reversed(found), inputs, strict=True)
            ], {}

        y = self.share(partial[-1], len(inputs))
        # With one input alone, that is the input itself.
        return np.asarray(y.astype(self._input_dtype, copy=len(inputs) == 1)), pull

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape to which the inputs broadcast.

        Raises:
            ValidationError: other batch sizes, or shapes that do not broadcast.
        """
        shapes = self._shapes(input_shape)
        batches = {shape[0] for shape in shapes} - {None}
        if len(batches) > 1:
            raise ValidationError(
                f"Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {shown(shapes)}"
            )
        merged = shapes[0][1:]
        for shape in shapes[1:]:
            merged = _broadcast(merged, shape[1:])
        return (*(batches or (None,)), *merged)


def _broadcast(one: Shape, other: Shape) -> Shape:
    if len(one) < len(other):
        one, other = other, one
    found = list(one[: len(one) - len(other)])
    for a, b in zip(one[len(found) :], other, strict=True):
        if a is None or b is None:
            found.append(None)
        elif a != b and 1 not in (a, b):
            raise ValidationError(
                f"Inputs have incompatible shapes. Received shapes {one} and {other}"
            )
        else:
            found.append(b if a == 1 else a)
    return tuple(found)


def _summed_to(dy: Array, shape: tuple[int, ...]) -> Array:
    """Return the gradient by an input of `shape` that was broadcast."""
    full = (*shape[:1], *[1] * (dy.ndim - len(shape)), *shape[1:])
    over = tuple(axis for axis, size in enumerate(full) if size == 1 and dy.shape[axis] != 1)
    return np.ascontiguousarray(dy.sum(axis=over) if over else dy).reshape(shape)


@registry.register()
class Add(_Elementwise):
    """The sum of the inputs.

    >>> Add()([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[4., 6.]], dtype=float32)
    """

    def combine(self, a: Array, b: Array) -> Array:
        return np.asarray(a + b)

    def slopes(self, a: Array, b: Array, dy: Array) -> tuple[Array, Array]:
        return _summed_to(dy, a.shape), _summed_to(dy, b.shape)

    def core_operations(self) -> Sequence[Any] | None:
        from sepconv.core import elementwise

        return [elementwise("linear")] if type(self) is Add else None  # not of Average


@registry.register()
class Average(Add):
    """The mean of the inputs.

    >>> Average()([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[2., 3.]], dtype=float32)
    """

    def share(self, total: Array, count: int) -> Array:
        return np.asarray(total / total.dtype.type(count))


@registry.register()
class Subtract(_Elementwise):
    """The first input minus the second, of exactly two.

    >>> Subtract()([[[3.0, 4.0]], [[1.0, 2.0]]])
    array([[2., 2.]], dtype=float32)
    """

    def combine(self, a: Array, b: Array) -> Array:
        return np.asarray(a - b)

    def slopes(self, a: Array, b: Array, dy: Array) -> tuple[Array, Array]:
        return _summed_to(dy, a.shape), -_summed_to(dy, b.shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape to which the inputs broadcast."""
        if len(self._shapes(input_shape)) != 2:
            raise ValidationError(
                f"A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={shown(input_shape)}"
            )
        return super().compute_output_shape(input_shape)


@registry.register()
class Multiply(_Elementwise):
    """The product of the inputs.

    >>> Multiply()([[[1.0, 2.0]], [[3.0, 4.0]]])
    array([[3., 8.]], dtype=float32)
    """

    def combine(self, a: Array, b: Array) -> Array:
        return np.asarray(a * b)

    def slopes(self, a: Array, b: Array, dy: Array) -> tuple[Array, Array]:
        return _summed_to(dy * b, a.shape), _summed_to(dy * a, b.shape)


class _Extreme(_Elementwise):
    """The larger or smaller of two values; equal ones have half of the gradient each."""

    def slopes(self, a: Array, b: Array, dy: Array) -> tuple[Array, Array]:
        of_a = dy * np.where(a == b, 0.5, a == self.combine(a, b)).astype(dy.dtype)
        return _summed_to(of_a, a.shape), _summed_to(dy - of_a, b.shape)


@registry.register()
class Maximum(_Extreme):
    """The largest of the inputs, value by value.

    >>> Maximum()([[[1.0, 4.0]], [[3.0, 2.0]]])
    array([[3., 4.]], dtype=float32)
    """

    def combine(self, a: Array, b: Array) -> Array:
        return np.asarray(np.maximum(a, b))


@registry.register()
class Minimum(_Extreme):
    """The smallest of the inputs, value by value.

    >>> Minimum()([[[1.0, 4.0]], [[3.0, 2.0]]])
    array([[1., 2.]], dtype=float32)
    """

    def combine(self, a: Array, b: Array) -> Array:
        return np.asarray(np.minimum(a, b))


@registry.register()
class Concatenate(_Merging):
    """The inputs one behind the other along an axis; their other axes are equal.

    >>> Concatenate()([[[1.0, 2.0]], [[3.0]]])
    array([[1., 2., 3.]], dtype=float32)
    """

    _refusal = (
        "A `Concatenate` layer should be called on a list of at least 1 input. "
        "Received: input_shape={}"
    )

    axis: Argument[int, int] = argument(
        Integer(), default=-1, doc="Axis along which the inputs follow one another."
    )

    def call(self, inputs: Sequence[Array]) -> Array:
        """Return the inputs, one behind the other."""
        self.compute_output_shape([x.shape for x in inputs])
        return np.concatenate(inputs, axis=self.axis)

    def call_vjp(self, inputs: Sequence[Array], training: bool) -> tuple[Array, Pull]:
        ends = np.cumsum([x.shape[self.axis] for x in inputs])[:-1]

        def pull(dy: Array, input_gradient: bool) -> tuple[list[Array] | None, Any]:
            if not input_gradient:
                return None, {}
            parts = np.split(dy, ends, axis=self.axis)
            return [np.ascontiguousarray(part) for part in parts], {}

        return self.call(inputs), pull

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the first input's shape with the sum of all sizes along `axis`.

        Raises:
            ValidationError: other ranks, other sizes of another axis, or no such axis.
        """
        shapes = self._shapes(input_shape)
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ValidationError(
                f"`axis={self.axis}` is out of bounds for inputs of {rank} axes: {shown(shapes)}"
            )
        mismatched = any(len(shape) != rank for shape in shapes)
        along = self.axis % rank
        sizes: list[set[int | None]] = [set(column) for column in zip(*shapes, strict=False)]
        if mismatched or any(
            len(found - {None}) > 1 for axis, found in enumerate(sizes) if axis != along
        ):
            raise ValidationError(
                f"A `Concatenate` layer requires inputs with matching shapes except for the "
                f"concatenation axis. Received: input_shape={shown(shapes)}"
            )
        lengths = [shape[along] for shape in shapes]
        known = [length for length in lengths if length is not None]
        total = sum(known) if len(known) == len(lengths) else None
        return (*shapes[0][:along], total, *shapes[0][along + 1 :])
