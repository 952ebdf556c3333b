"""Symbolic tensors: a shape and a dtype that know which call made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sepconv.layers.rules import Shape, standardize_shape
from sepconv.layers.structure import flat

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
        self.index = 0  # among the outputs of that call

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
    """One call of an operation on symbolic tensors: an edge of the graph.

    Arguments:
        operation: what was called.
        arguments: the tensors it was called on, in the structure in which they were given.
        results: the tensors it returned, likewise.
        kwargs: what else the call was given, such as `training`.
    """

    def __init__(
        self,
        operation: Operation,
        arguments: Any,
        results: Any,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.operation = operation
        self.arguments = arguments
        self.results = results
        self.kwargs = {name: value for name, value in (kwargs or {}).items() if value is not None}
        self.inputs: list[SymbolicTensor] = flat(arguments)
        self.outputs: list[SymbolicTensor] = flat(results)
        for index, output in enumerate(self.outputs):
            output.node, output.index = self, index


def is_symbolic(value: Any) -> bool:
    """Tell whether `value` is a symbolic tensor, or a list, tuple or dict that holds one."""
    # The first item decides: lists of lists of numbers are not searched on every call.
    if isinstance(value, dict):
        value = next(iter(value.values()), None)
    elif isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return isinstance(value, SymbolicTensor)
