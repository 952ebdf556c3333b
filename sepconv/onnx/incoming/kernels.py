"""What layers with kernels have in common: their constants, and an activation behind them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from sepconv.activations import Linear
from sepconv.onnx.incoming.building import Axes, RefusedError
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found

Array = NDArray[Any]
Weights = Sequence[tuple[str, Array]]  # each by the file's name


def _linear(axes: Axes) -> Any:
    return Linear()


class Act(NamedTuple):
    """The activation of a layer.

    Arguments:
        function: of the output's axes, as the file has them -> an Activation.
        last: the node with which it ends; of a layer without one the layer's own.
    """

    function: Callable[[Axes], Any]
    last: Node


def activatable(
    node: Node, inputs: tuple[str, ...], make: Callable[..., Any], *given: Any
) -> Found:
    """Return a layer that ends with a node, or with an activation behind it.

    Arguments:
        make: called with what is given, the Act, the building and the inputs' values.
    """

    def activated(function: Any, last: Node) -> Found:
        return Found(inputs, functools.partial(make, *given, Act(function, last)))

    return Found(inputs, functools.partial(make, *given, Act(_linear, node)), activated)


def kernel_of(source: Source, name: str) -> Array:
    if name not in source.constants:
        raise RefusedError("its kernel is computed, not a constant")
    return source.constants[name]


def bias_of(source: Source, node: Node) -> list[tuple[str, Array]]:
    if len(node.inputs) < 3 or not node.inputs[2]:
        return []
    return [(node.inputs[2], kernel_of(source, node.inputs[2]))]
