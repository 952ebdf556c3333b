"""Nodes that normalise, and PReLU, whose slopes are weights as well."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.onnx.incoming import formulas
from sepconv.onnx.incoming.building import Building, RefusedError, Tensor
from sepconv.onnx.incoming.merging import aligned
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder

Array = NDArray[Any]
Named = tuple[str, Array]


def _held(source: Source, names: tuple[str, ...]) -> list[Named]:
    for name in names:
        if name not in source.constants:
            raise RefusedError("its weights are computed, not constants")
    return [(name, source.constants[name]) for name in names]


@finder("BatchNormalization")
def _batch_normalization(source: Source, node: Node) -> Found | None:
    if node.attributes.get("training_mode") or node.attributes.get("spatial", 1) != 1:
        raise RefusedError("is in training mode")
    weights = _held(source, node.inputs[1:5])
    return Found(node.inputs[:1], functools.partial(_batch_normalised, node, weights))


def _batch_normalised(node: Node, weights: list[Named], building: Building, x: Tensor) -> Tensor:
    x = building.whole(x)
    axis = x.axes[1] if x.rank > 1 else None
    if axis is None:
        raise RefusedError("normalises an axis that the file added")
    epsilon = formulas.rounded(node.attributes.get("epsilon", 1e-5))
    return _normalised_by(building, node, x, axis, weights, epsilon)


def _normalised_by(
    building: Building, node: Node, x: Tensor, axis: int, weights: list[Named], epsilon: float
) -> Tensor:
    last = axis == len(x.tensor.shape) - 1
    return building.called(
        layers.BatchNormalization, node, x, weights, axis=-1 if last else axis, epsilon=epsilon
    )


@finder("LayerNormalization")
def _layer_normalization(source: Source, node: Node) -> Found | None:
    first = node.attributes.get("axis", -1)
    gamma, *beta = _held(source, tuple(filter(None, node.inputs[1:3])))
    epsilon = node.attributes.get("epsilon", 1e-5)

    def make(building: Building, x: Tensor) -> Tensor:
        function = formulas.Normalised(tuple(range(x.place(first), x.rank)), epsilon)
        return _layer_normalised(node, function, gamma, beta[0] if beta else None, building, x)

    return Found(node.inputs[:1], make)


@finder("Add")
def _batch_normalization_by_hand(source: Source, node: Node) -> Found | None:
    """(x - mean) * scale + beta, with one number each for each channel."""
    beta, product = _peeled(source, node, "Add")
    scale, difference = _peeled(source, product, "Mul")
    if beta is None or scale is None or difference.kind != "Sub":
        return None
    x, name = difference.inputs
    mean = source.constants.get(name)
    arrays = [scale[1], beta[1], mean]
    if mean is None or mean.size < 2 or len({a.shape for a in arrays if a is not None}) > 1:
        return None
    weights = [scale, beta, (name, mean)]
    return Found((x,), functools.partial(_centred, node, weights))


def _centred(node: Node, weights: list[Named], building: Building, x: Tensor) -> Tensor:
    x = building.whole(x)
    shape = aligned(x, weights[0][1]).shape
    (axis, *others) = [n for n, size in enumerate(shape) if size > 1]
    if others:
        raise RefusedError(f"scales by an array of shape {shape}, not by channels")
    epsilon = 1e-3  # of the layer; with the variance it makes 1
    variance = np.full(shape[axis], 1 - epsilon)
    ones = [(name, array.reshape(-1)) for name, array in weights]
    return _normalised_by(building, node, x, axis, [*ones, ("", variance)], epsilon)


@finder("Add", "Mul", "Div")
def _normalising_formula(source: Source, node: Node) -> Found | None:
    """The formula of LayerNormalization, as exporters wrote it before ONNX had the operator."""
    beta, last = _peeled(source, node, "Add")
    gamma, last = _peeled(source, last, "Mul")
    formula = formulas.found(source, last)
    if formula is None or not isinstance(formula.function, formulas.Normalised):
        return None
    make = functools.partial(_layer_normalised, node, formula.function, gamma, beta)
    return Found((formula.source,), make)


def _peeled(source: Source, node: Node, kind: str) -> tuple[Named | None, Node]:
    """Return the constant that a node of this kind adds or multiplies by, and the node before."""
    if node.kind != kind:
        return None, node
    constants = [name for name in node.inputs if name in source.constants]
    others = [name for name in node.inputs if name not in source.constants]
    inner = source.inner(others[0], node.scope) if len(others) == 1 else None
    if inner is None or len(constants) != 1:
        return None, node
    return (constants[0], source.constants[constants[0]]), inner


def _layer_normalised(
    node: Node,
    function: formulas.Normalised,
    gamma: Named | None,
    beta: Named | None,
    building: Building,
    x: Tensor,
) -> Tensor:
    x = building.whole(x)
    own = [x.axes[x.place(axis)] for axis in function.axes]
    if None in own or 0 in own:
        raise RefusedError("normalises the batch, or an axis that the file added")
    axis = sorted(a for a in own if a is not None)
    sizes = [x.tensor.shape[a] for a in axis]
    if None in sizes:
        raise RefusedError("normalises an open axis")
    weights = [
        (name, np.broadcast_to(aligned(x, array), _over(x, axis)).reshape(sizes))  # type: ignore[arg-type]
        for name, array in filter(None, (gamma, beta))
    ]
    rank = len(x.tensor.shape)
    return building.called(
        layers.LayerNormalization, node, x, weights,
        axis=-1 if axis == [rank - 1] else axis, epsilon=formulas.rounded(function.epsilon),
        scale=gamma is not None, center=beta is not None,
    )  # fmt: skip


def _over(x: Tensor, axes: list[int]) -> list[int]:
    return [size or 1 if a in axes else 1 for a, size in enumerate(x.tensor.shape)]


@finder("PRelu")
def _prelu(source: Source, node: Node) -> Found | None:
    (slope,) = _held(source, node.inputs[1:2])
    return Found(node.inputs[:1], functools.partial(_sloped, node, slope))


def _sloped(node: Node, slope: Named, building: Building, x: Tensor) -> Tensor:
    x = building.whole(x)
    name, array = slope
    alpha = aligned(x, array)[0]
    shared = [axis for axis, size in enumerate(alpha.shape, 1) if size != x.tensor.shape[axis]]
    return building.called(layers.PReLU, node, x, [(name, alpha)], shared_axes=shared or None)
