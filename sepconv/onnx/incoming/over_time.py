"""Nodes that pad, crop or repeat steps of time."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.onnx.incoming.building import Building, Padding, RefusedError, Tensor
from sepconv.onnx.incoming.convolutions import find_conv
from sepconv.onnx.incoming.moving import ints
from sepconv.onnx.incoming.sizes import Size
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder

Array = NDArray[Any]
FAR = 2**31  # beyond the end of any axis


@finder("Pad")
def _pad(source: Source, node: Node) -> Found | None:
    if node.attributes.get("mode", "constant") != "constant":
        raise RefusedError(f"pads by {node.attributes['mode']}")
    fill = source.operand(node, "value", 2)
    axes = source.operand(node, "axes", 3)
    if "pads" in node.attributes:
        pads = np.asarray(node.attributes["pads"])
        return Found(node.inputs[:1], lambda building, x: _padded(axes, fill, building, x, pads))
    return Found(node.inputs[:2], functools.partial(_padded, axes, fill))


def _padded(
    axes: Array | None, fill: Array | None, building: Building, x: Tensor, pads: Any
) -> Tensor:
    if isinstance(pads, Tensor):
        raise RefusedError("its `pads` are computed")
    over = [*range(x.rank)] if axes is None else [x.place(axis) for axis in ints(axes, "axes")]
    first, last = np.ravel(pads)[: len(over)], np.ravel(pads)[len(over) :]
    if len(first) != len(over) or len(last) != len(over):
        raise RefusedError(f"has {np.size(pads)} sizes of padding for {len(over)} axes")
    wanted: list[Any] = [
        (x.axes[axis], *(n if isinstance(n, Size) else int(n) for n in ends))
        for axis, *ends in zip(over, first, last, strict=True)
        if any(isinstance(n, Size) or n for n in ends)
    ]
    if not wanted:
        return x
    if len(wanted) > 1 or wanted[0][0] in (None, 0):
        raise RefusedError("pads other axes than time")
    value = 0.0 if fill is None or not fill.size else float(fill.reshape(-1)[0])
    (axis, left, right), x = wanted[0], building.whole(x)
    return replace(x, pad=Padding(axis, left, right, value))


@finder("Slice")
def _slice(source: Source, node: Node) -> Found | None:
    return _causal(source, node) or _cropped(source, node)


def _causal(source: Source, node: Node) -> Found | None:
    """A convolution of which the end is cut off again: it pads so much less there."""
    conv = source.inner(node.inputs[0])
    if not all(name in source.constants for name in node.inputs[1:] if name):
        return None
    bounds = [source.operand(node, *told) for told in (("starts", 1), ("ends", 2), ("axes", 3))]
    steps = source.operand(node, "steps", 4)
    if conv is None or conv.kind != "Conv" or any(b is None or b.size != 1 for b in bounds):
        return None
    if steps is not None and (steps != 1).any():
        return None
    start, end, axis = (int(bound.reshape(())) for bound in bounds if bound is not None)
    left, right = (conv.attributes.get("pads") or [0, 0])[:2]
    cut = (start, axis in (2, -1), len(conv.attributes.get("pads") or ())) == (0, True, 2)
    if not cut or not 0 < -end <= right or max(conv.attributes.get("strides") or [1]) > 1:
        return None
    less = {**conv.attributes, "pads": [left, right + end]}
    moved = conv._replace(attributes=less, number=node.number, outputs=node.outputs)
    return find_conv(source, moved)


def _cropped(source: Source, node: Node) -> Found | None:
    told = node.attributes
    if "starts" in told:
        bounds = [told["starts"], told["ends"], told.get("axes")]
        return Found(node.inputs[:1], lambda building, x: _sliced(node, building, x, *bounds))
    return Found(node.inputs, functools.partial(_sliced, node))


def _sliced(
    node: Node, building: Building, x: Tensor, starts: Any, ends: Any, axes: Any = None,
    steps: Any = None,
) -> Tensor:  # fmt: skip
    x = building.whole(x)
    first, last = ints(starts, "starts"), ints(ends, "ends")
    places = range(len(first)) if axes is None else ints(axes, "axes")
    if set([] if steps is None else ints(steps, "steps")) - {1}:
        raise RefusedError("takes other steps than each")
    for place, start, end in zip(places, first, last, strict=True):
        axis = x.place(place)
        size = x.shape[axis]
        cut = _cropping(start, end, size)
        if cut == (0, 0):
            continue
        x = over_time(building, x, axis, "crops")
        x = building.called(layers.Cropping1D, node, x, cropping=cut)
    return x


def _cropping(start: int, end: int, size: int | None) -> tuple[int, int]:
    """Return how many steps a slice leaves out at the beginning and at the end."""
    if size is not None:
        kept = range(size)[start:end]
        if not kept:
            raise RefusedError("leaves no values")
        return kept[0], size - 1 - kept[-1]
    if start < 0 or FAR > end >= 0:
        raise RefusedError("takes steps by their number from the other end of an open axis")
    return start, 0 if end >= FAR else -end


@finder("Split")
def _split(source: Source, node: Node) -> Found | None:
    sizes = source.operand(node, "split", 1)
    return Found(node.inputs[:1], functools.partial(_parted, node, sizes))


def _parted(node: Node, sizes: Array | None, building: Building, x: Tensor) -> list[Tensor]:
    x = building.whole(x)
    axis, count = x.place(node.attributes.get("axis", 0)), len(node.outputs)
    whole = x.shape[axis]
    if whole is None:
        raise RefusedError("splits an open axis")
    each = -(-whole // count)
    parts = [each] * (count - 1) + [whole - each * (count - 1)]
    if sizes is not None:
        parts = ints(sizes, "split")
    if len(parts) != count or sum(parts) != whole or min(parts) < 1:
        raise RefusedError(f"splits {whole} values into {parts}")
    x = over_time(building, x, axis, "splits")
    ends = list(itertools.accumulate(parts))
    return [
        building.called(layers.Cropping1D, node, x, cropping=(end - size, whole - end))
        for end, size in zip(ends, parts, strict=True)
    ]


def over_time(building: Building, x: Tensor, axis: int, what: str) -> Tensor:
    """Return (batch, time, channels), with the file's `axis` as time."""
    own = x.axes[axis]
    if len(x.tensor.shape) != 3 or own in (None, 0):
        raise RefusedError(f"{what} another axis than time")
    if own == 1:
        return x
    (other,) = (n for n, a in enumerate(x.axes) if a == 1)
    swapped = [1 if n == axis else 2 if n == other else a for n, a in enumerate(x.axes)]
    compact = [a for a in swapped if a is not None]
    made = building.arranged(replace(x, axes=x.real), tuple(compact))
    return replace(made, axes=tuple(swapped))


