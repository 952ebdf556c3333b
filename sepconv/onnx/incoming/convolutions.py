"""Conv as Conv1D or DepthwiseConv1D; two of them as SeparableConv1D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sepconv import layers
from sepconv.layers import Layer
from sepconv.onnx.incoming.building import Building, RefusedError, Tensor
from sepconv.onnx.incoming.kernels import Act, Array, Weights, activatable, bias_of, kernel_of
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder
from sepconv.onnx.incoming.windows import MODES, Windows, windows


@finder("Conv")
def find_conv(source: Source, node: Node) -> Found | None:
    """Return the layer that a convolution is, with one by channel before it, if there is one."""
    kernel = kernel_of(source, node.inputs[1])
    before = source.inner(node.inputs[0])
    if before is not None and before.kind == "Conv" and _is_pointwise(node, kernel):
        inner = source.constants.get(before.inputs[1])
        if inner is not None and _is_depthwise(before, inner) and _is_pair(node, before):
            return activatable(node, before.inputs[:1], _separable, source, node, before)
    make = _depthwise if _is_depthwise(node, kernel) and kernel.ndim > 2 else _plain_conv
    if node.attributes.get("group", 1) == 1:
        make = _plain_conv
    return activatable(node, node.inputs[:1], make, source, node)


@finder("Add")
def _with_bias(source: Source, node: Node) -> Found | None:
    """A convolution without a bias, and a constant that is added, also behind a transpose."""
    added = [name for name in node.inputs if name in source.constants]
    others = [name for name in node.inputs if name not in source.constants]
    conv = source.inner(others[0], node.scope) if len(added) == len(others) == 1 else None
    perm = None
    if conv is not None and conv.kind == "Transpose":
        perm, conv = conv.attributes.get("perm"), source.inner(conv.inputs[0], node.scope)
    if conv is None or conv.kind != "Conv" or len(conv.inputs) != 2:
        return None
    bias, kernel = source.constants[added[0]], kernel_of(source, conv.inputs[1])
    axis = 1 if perm is None else perm.index(1)
    shape = (1,) * (kernel.ndim - bias.ndim) + bias.shape
    if len(shape) != kernel.ndim or shape[axis] != len(kernel) or bias.size != len(kernel):
        return None
    name = f"{added[0]} of {conv.name}"
    source.constants[name] = bias.reshape(-1)
    whole = conv._replace(number=node.number, inputs=(*conv.inputs, name), outputs=node.outputs)
    found = find_conv(source, whole)
    return found if perm is None or found is None else _transposed(found, perm)


def _transposed(found: Found, perm: list[int]) -> Found:
    """Return a layer of which the file has the output's axes in another order."""

    def moved(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda building, *values: make(building, *values).transposed(perm)

    def activated(function: Any, last: Node) -> Found:
        assert found.activated is not None
        of_conv = found.activated(lambda axes: function(tuple(axes[n] for n in perm)), last)
        return Found(of_conv.inputs, moved(of_conv.make))

    return Found(found.inputs, moved(found.make), activated)


def _is_depthwise(node: Node, kernel: Array) -> bool:
    return kernel.ndim > 2 and kernel.shape[1] == 1


def _is_pointwise(node: Node, kernel: Array) -> bool:
    """Tell whether a convolution has one tap, and takes each step as it is."""
    told = node.attributes
    moved = [*(told.get("pads") or [0]), *(s - 1 for s in told.get("strides") or [1])]
    return told.get("group", 1) == 1 and set(kernel.shape[2:]) <= {1} and not any(moved)


def _is_pair(node: Node, before: Node) -> bool:
    """Tell a separable convolution from one of a single channel with another behind it."""
    return before.attributes.get("group", 1) > 1 or (
        node.scope != "" and node.scope == before.scope
    )


def _taps(kernel: Array) -> Array:
    """Return a kernel of axes (output channels, input channels, taps)."""
    return kernel.reshape(*kernel.shape[:2], -1)


def _convolved(
    building: Building,
    cls: type[Layer],
    read: Windows,
    weights: Weights,
    act: Act,
    **arguments: Any,
) -> Tensor:
    return building.called(
        cls,
        act.last,
        read.x,
        weights,
        activation=act.function(read.x.axes),
        **read.arguments,
        **arguments,
    )


def _plain_conv(source: Source, node: Node, act: Act, building: Building, x: Tensor) -> Tensor:
    kernel, bias = kernel_of(source, node.inputs[1]), bias_of(source, node)
    read = windows(building, node, x, kernel.shape[2:], MODES)
    kernel_fck = _taps(kernel)
    filters, _, taps = kernel_fck.shape
    weights = [(node.inputs[1], kernel_fck.transpose(2, 1, 0)), *bias]
    groups = node.attributes.get("group", 1)
    return _convolved(
        building, layers.Conv1D, read, weights, act,
        filters=filters, kernel_size=taps, groups=groups, use_bias=bool(bias),
    )  # fmt: skip


def _by_channel(read: Windows, node: Node, kernel: Array) -> Array:
    """Return a kernel (taps, channels, multiplier)."""
    channels, kernel_fck = read.x.shape[1], _taps(kernel)
    groups = node.attributes.get("group", 1)
    if channels != groups or not channels or len(kernel_fck) % channels:
        raise RefusedError(
            f"has {groups} groups for {channels} channels and {len(kernel_fck)} outputs"
        )
    return kernel_fck.reshape(channels, -1, kernel_fck.shape[2]).transpose(2, 0, 1)


def _depthwise(source: Source, node: Node, act: Act, building: Building, x: Tensor) -> Tensor:
    kernel, bias = kernel_of(source, node.inputs[1]), bias_of(source, node)
    read = windows(building, node, x, kernel.shape[2:], MODES[:2])
    kernel_kcm = _by_channel(read, node, kernel)
    weights = [(node.inputs[1], kernel_kcm), *bias]
    return _convolved(
        building, layers.DepthwiseConv1D, read, weights, act,
        kernel_size=len(kernel_kcm), depth_multiplier=kernel_kcm.shape[2], use_bias=bool(bias),
    )  # fmt: skip


def _separable(
    source: Source, node: Node, before: Node, act: Act, building: Building, x: Tensor
) -> Tensor:
    depthwise, pointwise = (kernel_of(source, one.inputs[1]) for one in (before, node))
    read = windows(building, before, x, depthwise.shape[2:], MODES)
    kernel_kcm = _by_channel(read, before, depthwise)
    kernel_fck = _taps(pointwise)
    weights = [(before.inputs[1], kernel_kcm), (node.inputs[1], kernel_fck.transpose(2, 1, 0))]
    bias = bias_of(source, node)
    if inner := bias_of(source, before):  # which the pointwise kernel carries on
        carried = kernel_fck[:, :, 0].astype(np.float64) @ inner[0][1]
        total = carried + (bias[0][1] if bias else 0)
        bias = [(inner[0][0] + (bias[0][0] if bias else ""), total)]
    return _convolved(
        building, layers.SeparableConv1D, read, [*weights, *bias], act,
        filters=len(kernel_fck), kernel_size=len(kernel_kcm),
        depth_multiplier=kernel_kcm.shape[2], use_bias=bool(bias),
    )  # fmt: skip
