"""Layers that pool, move, merge or drop values, as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sepconv import layers
from sepconv.layers.pooling import _GlobalPooling, _Pooling
from sepconv.onnx.converters import Made, converter
from sepconv.onnx.convolutions import open_pads, padded, padding
from sepconv.onnx.graph import SWAP, Graph, Value, place

END = np.iinfo(np.int64).max  # of an axis, whatever its size


# --- pooling -------------------------------------------------------------------------------------


@converter(layers.MaxPooling1D)
def _max_pooling(graph: Graph, layer: layers.MaxPooling1D, x: Value) -> Made:
    swapped = layer._time_axis == 1
    name, pads = graph.read(x, swapped), _padding(layer, x)
    if pads is None:
        least = graph.constant(np.array(-np.inf, x.dtype), "least")
        name, pads = padded(graph, name, layer.pool_size[0], layer.strides[0], least), {}
    return graph.op("MaxPool", name, **_windows(layer), **pads), swapped


@converter(layers.AveragePooling1D)
def _average_pooling(graph: Graph, layer: layers.AveragePooling1D, x: Value) -> Made:
    swapped = layer._time_axis == 1
    name, pads = graph.read(x, swapped), _padding(layer, x)
    if pads is not None:
        return graph.op("AveragePool", name, **_windows(layer), **pads), swapped
    zero, one = (graph.constant(np.array(number, x.dtype), "number") for number in (0, 1))
    ones = graph.op("Expand", one, graph.op("Shape", name))
    open_ones = open_pads(graph, name, layer.pool_size[0], layer.strides[0])
    means, shares = (
        graph.op("AveragePool", graph.op("Pad", values, open_ones, zero), **_windows(layer))
        for values in (name, ones)
    )
    return graph.op("Div", means, shares), swapped


def _padding(layer: _Pooling, x: Value) -> dict[str, Any] | None:
    (size,), (stride,) = layer.pool_size, layer.strides
    return padding(x.shape[layer._time_axis], size, stride, layer.padding)


def _windows(layer: _Pooling) -> dict[str, Any]:
    return {"kernel_shape": layer.pool_size, "strides": layer.strides}


@converter(layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D)
def _global_pooling(graph: Graph, layer: _GlobalPooling, x: Value) -> Made:
    kind = "ReduceMax" if isinstance(layer, layers.GlobalMaxPooling1D) else "ReduceMean"
    swapped = x.swapped
    axis = graph.ints(place(layer._time_axis, x.rank, swapped))
    y = graph.op(kind, x.names[swapped], axis, keepdims=int(layer.keepdims))
    return y, swapped and layer.keepdims


# --- other places --------------------------------------------------------------------------------


@converter(layers.Dropout, layers.SpatialDropout1D)
def _dropout(graph: Graph, layer: layers.Layer, x: Value) -> Made:
    return x.names[x.swapped], x.swapped  # in inference


@converter(layers.Flatten)
def _flatten(graph: Graph, layer: layers.Flatten, x: Value) -> Made:
    rows = graph.read(x, False)
    if layer.data_format == "channels_first" and x.rank > 2:
        last = [0, *range(2, x.rank), 1]
        rows = graph.read(x, True) if x.rank == 3 else graph.op("Transpose", rows, perm=last)
    return graph.op("Flatten", rows, axis=1), False


@converter(layers.Reshape)
def _reshape(graph: Graph, layer: layers.Reshape, x: Value) -> Made:
    target = layer.compute_output_shape((None, *x.shape[1:]))[1:]
    # One size may be -1: the open one, else the batch; the batch is otherwise copied, by 0.
    sizes = [-1 if size is None else size for size in target]
    shape = graph.ints(0 if -1 in sizes else -1, *sizes)
    return graph.op("Reshape", graph.read(x, False), shape), False


@converter(layers.Permute)
def _permute(graph: Graph, layer: layers.Permute, x: Value) -> Made:
    if layer._axes == SWAP:
        return x.names[x.swapped], not x.swapped
    return graph.op("Transpose", graph.read(x, False), perm=layer._axes), False


@converter(layers.ZeroPadding1D)
def _zero_padding(graph: Graph, layer: layers.ZeroPadding1D, x: Value) -> Made:
    swapped = x.swapped
    pads = np.zeros((2, x.rank), np.int64)
    pads[:, place(layer._axis, x.rank, swapped)] = layer.padding
    zero = graph.constant(np.array(0, x.dtype), "number")
    return graph.op("Pad", x.names[swapped], graph.ints(*pads.ravel()), zero), swapped


@converter(layers.Cropping1D)
def _cropping(graph: Graph, layer: layers.Cropping1D, x: Value) -> Made:
    swapped = x.swapped
    first, last = layer.cropping
    start, stop = graph.ints(first), graph.ints(-last if last else END)
    axis = graph.ints(place(1, x.rank, swapped))
    return graph.op("Slice", x.names[swapped], start, stop, axis), swapped


@converter(layers.UpSampling1D)
def _upsampling(graph: Graph, layer: layers.UpSampling1D, x: Value) -> Made:
    scales = graph.constant(np.array([1, 1, layer.size], np.float32), "scales")
    y = graph.op(
        "Resize",
        graph.read(x, True),
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return y, True


# --- several inputs ------------------------------------------------------------------------------

FOLDS: dict[type[layers.Layer], str] = {
    layers.Add: "Add",
    layers.Average: "Add",
    layers.Subtract: "Sub",
    layers.Multiply: "Mul",
    layers.Maximum: "Max",
    layers.Minimum: "Min",
}


@converter(*FOLDS)
def _merged(graph: Graph, layer: layers.Layer, inputs: Sequence[Value]) -> Made:
    names, swapped = _side_by_side(graph, inputs)
    y, *rest = names
    for name in rest:
        y = graph.op(FOLDS[type(layer)], y, name)
    if isinstance(layer, layers.Average):
        count = np.array(len(names), inputs[0].dtype)
        y = graph.op("Div", y, graph.constant(count, "number"))
    return y, swapped


@converter(layers.Concatenate)
def _concatenate(graph: Graph, layer: layers.Concatenate, inputs: Sequence[Value]) -> Made:
    names, swapped = _side_by_side(graph, inputs)
    return graph.op("Concat", *names, axis=place(layer.axis, inputs[0].rank, swapped)), swapped


def _side_by_side(graph: Graph, inputs: Sequence[Value]) -> tuple[list[str], bool]:
    """Return inputs of one rank in one order: that of any which is swapped already."""
    rank = max(x.rank for x in inputs)
    full = [_of_rank(graph, x, rank) for x in inputs]
    swapped = any(x.swapped for x in full)
    return [graph.read(x, swapped) for x in full], swapped


def _of_rank(graph: Graph, x: Value, rank: int) -> Value:
    """Return an input with axes of size 1 behind the batch."""
    missing = rank - x.rank
    if not missing:
        return x
    axes = graph.ints(*range(1, missing + 1))
    name = graph.op("Unsqueeze", graph.read(x, False), axes)
    return Value(name, (*x.shape[:1], *[1] * missing, *x.shape[1:]), x.dtype)
