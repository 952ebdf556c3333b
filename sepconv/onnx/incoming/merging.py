"""Nodes of several inputs, or of one and a constant."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.layers import Layer
from sepconv.onnx.incoming.building import Axes, Building, RefusedError, Tensor
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder
from sepconv.onnx.moving import FOLDS

Array = NDArray[Any]
MOST = 2**16  # numbers that a config may hold
CLASSES: dict[str, type[Layer]] = {
    **{kind: cls for cls, kind in FOLDS.items() if cls is not layers.Average},
    "Sum": layers.Add,
    "Mean": layers.Average,
}
CHAINED = ("Add", "Sum", "Mul", "Max", "Min")  # of three is that of two and one


# --- several tensors -----------------------------------------------------------------------------


@finder("Div")
def _average(source: Source, node: Node) -> Found | None:
    """A sum of as many tensors as it is divided by."""
    count, total = source.constants.get(node.inputs[1]), source.inner(node.inputs[0], node.scope)
    if count is None or count.size != 1 or total is None or total.kind != "Add":
        return None
    names = _terms(source, total)
    if any(name in source.constants for name in names) or float(count.reshape(())) != len(names):
        return None
    return Found(names, functools.partial(_merged, layers.Average, node))


@finder(*CLASSES)
def _merge(source: Source, node: Node) -> Found | None:
    names = _terms(source, node) if node.kind in CHAINED else node.inputs
    if any(name in source.constants for name in names):
        names = node.inputs
    if any(name in source.constants for name in names):
        return None
    return Found(names, functools.partial(_merged, CLASSES[node.kind], node))


def _terms(source: Source, node: Node) -> tuple[str, ...]:
    """Return what a chain of one operator within one scope reads."""
    first, *others = node.inputs
    chain = [others]
    while (inner := source.inner(first, node.scope)) is not None and inner.kind == node.kind:
        if not node.scope:
            break
        first, *others = inner.inputs
        chain.append(others)
    return (first, *(name for names in reversed(chain) for name in names))


def _merged(cls: type[Layer], node: Node, building: Building, *inputs: Any) -> Tensor:
    if len(inputs) == 1:
        return inputs[0]  # type: ignore[no-any-return]
    tensors, axes, like = side_by_side(building, inputs)
    return building.merged(cls, node, tensors, replace(like, axes=axes))


def side_by_side(building: Building, inputs: Sequence[Any]) -> tuple[list[Tensor], Axes, Tensor]:
    """Return tensors that the network has in one order, the axes of the file in it, and the first.

    Axes that the network has of none of them are in the last of the three alone.
    """
    if not all(isinstance(x, Tensor) for x in inputs):
        raise RefusedError("merges a tensor with sizes")
    whole = [building.whole(x) for x in inputs]
    rank = max(x.rank for x in whole)
    if any(x.rank < rank and x.axes[0] == 0 for x in whole):
        raise RefusedError("broadcasts the batch along another axis")
    kept = [n for n in range(rank) if any(x.axes[n] is not None for x in whole)]
    compact = [replace(x, axes=tuple(x.axes[n] for n in kept)) for x in whole]
    full = [x.axes for x in compact if None not in x.axes]
    order: Axes = max(full, default=tuple(range(len(kept))))  # one that is exchanged, if any
    arranged = [building.arranged(x, order) for x in compact]
    axes: list[int | None] = [None] * rank
    for n, own in zip(kept, order, strict=True):
        axes[n] = own
    return arranged, tuple(axes), whole[0]


@finder("Concat")
def _concat(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_concatenated, node))


def _concatenated(node: Node, building: Building, *inputs: Any) -> Tensor:
    if len(inputs) == 1:
        return inputs[0]  # type: ignore[no-any-return]
    tensors, axes, like = side_by_side(building, inputs)
    axis = axes[like.place(node.attributes["axis"])]
    if axis is None:
        tensors = [building.plain(x) for x in inputs]
        axes = tuple(range(like.rank))
        axis = axes[like.place(node.attributes["axis"])]
    last = axis == len(tensors[0].tensor.shape) - 1
    like = replace(like, axes=axes)
    return building.merged(layers.Concatenate, node, tensors, like, axis=-1 if last else axis)


# --- a tensor and a constant ---------------------------------------------------------------------


@finder("Add", "Mul", "Sub", "Div", "Neg", last=True)
def _rescaling(source: Source, node: Node) -> Found | None:
    """x * scale + offset, the sum and the product of one scope as one layer."""
    name, scale, offset = _affine(source, node)
    inner = source.inner(name, node.scope) if node.scope else None
    if scale is None and inner is not None and inner.kind in ("Mul", "Div"):
        found = _affine(source, inner)
        if found[0] and found[1] is not None:
            name, scale = found[0], found[1]
    if not name:
        return None
    return Found((name,), functools.partial(_rescaled, node, scale, offset))


def _affine(source: Source, node: Node) -> tuple[str, Array | None, Array | None]:
    """Return what a node scales and moves, and by what; None for not at all."""
    if node.kind == "Neg":
        return node.inputs[0], np.float32(-1), None  # type: ignore[return-value]
    one, other = (source.constants.get(name) for name in node.inputs)
    if (one is None) == (other is None) or (node.kind == "Div" and other is None):
        return "", None, None
    name = node.inputs[0] if one is None else node.inputs[1]
    constant = np.asarray(other if one is None else one)
    if node.kind == "Add":
        return name, None, constant
    if node.kind == "Mul":
        return name, constant, None
    if node.kind == "Div":
        if not constant.all():
            raise RefusedError("divides by 0")
        return name, (1 / constant.astype(np.float64)).astype(constant.dtype), None
    if one is None:
        return name, None, -constant
    return name, np.float32(-1), constant  # type: ignore[return-value]


def _rescaled(
    node: Node, scale: Array | None, offset: Array | None, building: Building, x: Any
) -> Tensor:
    if not isinstance(x, Tensor):
        raise RefusedError("computes with sizes and numbers that are not whole")
    x = building.whole(x)
    factor = 1.0 if scale is None else across(x, scale)
    added = 0.0 if offset is None else across(x, offset)
    return building.called(layers.Rescaling, node, x, scale=factor, offset=added)


def across(x: Tensor, constant: Array) -> Any:
    """Return a constant such that it broadcasts over the network's tensor, if it is no number."""
    if constant.size == 1 and constant.ndim <= x.rank:
        return float(str(constant.reshape(())))
    if constant.size > MOST:
        raise RefusedError(f"holds {constant.size:,} numbers; a config may hold {MOST:,}")
    full = aligned(x, constant)
    while full.shape[0] == 1:
        full = full[0]
    return full


def aligned(x: Tensor, constant: Array) -> Array:
    """Return a constant with the network's axes."""
    if constant.ndim > x.rank:
        raise RefusedError(f"adds axes: {constant.shape} over a tensor of rank {x.rank}")
    wide = constant.reshape((1,) * (x.rank - constant.ndim) + constant.shape)
    for axis, (size, own) in enumerate(zip(wide.shape, x.shape, strict=True)):
        if size != 1 and (size != own or x.axes[axis] in (None, 0)):
            raise RefusedError(f"broadcasts {x.shape} to {wide.shape}")
    places = [n for n, own in enumerate(x.axes) if own is not None]
    full = wide.reshape([wide.shape[n] for n in places])
    return full.transpose(np.argsort(x.real))
