"""The ONNX graph while it is made: its nodes, its constants, and what stands for a tensor.

Convolutions of ONNX take (batch, channels, time). A tensor of rank 3 may therefore be in the
graph with its axes 1 and 2 exchanged, "swapped"; it is transposed only where somebody wants it
in the other order, and once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Shape = tuple[int | None, ...]
TYPES: dict[str, int] = {
    "bool": TensorProto.BOOL,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    **{f"int{bits}": getattr(TensorProto, f"INT{bits}") for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": getattr(TensorProto, f"UINT{bits}") for bits in (8, 16, 32, 64)},
}
SWAP = (0, 2, 1)


class Value:
    """A tensor of the network.

    Arguments:
        name: of what holds it in the graph.
        shape: as the network has it; None is open.
        dtype: the dtype's name.
        swapped: whether the graph has its axes 1 and 2 exchanged.
    """

    def __init__(self, name: str, shape: Sequence[int | None], dtype: str, swapped: bool = False):
        self.names = {swapped: name}
        self.shape: Shape = tuple(shape)
        self.dtype = dtype

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def swapped(self) -> bool:
        """The order in which it can be read for nothing; swapped, if it is there both ways."""
        return max(self.names)


class Graph:
    """Nodes and constants, named after the layer in `scope`."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.scope = ""
        self._constants: dict[bytes, str] = {}
        self._taken: Counter[str] = Counter()

    def fresh(self, name: str) -> str:
        """Return `name`, with a number behind it if it was given away before."""
        self._taken[name] += 1
        count = self._taken[name]
        return name if count == 1 else self.fresh(f"{name}_{count - 1}")

    def outputs_of(
        self, kind: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> list[str]:
        """Add a node of the operator `kind`; return the names of its `count` outputs."""
        name = self.fresh(f"{self.scope}/{kind}")
        outputs = [name] if count == 1 else [f"{name}:{number}" for number in range(count)]
        kept = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name, **kept))
        return outputs

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of the operator `kind`; return the name of its output."""
        return self.outputs_of(kind, inputs, 1, **attributes)[0]

    def constant(self, values: Any, name: str = "constant") -> str:
        """Return the name of an array in the graph; equal ones are stored once."""
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        told = f"{array.dtype.name}{array.shape}".encode()
        key = hashlib.blake2b(told + array.tobytes()).digest()
        if key not in self._constants:
            self._constants[key] = self.fresh(f"{self.scope}/{name}")
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def ints(self, *values: int) -> str:
        """Return the name of a list of ints, as operators take axes and sizes."""
        return self.constant(np.array(values, np.int64), "sizes")

    def read(self, value: Value, swapped: bool) -> str:
        """Return the name of a tensor in one of its orders."""
        if swapped not in value.names:
            name = value.names[not swapped]
            value.names[swapped] = self.op("Transpose", name, perm=SWAP)
        return value.names[swapped]

    def cast(self, value: Value, dtype: str) -> Value:
        """Return a tensor in another dtype."""
        if value.dtype == dtype:
            return value
        swapped = value.swapped
        name = self.op("Cast", value.names[swapped], to=TYPES[dtype])
        return Value(name, value.shape, dtype, swapped)

    def aligned(self, values: NDArray[Any], rank: int, swapped: bool) -> str:
        """Return the name of an array that broadcasts over tensors of `rank` in that order."""
        full = values.reshape((1,) * (rank - values.ndim) + values.shape)
        return self.constant(full.transpose(SWAP) if swapped else full, "values")


def place(axis: int, rank: int, swapped: bool) -> int:
    """Return where the graph has the network's `axis`."""
    axis %= rank
    return SWAP[axis] if swapped else axis


class Term:
    """A tensor in a formula: `(x + 1) * 0.5` adds nodes to the graph."""

    def __init__(self, graph: Graph, name: str, dtype: str) -> None:
        self.graph = graph
        self.name = name
        self.dtype = dtype

    def op(self, kind: str, *others: Term | float, **attributes: Any) -> Term:
        """Return an operator's output for this tensor and others, or numbers."""
        names = [self.name, *(self._name(other) for other in others)]
        return Term(self.graph, self.graph.op(kind, *names, **attributes), self.dtype)

    def _name(self, other: Term | float) -> str:
        if isinstance(other, Term):
            return other.name
        return self.graph.constant(np.array(other, self.dtype), "number")

    def number(self, value: float) -> Term:
        """Return a number as a term."""
        return Term(self.graph, self._name(value), self.dtype)

    def where(self, condition: Term, otherwise: Term | float) -> Term:
        """Return this where the condition holds."""
        name = self.graph.op("Where", condition.name, self.name, self._name(otherwise))
        return Term(self.graph, name, self.dtype)

    def __add__(self, other: Term | float) -> Term:
        return self.op("Add", other)

    def __sub__(self, other: Term | float) -> Term:
        return self.op("Sub", other)

    def __rsub__(self, other: float) -> Term:
        return self.number(other) - self

    def __mul__(self, other: Term | float) -> Term:
        return self.op("Mul", other)

    def __truediv__(self, other: Term | float) -> Term:
        return self.op("Div", other)

    def __floordiv__(self, other: int) -> Term:
        return self.op("Div", other)  # which is whole for whole numbers of at least 0

    def __mod__(self, other: int) -> Term:
        return self.op("Mod", other)

    def max(self, other: float) -> Term:
        """Return the larger of this and another."""
        return self.op("Max", other)

    def __neg__(self) -> Term:
        return self.op("Neg")

    def __gt__(self, other: Term | float) -> Term:
        return self.op("Greater", other)
