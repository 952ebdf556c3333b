"""Layers that activate, normalise or rescale, as nodes."""

from __future__ import annotations

import numpy as np

from sepconv import layers
from sepconv.layers.activation_layers import _Activating
from sepconv.onnx.activations import activated
from sepconv.onnx.converters import Made, converter
from sepconv.onnx.graph import Graph, Term, Value


@converter(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax)
def _activation(graph: Graph, layer: _Activating, x: Value) -> Made:
    return activated(graph, layer._function, x), x.swapped


@converter(layers.PReLU)
def _prelu(graph: Graph, layer: layers.PReLU, x: Value) -> Made:
    swapped = x.swapped
    slope = graph.aligned(layer.packed(), x.rank, swapped)
    return graph.op("PRelu", x.names[swapped], slope), swapped


@converter(layers.BatchNormalization)
def _batch_normalization(graph: Graph, layer: layers.BatchNormalization, x: Value) -> Made:
    values = layer.packed()
    mean, variance = values["moving_mean"], values["moving_variance"]
    gamma, beta = values.get("gamma", np.ones_like(mean)), values.get("beta", np.zeros_like(mean))
    axis = layer.axis % x.rank
    swapped = x.rank == 3 and axis == 2
    if swapped or axis == 1:  # where ONNX has the channels
        names = {"scale": gamma, "B": beta, "mean": mean, "var": variance}
        held = [graph.constant(array, name) for name, array in names.items()]
        y = graph.op("BatchNormalization", graph.read(x, swapped), *held, epsilon=layer.epsilon)
        return y, swapped
    scale = gamma / np.sqrt(np.add(variance, layer.epsilon, dtype=np.float64))
    shape = [1] * x.rank
    shape[axis] = -1
    moved, scale, beta = (
        graph.constant(array.astype(mean.dtype).reshape(shape), "values")
        for array in (mean, scale, beta)
    )
    y = graph.op("Sub", graph.read(x, False), moved)
    return graph.op("Add", graph.op("Mul", y, scale), beta), False


@converter(layers.LayerNormalization)
def _layer_normalization(graph: Graph, layer: layers.LayerNormalization, x: Value) -> Made:
    axes = sorted(axis % x.rank for axis in layer._axes)
    shape = [x.shape[axis] for axis in axes]
    weights = {name: array.reshape(shape) for name, array in layer.packed().items()}
    swapped = x.rank == 3 and axes == [1]
    if swapped or axes == list(range(axes[0], x.rank)):  # the last axes, as in ONNX
        gamma = weights.pop("gamma", np.ones(shape, x.dtype))
        held = [graph.constant(array, "weight") for array in (gamma, *weights.values())]
        y = graph.op(
            "LayerNormalization",
            graph.read(x, swapped),
            *held,
            axis=-len(axes),
            epsilon=layer.epsilon,
        )
        return y, swapped
    over = graph.ints(*axes)
    broadcast = [x.shape[axis] if axis in axes else 1 for axis in range(x.rank)]
    plain = Term(graph, graph.read(x, False), x.dtype)
    centred = plain - _mean(plain, over)
    result = centred / (_mean(centred * centred, over) + layer.epsilon).op("Sqrt")
    for name, kind in (("gamma", "Mul"), ("beta", "Add")):
        if name in weights:
            weight = graph.constant(weights[name].reshape(broadcast), name)
            result = result.op(kind, Term(graph, weight, x.dtype))
    return result.name, False


def _mean(x: Term, axes: str) -> Term:
    return Term(x.graph, x.graph.op("ReduceMean", x.name, axes, keepdims=1), x.dtype)


@converter(layers.Normalization)
def _normalization(graph: Graph, layer: layers.Normalization, x: Value) -> Made:
    swapped = x.swapped
    mean, deviation = (graph.aligned(array, x.rank, swapped) for array in layer.packed())
    if layer.invert:
        return graph.op("Add", mean, graph.op("Mul", x.names[swapped], deviation)), swapped
    return graph.op("Div", graph.op("Sub", x.names[swapped], mean), deviation), swapped


@converter(layers.Rescaling)
def _rescaling(graph: Graph, layer: layers.Rescaling, x: Value) -> Made:
    swapped = x.swapped
    factor, added = (
        graph.aligned(array, x.rank, swapped) for array in (layer._factor, layer._added)
    )
    return graph.op("Add", graph.op("Mul", x.names[swapped], factor), added), swapped
