"""Activations, as layers of their own or of the layer before them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from sepconv import layers
from sepconv.activations import Activation, axiswise, piecewise, smooth
from sepconv.layers import Layer
from sepconv.onnx.incoming import formulas
from sepconv.onnx.incoming.arithmetic import EVALUATED
from sepconv.onnx.incoming.building import Axes, Building, RefusedError, Tensor
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder

# Layers that are an activation with arguments.
LAYERS: dict[type[Activation], type[Layer]] = {
    piecewise.Relu: layers.ReLU,
    piecewise.LeakyRelu: layers.LeakyReLU,
    smooth.Elu: layers.ELU,
    axiswise.Softmax: layers.Softmax,
}


@finder("HardSigmoid")
def _hard_sigmoid(source: Source, node: Node) -> Found | None:
    """Of another slope than Keras 3's: between 0 and 1, as of a ReLU."""
    told = node.attributes
    scale, offset = (formulas.rounded(told.get(*one)) for one in (("alpha", 0.2), ("beta", 0.5)))

    def make(building: Building, x: Tensor) -> Tensor:
        x = building.whole(x)
        x = building.called(layers.Rescaling, node, x, scale=scale, offset=offset)
        return building.called(layers.ReLU, node, x, max_value=1.0)

    return Found(node.inputs, make)


class Activated(NamedTuple):
    """An activation of a tensor.

    Arguments:
        function: of the file's axes -> an Activation of the network's.
        before: the node of its scope that makes the tensor for it alone, if there is one.
    """

    name: str
    function: Callable[[Axes], Activation]
    before: Node | None


def found(source: Source, node: Node) -> Activated | None:
    """Return the activation that a node, with others before it, computes."""
    if node.kind in ("Softmax", "LogSoftmax"):
        name = node.inputs[0]
        along = functools.partial(_along, source, node)
        return Activated(name, along, source.inner(name, node.scope))
    if node.kind not in EVALUATED:
        return None
    formula = formulas.found(source, node)
    if formula is None or not isinstance(formula.function, Activation):
        return None
    maker = source.makers.get(formula.source) if formula.is_inner else None
    before = maker if maker is not None and maker.scope == node.scope else None
    return Activated(formula.source, functools.partial(_formula, formula), before)


def layer(node: Node, act: Activated) -> Found:
    """Return an activation as a layer of its own."""
    return Found((act.name,), functools.partial(_activated, node, act.function))


def _activated(node: Node, act: Any, building: Building, x: Tensor) -> Tensor:
    if not isinstance(x, Tensor):
        raise RefusedError("computes with sizes")
    x = building.whole(x)
    activation = act(x.axes)
    cls = LAYERS.get(type(activation))
    if cls is not None:
        return building.called(cls, node, x, **activation.get_config())
    return building.called(layers.Activation, node, x, activation=activation)


def _along(source: Source, node: Node, axes: Axes) -> Activation:
    """Return softmax over an axis; before opset 13, over that and all behind it."""
    old = source.opset < 13
    axis = node.attributes.get("axis", 1 if old else -1)
    if not -len(axes) <= axis < len(axes):
        raise RefusedError(f"is along axis {axis} of a tensor of rank {len(axes)}")
    first = axis % len(axes)
    over = [n for n in range(first, len(axes) if old else first + 1) if axes[n] is not None]
    if node.kind == "Softmax":
        return _placed(axiswise.Softmax(over), axes)
    if len(over) > 1:
        raise RefusedError("is over several axes")
    return _placed(axiswise.LogSoftmax(*over), axes)


def _rank(axes: Axes) -> int:
    return sum(axis is not None for axis in axes)


def _formula(formula: formulas.Formula, axes: Axes) -> Activation:
    if len(axes) < formula.rank:
        raise RefusedError(f"has constants of {formula.rank} axes for a tensor of {len(axes)}")
    return _placed(formula.function, axes)


def _placed(activation: Any, axes: Axes) -> Activation:
    """Return an activation of the network's axes for one of the file's."""
    if not isinstance(activation, axiswise.Axiswise):
        return activation  # type: ignore[no-any-return]
    axis = activation.get_config()["axis"]
    places = axis if isinstance(axis, list) else [axis]
    own = []
    for place in places:
        if not -len(axes) <= place < len(axes) or axes[place] in (None, 0):
            raise RefusedError(f"is along axis {place}: the batch, or one that the file added")
        own.append(-1 if axes[place] == _rank(axes) - 1 else axes[place])
    return type(activation)(axis=own if len(own) > 1 else own[0])
