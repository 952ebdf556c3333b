"""An ONNX file's bytes as a graph that can be relied on: what is declared is there, and once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from sepconv.arrays import FLOATS, float_dtype
from sepconv.errors import WeightsError, shown
from sepconv.onnx.graph import TYPES

Array = NDArray[Any]
OLDEST = 7  # opset: the first in which shapes broadcast as NumPy's do
MOST_AXES = 8
DTYPES = {number: name for name, number in TYPES.items()}

# The field that holds values which are not raw bytes, by the dtype.
_FIELDS = {
    "float32": "float_data",
    "float64": "double_data",
    "int64": "int64_data",
    "uint32": "uint64_data",
    "uint64": "uint64_data",
}
_AS_BITS = ("float16", "bfloat16")  # which `int32_data` holds as whole numbers of 16 bits
_TOLD: dict[int, Callable[[AttributeProto], Any]] = {
    AttributeProto.FLOAT: lambda a: a.f,
    AttributeProto.INT: lambda a: a.i,
    AttributeProto.STRING: lambda a: a.s.decode(),
    AttributeProto.TENSOR: lambda a: array_of(a.t),
    AttributeProto.FLOATS: lambda a: list(a.floats),
    AttributeProto.INTS: lambda a: list(a.ints),
}


class Node(NamedTuple):
    """One operator of the graph.

    Arguments:
        number: its place among the nodes.
        kind: the operator; one that is not ONNX's own with its domain before it.
        inputs: names of tensors, "" for one that is left out.
        attributes: by name; one of a kind that no operator here has is None.
    """

    number: int
    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def scope(self) -> str:
        """What exporters name after the layer that a node is a part of."""
        return self.name.rpartition("/")[0]

    @property
    def output(self) -> str:
        return self.outputs[0]


class Given(NamedTuple):
    """An input of the graph; None is an open size."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Source:
    """A graph whose names are each defined once, and before they are read.

    Arguments:
        model: of which nothing is believed.

    Raises:
        WeightsError: what is declared is not there, or twice, or in another file.
    """

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.name = _text(graph.name)
        self.opset = _opset(model)
        self.constants: dict[str, Array] = dict(_constants(graph))
        self.inputs = [_given(told) for told in graph.input if told.name not in self.constants]
        self.outputs = [_text(told.name) for told in graph.output]
        self.nodes = [_node(number, told) for number, told in enumerate(graph.node)]
        self._check_names()
        self.results = self.outputs  # the tensors that these are
        self._look_up()

    def replace(self, nodes: list[Node], same: Mapping[str, str]) -> None:
        """Use other nodes, and of them those alone that the outputs need.

        Arguments:
            same: for each tensor that is not made any more the one that it is.
        """
        self.results = [same.get(name, name) for name in self.outputs]
        needed, kept = set(self.results), []
        for node in reversed(nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        self.nodes = [node._replace(number=n) for n, node in enumerate(reversed(kept))]
        self._look_up()

    def _look_up(self) -> None:
        self.makers = {name: node for node in self.nodes for name in node.outputs if name}
        self.readers = Counter(name for node in self.nodes for name in node.inputs)
        self.readers.update(self.results)
        self._last_reader = {name: node for node in self.nodes for name in node.inputs}

    def _check_names(self) -> None:
        known = Counter(given.name for given in self.inputs)
        known.update(iter(self.constants))
        for node in self.nodes:
            for name in node.inputs:
                if name and name not in known:
                    raise WeightsError(
                        f"node {shown(node.name)} reads {shown(name)}, which is not there before it"
                    )
            known.update(name for name in node.outputs if name)
        for name, count in known.items():
            if count > 1 or not name:
                raise WeightsError(f"defines {shown(name)} {count} times")
        for name in self.outputs:
            if name not in known:
                raise WeightsError(f"returns {shown(name)}, which nothing makes")
        if not self.outputs:
            raise WeightsError("returns nothing")

    def reader(self, name: str) -> Node | None:
        """Return the node that reads a tensor, if it is the only one and reads it once."""
        return self._last_reader.get(name) if self.readers[name] == 1 else None

    def inner(self, name: str, scope: str | None = None) -> Node | None:
        """Return the node of a scope that makes a tensor, if one place alone reads it."""
        node = self.makers.get(name)
        is_one = node is not None and self.readers[name] == 1 and scope in (None, node.scope)
        return node if is_one else None

    def operand(self, node: Node, attribute: str, place: int) -> Array | None:
        """Return what newer opsets give as an input and older ones as an attribute; None for none.

        Raises:
            WeightsError: the input is no constant.
        """
        if attribute in node.attributes:
            return np.asarray(node.attributes[attribute])
        if place >= len(node.inputs) or not node.inputs[place]:
            return None
        if node.inputs[place] not in self.constants:
            raise WeightsError(f"its `{attribute}` is computed, not a constant")
        return self.constants[node.inputs[place]]


def parsed(raw: bytes) -> Source:
    """Return the graph in a file's bytes.

    Raises:
        WeightsError: no ONNX, or one that declares what it does not hold.
    """
    try:
        model = ModelProto.FromString(raw)
    except Exception as error:  # google.protobuf's DecodeError, of a package without types
        raise WeightsError(f"is no ONNX file, or is damaged: {shown(str(error))}") from None
    try:
        return Source(model)
    except UnicodeDecodeError:
        raise WeightsError("is damaged: holds an attribute that is no text") from None


def array_of(tensor: TensorProto) -> Array:
    """Return the values of a tensor that holds as many as it declares."""
    name, dims = tensor.name, tuple(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise WeightsError(
            f"the values of {shown(name)} are in another file, which is not opened: save the model "
            f"as one file, with onnx.save(onnx.load(path), 'one.onnx')"
        )
    dtype = DTYPES.get(tensor.data_type)
    if dtype is None or tensor.HasField("segment"):
        raise WeightsError(f"{shown(name)} is of type {tensor.data_type}, which is not read")
    if len(dims) > MOST_AXES or any(size < 0 for size in dims):
        raise WeightsError(f"{shown(name)} declares the shape {shown(dims)}")
    kept = float_dtype(dtype) if dtype in FLOATS else np.dtype(dtype)
    count = math.prod(dims)
    values: Any = tensor.raw_data
    if tensor.HasField("raw_data"):
        held = len(values) / kept.itemsize
    else:
        values = getattr(tensor, _FIELDS.get(dtype, "int32_data"))
        held = len(values)
    if held != count:
        raise WeightsError(f"{shown(name)} declares {count} values, the file holds {held:g}")
    if isinstance(values, bytes):
        return np.frombuffer(values, kept.newbyteorder("<")).astype(kept, copy=False).reshape(dims)
    try:
        if dtype in _AS_BITS:
            return np.array(values, np.uint16).view(kept).reshape(dims)
        return np.array(values, kept).reshape(dims)
    except OverflowError:
        raise WeightsError(f"{shown(name)} holds values that are no {dtype}") from None


def _opset(model: ModelProto) -> int:
    versions = [told.version for told in model.opset_import if told.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if len(versions) != 1 or not OLDEST <= versions[0] <= newest:
        raise WeightsError(
            f"must declare one opset from {OLDEST} to {newest}, which the package onnx "
            f"{onnx.__version__} knows; declares {shown(versions)}"
        )
    if model.functions:
        raise WeightsError(
            "defines functions: replace them by what they do, with onnx.inliner."
            "inline_local_functions"
        )
    return int(versions[0])


def _constants(graph: GraphProto) -> Iterator[tuple[str, Array]]:
    if graph.sparse_initializer:
        raise WeightsError("holds sparse tensors, which are not read")
    seen: set[str] = set()
    for tensor in graph.initializer:
        name = _text(tensor.name)
        if name in seen:
            raise WeightsError(f"holds {shown(name)} twice")
        seen.add(name)
        yield name, array_of(tensor)


def _given(told: ValueInfoProto) -> Given:
    tensor = told.type.tensor_type
    dtype = DTYPES.get(tensor.elem_type)
    if dtype is None or not tensor.HasField("shape"):
        raise WeightsError(f"input {shown(told.name)} is no tensor of a known type and rank")
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim]
    if not 1 <= len(sizes) <= MOST_AXES:
        raise WeightsError(f"input {shown(told.name)} has {len(sizes)} axes")
    return Given(
        _text(told.name), dtype, tuple(None if size in (0, -1) else size for size in sizes)
    )


def _node(number: int, told: NodeProto) -> Node:
    attributes = {
        _text(a.name): _TOLD[a.type](a) if a.type in _TOLD and not a.ref_attr_name else None
        for a in told.attribute
    }
    name = _text(told.name) or f"{told.op_type}_{number}"
    starts, ends = (tuple(map(_text, names)) for names in (told.input, told.output))
    if not ends or not ends[0]:
        raise WeightsError(f"node {shown(name)} makes nothing")
    foreign = told.domain not in ("", "ai.onnx")
    kind = f"{told.domain}.{told.op_type}" if foreign else _text(told.op_type)
    return Node(number, kind, name, starts, ends, attributes)


def _text(value: Any) -> str:
    """Return a name; Protocol Buffers give bytes for one that is no text."""
    if not isinstance(value, str):
        raise WeightsError(f"is damaged: the name {shown(value)} is no text")
    return value
