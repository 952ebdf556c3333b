"""How a node goes over time: its windows, and what is padded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sepconv import layers
from sepconv.activations import piecewise, smooth
from sepconv.layers.geometry import span as span_of
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.onnx.convolutions import padding, shares
from sepconv.onnx.incoming.building import Building, Padding, RefusedError, Tensor
from sepconv.onnx.incoming.sizes import Size
from sepconv.onnx.incoming.source import Node

MODES = ("valid", "same", "causal")
NOT_NEGATIVE = (piecewise.Relu6, smooth.Sigmoid, smooth.Softplus)


class Windows(NamedTuple):
    """What a node reads, and how it goes over it."""

    x: Tensor
    time: int  # an axis of the file
    arguments: dict[str, Any]  # of the layer: data_format, padding, strides


def windows(
    building: Building,
    node: Node,
    x: Tensor,
    taps: Sequence[int],
    modes: Sequence[str],
    fill: float = 0.0,
) -> Windows:
    """Return how a node goes over time, with its padding as one of `modes`, or as a layer.

    Arguments:
        taps: for each of the file's axes from 2 on.
        fill: what stands beyond the ends.
    """
    if x.rank < 3 or x.rank != len(taps) + 2:
        raise RefusedError(f"has {len(taps)} axes of taps over a tensor of rank {x.rank}")
    x = _with_channels(building, x)
    real = [axis for axis in range(2, x.rank) if x.axes[axis] is not None]
    if len(real) > 1:  # axes of size 1 that the network has
        x = _without_ones(building, x, real)
        real = [axis for axis in range(2, x.rank) if x.axes[axis] is not None]
    if len(real) != 1 or set(x.axes) - {None} != {0, 1, 2} or x.axes[0] != 0:
        raise RefusedError("goes over several axes, not over time alone")
    (time,) = real
    count = len(taps)
    strides, dilations = (node.attributes.get(n) or [1] * count for n in ("strides", "dilations"))
    pads = node.attributes.get("pads") or [0] * (2 * count)
    if not len(strides) == len(dilations) == count == len(pads) // 2:
        raise RefusedError("its attributes have other lengths than its kernel")
    for axis in range(count):
        ends = pads[axis], pads[axis + count]
        if axis != time - 2 and (taps[axis] != 1 or any(ends)):
            raise RefusedError("goes over an axis of size 1")
    at = time - 2
    size, stride, dilation = taps[at], strides[at], dilations[at]
    given = {"pads": [pads[at], pads[at + count]]}
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        given = {"auto_pad": node.attributes["auto_pad"]}
    span = span_of(size, dilation)
    x, mode = _padded(building, x, x.axes[time], given, (span, stride), modes, fill)
    arguments = {
        "data_format": "channels_first" if x.axes[1] == 1 else "channels_last",
        "strides": stride,
        "padding": mode,
    }
    if dilation != 1:
        arguments["dilation_rate"] = dilation
    return Windows(x, time, arguments)


def _with_channels(building: Building, x: Tensor) -> Tensor:
    """Return a tensor whose channels the network has, too, if the file added an axis for them."""
    if x.axes[1] is not None:
        return x
    kept = [axis for axis in range(x.rank) if axis == 1 or x.axes[axis] is not None]
    full = building.plain(replace(x, axes=tuple(x.axes[axis] for axis in kept)))
    axes = tuple(kept.index(axis) if axis in kept else None for axis in range(x.rank))
    return replace(full, axes=axes)


def _without_ones(building: Building, x: Tensor, real: Sequence[int]) -> Tensor:
    """Return a tensor of which the network has no axes of size 1 from the file's third on."""
    kept = [axis for axis in real if x.shape[axis] != 1] or [real[-1]]
    return building.squeezed(x, [axis for axis in real if axis not in kept])


def _padded(
    building: Building,
    x: Tensor,
    axis: Any,
    given: dict[str, Any],
    window: tuple[int, int],
    modes: Sequence[str],
    fill: float,
) -> tuple[Tensor, str]:
    """Return the input, and the layer's padding that is what a node has and a Pad before it."""
    span, stride = window
    steps = x.tensor.shape[axis]
    pad = x.pad
    is_fill = pad is not None and np.array_equal(pad.value, fill, equal_nan=True)
    if pad is not None and (pad.axis != axis or not is_fill or "pads" not in given):
        if pad.value == 0:
            x = building.whole(x)
        pad = x.pad
    if pad is not None:
        size = Size(id(x.tensor), axis)
        if given["pads"] == [0, 0] and (pad.left, pad.right) == shares(size, span, stride):
            return replace(x, pad=None), "same"
        given = {"pads": [pad.left + given["pads"][0], pad.right + given["pads"][1]]}
        x = replace(x, pad=None)
    if given == {"auto_pad": "SAME_UPPER"}:
        return x, "same"
    for mode in modes:
        if padding(steps, span, stride, mode) == given:
            return x, mode
    if "pads" not in given:
        raise RefusedError(f"its padding {given['auto_pad']} is none of Keras's")
    if fill == -np.inf and is_not_negative(x.tensor):
        fill = 0.0
    if math.isnan(fill):
        raise RefusedError("its mean leaves out what it pads, in another way than 'same'")
    left, right = given["pads"]
    return building.whole(replace(x, pad=Padding(axis, left, right, fill))), "valid"


def is_not_negative(tensor: SymbolicTensor) -> bool:
    """Tell whether the layer that makes a tensor, or one before those that move values, says so."""
    while tensor.node is not None:
        layer = tensor.node.operation
        function = getattr(layer, "activation", getattr(layer, "_function", None))
        if isinstance(function, piecewise.Relu):
            return function.negative_slope == 0 and function.threshold >= 0
        if isinstance(function, NOT_NEGATIVE):
            return True
        if not isinstance(layer, (layers.Permute, layers.Cropping1D, layers.UpSampling1D)):
            return False
        (tensor,) = tensor.node.inputs
    return False