# How Resize finds the nearest step, by its attributes; and the ways that repeat each.
_NEAREST = {
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_floor",
}
_REPEATING = [
    ("asymmetric", "floor"),
    *itertools.product(
        ("half_pixel", "pytorch_half_pixel"), ("round_prefer_floor", "round_prefer_ceil")
    ),
]


@finder("Resize", "Upsample")
def _resize(source: Source, node: Node) -> Found | None:
    told = node.attributes
    old = node.kind == "Upsample" or source.opset < 11
    place = 1 if old else 2
    form = tuple(told.get(name, default) for name, default in _NEAREST.items())
    of_axes = told.get("axes") or told.get("keep_aspect_ratio_policy", "stretch") != "stretch"
    if told.get("mode", "nearest") != "nearest" or not (old or form in _REPEATING) or of_axes:
        raise RefusedError(
            f"interpolates ({told.get('mode')}, {', '.join(form)}); steps can be repeated"
        )
    sizes = source.operand(node, "sizes", 3)
    scales = source.operand(node, "scales", place)
    return Found(node.inputs[:1], functools.partial(_repeated, node, scales, sizes))


def _repeated(
    node: Node, scales: Array | None, sizes: Array | None, building: Building, x: Tensor
) -> Tensor:
    x = building.whole(x)
    if sizes is not None and sizes.size:
        known = [size or np.nan for size in x.shape]
        known[0] = int(sizes[0])
        scales = np.asarray(sizes / np.array(known))
    if scales is None or scales.size != x.rank:
        raise RefusedError("its scales are computed, or not one for each axis")
    grown = [axis for axis, scale in enumerate(scales) if scale != 1]
    for axis in grown:
        if scales[axis] % 1 or len(grown) > 1:
            raise RefusedError(
                f"scales by {scales.tolist()}; time can be repeated a whole number of times"
            )
        x = over_time(building, x, axis, "scales")
        x = building.called(layers.UpSampling1D, node, x, size=int(scales[axis]))
    return x
