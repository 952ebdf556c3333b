"""Symbolic tensors: a shape and a dtype that know which call made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sepconv.layers.rules import Shape, standardize_shape

if TYPE_CHECKING:
    from sepconv.layers.operation import Operation


class SymbolicTensor:
    """A tensor without values.

    Arguments:
        shape: ints, and None where a size is open.
        dtype: the dtype's name.
        name: for error texts and configs.

    >>> SymbolicTensor((None, 10, 12)).shape
    (None, 10, 12)
    """

    def __init__(
        self, shape: Sequence[int | None], dtype: str = "float32", name: str = "tensor"
    ) -> None:
        self.shape: Shape = standardize_shape(shape)
        self.dtype = dtype
        self.name = name
        self.node: Node | None = None  # the call this is an output of

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "a symbolic tensor has a shape and a dtype, but no values to convert to an array"
        )


class Node:
    """One call of an operation on symbolic tensors: an edge of the graph."""

    def __init__(
        self,
        operation: Operation,
        inputs: list[SymbolicTensor],
        outputs: list[SymbolicTensor],
    ) -> None:
        self.operation = operation
        self.inputs = inputs
        self.outputs = outputs
        for output in outputs:
            output.node = self


def is_symbolic(value: Any) -> bool:
    """Tell whether `value` is a symbolic tensor, or a list or tuple that holds one."""
    if isinstance(value, SymbolicTensor):
        return True
    # The first item decides: lists of lists of numbers are not searched on every call.
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], SymbolicTensor)


def flat(value: Any) -> list[Any]:
    """Return one tensor as a list of one, and a list or tuple as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
