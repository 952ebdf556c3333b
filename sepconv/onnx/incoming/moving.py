"""Nodes that move, repeat or leave out values."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.onnx.incoming.building import NARROW, Building, RefusedError, Tensor
from sepconv.onnx.incoming.sizes import BATCH, Size
from sepconv.onnx.incoming.source import DTYPES, Node, Source
from sepconv.onnx.incoming.table import Found, finder

Array = NDArray[Any]


def ints(values: Any, name: str) -> list[int]:
    """Return constant ints."""
    listed = list(np.ravel(values)) if isinstance(values, np.ndarray | list) else [values]
    if any(isinstance(value, (Size, Tensor)) for value in listed):
        raise RefusedError(f"its `{name}` is computed, not a constant")
    return [int(value) for value in listed]


# --- dtypes --------------------------------------------------------------------------------------


@finder("Cast")
def _cast(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_as, DTYPES.get(node.attributes["to"], "")))


def _as(dtype: str, building: Building, x: Tensor) -> Tensor:
    """Return a tensor in another dtype; layers convert what they take by themselves."""
    if dtype in ("bool", ""):
        raise RefusedError("casts to bool or to a type that is not read")
    if dtype == x.dtype:
        return x
    if dtype in NARROW:
        if x.rounded not in (None, dtype):
            raise RefusedError(f"rounds to {dtype} what was rounded to {x.rounded}")
        return replace(x, dtype=dtype, rounded=dtype)
    if x.dtype == "float64":
        raise RefusedError(f"casts float64 to {dtype}")
    return replace(x, dtype=dtype, rounded=x.dtype if x.dtype in NARROW else x.rounded)


# --- the axes ------------------------------------------------------------------------------------


@finder("Transpose")
def _transpose(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_transposed, node.attributes.get("perm")))


def _transposed(perm: list[int] | None, building: Building, x: Tensor) -> Tensor:
    return x.transposed(list(range(x.rank))[::-1] if perm is None else perm)


@finder("Unsqueeze", "Squeeze")
def _axes_of_one(source: Source, node: Node) -> Found | None:
    make = _unsqueezed if node.kind == "Unsqueeze" else _squeezed
    return Found(node.inputs[:1], functools.partial(make, source.operand(node, "axes", 1)))


def _unsqueezed(axes: Array | None, building: Building, x: Tensor) -> Tensor:
    places = ints(axes, "axes")
    rank = x.rank + len(places)
    if any(not -rank <= place < rank for place in places):
        raise RefusedError(f"adds axes {places} to a tensor of rank {x.rank}")
    at = {place % rank for place in places}
    left = iter(x.axes)
    if len(at) != len(places):
        raise RefusedError(f"adds an axis twice: {places}")
    return replace(x, axes=tuple(None if n in at else next(left) for n in range(rank)))


def _squeezed(axes: Array | None, building: Building, x: Tensor) -> Tensor:
    if axes is None:
        at = {n for n, size in enumerate(x.shape) if size == 1 and x.axes[n] != 0}
    else:
        at = {x.place(axis) for axis in ints(axes, "axes")}
    if any(x.axes[n] == 0 for n in at):
        raise RefusedError("takes away the axis of the batch")
    x = building.squeezed(x, sorted(at))
    return replace(x, axes=tuple(axis for n, axis in enumerate(x.axes) if n not in at))


@finder("Flatten")
def _flatten(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_flattened, node))


def _flattened(node: Node, building: Building, x: Tensor) -> Tensor:
    axis = node.attributes.get("axis", 1)
    if (axis + x.rank if axis < 0 else axis) != 1:
        raise RefusedError("flattens other axes than all but the batch")
    x = replace(building.whole(x), axes=x.real)
    rank, form = x.rank, "channels_last"
    if rank > 2 and x.axes == (0, *range(2, rank), 1):
        form = "channels_first"
    elif x.axes != tuple(range(rank)):
        x = building.plain(x)
    if rank != 2:
        x = building.called(layers.Flatten, node, replace(x, axes=(0, 1)), data_format=form)
    return replace(x, axes=(0, 1))


@finder("Reshape")
def _reshape(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, functools.partial(_reshaped, node))


def _reshaped(node: Node, building: Building, x: Tensor, shape: Array) -> Tensor:
    if isinstance(shape, Tensor):
        raise RefusedError("its shape is computed")
    target = [
        x.sizes()[n] if size == 0 and not node.attributes.get("allowzero") and n < x.rank else size
        for n, size in enumerate(np.ravel(shape))
    ]
    if not target or not _is_batch(target, x, building.batch):
        raise RefusedError(f"its shape {target} moves values from one sample to another")
    sizes = [-1 if isinstance(size, Size) else int(size) for size in target[1:]]
    if sizes.count(-1) > 1:
        raise RefusedError(f"has several open sizes: {target}")
    tensor = building.ordered(x)
    if sizes == [-1 if size is None else size for size in tensor.shape[1:]]:
        return replace(building.whole(x), tensor=tensor, axes=tuple(range(len(target))))
    whole = replace(building.whole(x), tensor=tensor, axes=tuple(range(len(target))))
    return building.called(layers.Reshape, node, whole, target_shape=tuple(sizes))


def _is_batch(target: Sequence[Any], x: Tensor, batch: int | None) -> bool:
    """Tell whether a shape's first size is the batch, whatever the others."""
    first, *others = target
    if isinstance(first, Size):
        return first == Size(BATCH)
    if first != -1:
        return int(first) == batch
    sample = [size for size, axis in zip(x.shape, x.axes, strict=True) if axis != 0]
    if None in sample or any(isinstance(size, Size) for size in others):
        return False
    return math.prod(int(size) for size in others) == math.prod(size or 1 for size in sample)


# --- shapes --------------------------------------------------------------------------------------


@finder("Expand")
def _expand(source: Source, node: Node) -> Found | None:
    return Found(node.inputs, _expanded)


def _expanded(building: Building, x: Tensor, shape: Any) -> Tensor:
    own = list(x.sizes())
    target = [1] * x.rank if isinstance(shape, Tensor) else list(np.ravel(shape))
    wanted = target[len(target) - x.rank :]
    if len(target) > x.rank or any(
        n not in (1, size) for n, size in zip(wanted, own[::1], strict=False)
    ):
        raise RefusedError("repeats values")
    return x


@finder("Shape")
def _shape(source: Source, node: Node) -> Found | None:
    told = node.attributes
    part = slice(told.get("start", 0), told.get("end"))
    return Found(node.inputs, functools.partial(_shape_of, part))


def _shape_of(part: slice, building: Building, x: Any) -> Array:
    if isinstance(x, Tensor):
        return building.whole(x).sizes()[part]
    return np.array(np.shape(x)[part], np.int64)  # of sizes


@finder("Dropout")
def _dropout(source: Source, node: Node) -> Found | None:
    raise RefusedError("drops values in training mode, or tells which it dropped")
