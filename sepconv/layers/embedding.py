"""Embedding: a vector of its own for each of a number of ints."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv import initializers, regularizers
from sepconv.declaration import Argument, argument
from sepconv.errors import InputTypeError, ValidationError, shown
from sepconv.layers import arguments
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.registry import registry
from sepconv.layers.rules import Absent, ObjectOrElse, Shape, Unsupported, standardize_shape
from sepconv.rules import MAX_SIZE, Count, ObjectOf, at_most, is_int

Array = NDArray[Any]


class Dimension(Count):
    """A strictly positive int, as Keras's Embedding words it."""

    def normalise(self, value: Any, name: str) -> int:
        if not is_int(value) or value <= 0:
            raise ValidationError(
                f"`{name}` must be a positive integer. Received: {name}={shown(value)} "
                f"(of type {type(value).__name__})."
            )
        return at_most(int(value), MAX_SIZE, name)


@registry.register()
class Embedding(Layer):
    """Row i of the weight `embeddings` for each input i.

    Input: ints from 0 to input_dim - 1, of any shape; floats of whole numbers are taken, too.
    Output: the input's shape with an axis of `output_dim` behind it.

    Raises:
        ValidationError: an argument that breaks its rule; an input that is no row's number.

    >>> layer = Embedding(3, 2, weights=np.array([[0, 1], [2, 3], [4, 5]]))
    >>> layer([[2, 0]])
    array([[[4., 5.],
            [0., 1.]]], dtype=float32)
    """

    input_dim: Argument[int, int] = argument(
        Dimension(), doc="How many ints there are: the largest, and one more."
    )
    output_dim: Argument[int, int] = argument(Dimension(), doc="Length of the vectors.")
    embeddings_initializer: Argument[Any, Any] = argument(
        ObjectOrElse(initializers.registry, "uniform"),
        default="uniform",
        doc="First values of the embeddings.",
    )
    embeddings_regularizer: Argument[Any, Any] = arguments.regularizer("embeddings")
    embeddings_constraint: Argument[Any, Any] = arguments.constraint("embeddings")
    mask_zero: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, doc="Masks are not supported: false."
    )
    activity_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry),
        default=None,
        kw_only=True,
        doc="Penalty on the output, divided by the batch size.",
    )
    quantization_config: Argument[None, None] = argument(
        Absent(), default=None, kw_only=True, doc="Not supported: null."
    )

    def __init__(self, *args: Any, weights: ArrayLike | None = None, **kwargs: Any) -> None:
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        super().__init__(*args, **kwargs)
        if weights is not None:
            self.build(None)
            alone = isinstance(weights, list) and len(weights) == 1
            self.set_weights(weights if alone else [weights])  # type: ignore[arg-type]

    def build(self, input_shape: Any) -> None:
        """Make the weight, of (input_dim, output_dim)."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            name="embeddings",
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def convert(self, inputs: Any) -> Array:
        """Return `inputs` as ints that are numbers of rows.

        Raises:
            InputTypeError: complex numbers, objects, text.
            ValidationError: a number that is not whole, or not from 0 to input_dim - 1.
        """
        given = np.asarray(inputs)
        if given.dtype.kind not in "biuf" and given.dtype.name != "bfloat16":
            raise InputTypeError(f"Embedding takes ints, got an array of dtype {given.dtype.name}")
        # Compared as they were given: a cast would make other numbers of them.
        wrong = ~((given >= 0) & (given < self.input_dim))
        if given.dtype.kind not in "biu":
            wrong |= given != np.floor(given)
        if wrong.any():
            place = tuple(int(n) for n in np.argwhere(wrong)[0])
            raise ValidationError(
                f"layer '{self.name}' takes whole numbers from 0 to {self.input_dim - 1} "
                f"(`input_dim={self.input_dim}`), got {given[place]} at {list(place)}"
            )
        return np.ascontiguousarray(given, np.int64)

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def macs(self, output_shape: Shape) -> int:
        return 0  # rows are looked up

    def call(self, inputs: Array) -> Array:
        """Return the rows of `embeddings` that the inputs number."""
        (rows,) = self.packed()
        return np.asarray(rows[inputs])

    reads_numbers: ClassVar[bool] = True

    def core_operations(self) -> Sequence[Any]:
        from sepconv.core import look_up

        return [look_up(*self.packed())]

    def pack(self, *arrays: Array) -> tuple[Array]:
        return (arrays[0].astype(self._input_dtype, copy=False),)

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        def pull(dy: Array, input_gradient: bool) -> tuple[None, Gradients]:
            return None, {self.embeddings: self._row_sums(inputs.reshape(-1), dy)}

        return self.call(inputs), pull

    def _row_sums(self, numbers: Array, dy: Array) -> Array:
        """Return, for each row, the sum of the gradients of its uses, in the order of use."""
        total = np.zeros((self.input_dim, self.output_dim), dy.dtype)
        if not numbers.size:
            return total
        order = np.argsort(numbers, kind="stable")
        used, first = np.unique(numbers[order], return_index=True)
        total[used] = np.add.reduceat(dy.reshape(-1, self.output_dim)[order], first, axis=0)
        return total

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape and `output_dim`."""
        return (*standardize_shape(input_shape), self.output_dim)
