"""Layers with kernels as nodes: convolutions, Dense and Embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.layers import Conv1D, Dense, DepthwiseConv1D, Embedding, SeparableConv1D
from sepconv.layers.convolutional import Convolution
from sepconv.layers.core_layer import CoreLayer
from sepconv.onnx.activations import activated
from sepconv.onnx.converters import Made, converter
from sepconv.onnx.graph import Graph, Term, Value

Array = NDArray[Any]


@converter(SeparableConv1D)
def _separable_conv1d(graph: Graph, layer: SeparableConv1D, x: Value) -> Made:
    depthwise_kcm, pointwise_1df, *bias = weights(layer)
    h = _convolved(graph, layer, x, _by_channel(depthwise_kcm), [], depthwise_kcm.shape[1])
    kernel = graph.constant(pointwise_1df.transpose(2, 1, 0), "pointwise_kernel")
    y = graph.op("Conv", h, kernel, *(graph.constant(b, "bias") for b in bias), kernel_shape=[1])
    return _finished(graph, layer, x, y)


@converter(DepthwiseConv1D)
def _depthwise_conv1d(graph: Graph, layer: DepthwiseConv1D, x: Value) -> Made:
    kernel_kcm, *bias = weights(layer)
    y = _convolved(graph, layer, x, _by_channel(kernel_kcm), bias, kernel_kcm.shape[1])
    return _finished(graph, layer, x, y)


@converter(Conv1D)
def _conv1d(graph: Graph, layer: Conv1D, x: Value) -> Made:
    kernel_kcf, *bias = weights(layer)
    y = _convolved(graph, layer, x, kernel_kcf.transpose(2, 1, 0), bias, layer.groups)
    return _finished(graph, layer, x, y)


def weights(layer: CoreLayer) -> list[Array]:
    """Return the weights as the layer computes with them: rounded where it rounds them."""
    return [
        weight.value.astype(layer._input_dtype).astype(layer._working_dtype)
        for weight in layer.weights
    ]


def _by_channel(kernel_kcm: Array) -> Array:
    return kernel_kcm.transpose(1, 2, 0).reshape(-1, 1, kernel_kcm.shape[0])


def _convolved(
    graph: Graph, layer: Convolution, x: Value, kernel_fck: Array, bias: list[Array], groups: int
) -> str:
    names = [graph.constant(kernel_fck, "kernel"), *(graph.constant(b, "bias") for b in bias)]
    steps, name = x.shape[layer._time_axis], graph.read(x, not layer._channels_first)
    pads = padding(steps, layer._span, layer._stride, layer._padding)
    if pads is None:
        zero = graph.constant(np.array(0, x.dtype), "number")
        name, pads = padded(graph, name, layer._span, layer._stride, zero), {}
    return graph.op(
        "Conv",
        name,
        *names,
        kernel_shape=[layer._taps],
        strides=[layer._stride],
        dilations=[layer._dilation],
        group=groups,
        **pads,
    )


def padding(steps: int | None, span: int, stride: int, mode: str) -> dict[str, Any] | None:
    """Return the attributes for Keras's padding of convolutions and pooling.

    Arguments:
        steps: of time, None where they are open.
        span: steps that an output sees.

    Returns:
        None where no attributes say it: `padded` does.
    """
    if mode == "valid" or span == 1:
        return {"pads": [0, 0]}
    if mode == "causal":
        return {"pads": [span - 1, 0]}
    if stride > 1 and steps is None:  # such a stride knows no dilation
        return {"auto_pad": "SAME_UPPER"} if span >= stride else None
    total = span - 1
    if steps is not None:
        total = max((-(-steps // stride) - 1) * stride + span - steps, 0)
    return {"pads": [total // 2, total - total // 2]}


def padded(graph: Graph, x_nct: str, span: int, stride: int, fill: str) -> str:
    """Return the name of an input of open length with the padding of "same"."""
    return graph.op("Pad", x_nct, open_pads(graph, x_nct, span, stride), fill)


def open_pads(graph: Graph, x_nct: str, span: int, stride: int) -> str:
    """Return the name of the sizes of that padding.

    Of windows that do not overlap, the last has (steps - 1) mod stride + 1 steps. For these ONNX
    Runtime counts a negative number of steps to pad.
    """
    steps = Term(graph, graph.op("Shape", x_nct, start=2, end=3), "int64")
    left, right = shares(steps, span, stride)
    # Of all axes: ONNX Runtime 1.31 forgets Pad's `axes` when it moves a Transpose past it.
    none = graph.ints(0, 0)
    return graph.op("Concat", none, left.name, none, right.name, axis=0)


def shares(steps: Any, span: int, stride: int) -> tuple[Any, Any]:
    """Return how many steps "same" adds before and behind, computed from those there are."""
    total = (span - 1 - (steps - 1) % stride).max(0)
    left = total // 2
    return left, total - left


def _finished(graph: Graph, layer: Convolution, x: Value, y: str) -> Made:
    swapped = not layer._channels_first
    return activated(graph, layer._activation, Value(y, x.shape, x.dtype, swapped)), swapped


@converter(Dense)
def _dense(graph: Graph, layer: Dense, x: Value) -> Made:
    kernel, *bias = (graph.constant(array, "kernel") for array in weights(layer))
    rows = graph.read(x, False)
    if x.rank == 2:
        y = graph.op("Gemm", rows, kernel, *bias)
    else:
        y = graph.op("MatMul", rows, kernel)
        y = graph.op("Add", y, *bias) if bias else y
    return activated(graph, layer._activation, Value(y, x.shape, x.dtype)), False


@converter(Embedding)
def _embedding(graph: Graph, layer: Embedding, x: Value) -> Made:
    (rows,) = layer.packed()
    kept = rows.astype(np.dtype(layer.dtype_policy.working_dtype))
    return graph.op("Gather", graph.constant(kept, "embeddings"), graph.read(x, False)), False
