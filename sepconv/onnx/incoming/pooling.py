"""Nodes that pool windows of time, or all of it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.layers import Layer
from sepconv.onnx.incoming.building import Building, Padding, RefusedError, Tensor
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder
from sepconv.onnx.incoming.windows import MODES, windows

Array = NDArray[Any]


@finder("MaxPool", "AveragePool")
def _pool(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_pooled, node, node))


def _pooled(last: Node, node: Node, building: Building, x: Tensor) -> Tensor:
    told = node.attributes
    taps = told.get("kernel_shape") or []
    if told.get("ceil_mode") or set(told.get("dilations") or [1]) != {1}:
        raise RefusedError("`ceil_mode` and `dilations` are in no layer here")
    cls: type[Layer] = layers.MaxPooling1D
    fill, modes = -np.inf, list(MODES[:2])
    if node.kind == "AveragePool":
        if x.pad is not None and x.pad.value == 0:
            x = building.whole(x)  # whose zeros the mean counts
        counted = bool(told.get("count_include_pad"))
        cls = layers.AveragePooling1D
        fill, modes = (0.0, modes[:1]) if counted else (np.nan, modes)
    read = windows(building, node, x, taps, modes, fill)
    return building.called(cls, last, read.x, pool_size=taps[read.time - 2], **read.arguments)


@finder("Div")
def _mean_of_the_padded(source: Source, node: Node) -> Found | None:
    """A mean of zero-padded values by that of ones padded alike: what was padded is left out."""
    pool, other = (source.inner(name, node.scope) for name in node.inputs)
    if pool is None or other is None or {pool.kind, other.kind} != {"AveragePool"}:
        return None
    values, ones = (source.inner(one.inputs[0]) for one in (pool, other))
    if values is None or ones is None or {values.kind, ones.kind} != {"Pad"}:
        return None
    same = values.inputs[1:] == ones.inputs[1:] and pool.attributes == other.attributes
    if not same or not _of_ones(source, ones, values.inputs[0]):
        return None
    return Found(values.inputs[:2], functools.partial(_mean_within, node, pool))


def _of_ones(source: Source, pad: Node, like: str) -> bool:
    """Tell whether ones of the shape of another tensor are padded."""
    spread = source.inner(pad.inputs[0])
    if spread is None or spread.kind != "Expand":
        return False
    one, shape = source.constants.get(spread.inputs[0]), source.makers.get(spread.inputs[1])
    if one is None or shape is None or shape.kind != "Shape" or shape.attributes:
        return False
    return one.size == 1 and bool(np.all(one == 1)) and shape.inputs == (like,)


def _mean_within(node: Node, pool: Node, building: Building, x: Tensor, pads: Any) -> Tensor:
    ends = np.ravel(pads)
    if len(ends) != 2 * x.rank or x.rank < 3 or any(np.delete(ends, [x.rank - 1, -1])):
        raise RefusedError("pads other axes than the last")
    left, right = ends[x.rank - 1], ends[-1]
    x = replace(building.whole(x), pad=Padding(x.axes[-1], left, right, np.nan))
    return _pooled(node, pool, building, x)


_WITHOUT_ONES = ("Squeeze", "Flatten", "Reshape")  # which do not need the axis of time


@finder("GlobalMaxPool", "GlobalAveragePool", "ReduceMax", "ReduceMean")
def _global_pool(source: Source, node: Node) -> Found | None:
    over = None
    if node.kind.startswith("Reduce"):
        over = source.operand(node, "axes", 1)
        if over is None and node.attributes.get("noop_with_empty_axes"):
            raise RefusedError("reduces no axis")
    return Found(node.inputs[:1], functools.partial(_globally_pooled, node, over))


def _globally_pooled(node: Node, over: Array | None, building: Building, x: Tensor) -> Tensor:
    x = building.whole(x)
    first = 2 if node.kind.startswith("Global") else 0
    axes = range(first, x.rank) if over is None else {x.place(int(a)) for a in over.ravel()}
    kept = node.attributes.get("keepdims", 1) == 1
    cls = layers.GlobalMaxPooling1D if "Max" in node.kind else layers.GlobalAveragePooling1D
    real = [axis for axis in axes if x.axes[axis] is not None]
    if len(real) > 1 or len(x.tensor.shape) != 3 or any(x.axes[axis] == 0 for axis in real):
        raise RefusedError("reduces other axes than time")
    if real:
        (time,) = real
        form = "channels_last" if x.axes[time] == 1 else "channels_first"
        reader = building.source.reader(node.output)
        stays = kept and (reader is None or reader.kind not in _WITHOUT_ONES)
        x = building.called(cls, node, x, data_format=form, keepdims=stays)
        if not stays:
            gone = 1 if form == "channels_last" else 2
            left = [None if a in (None, gone) else a - (a > gone) for a in x.axes]
            x = replace(x, axes=tuple(left))
    if kept:
        return x
    return replace(x, axes=tuple(a for number, a in enumerate(x.axes) if number not in axes))
