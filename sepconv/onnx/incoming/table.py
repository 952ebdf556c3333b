"""The table of what turns nodes into layers, by the operator of the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sepconv.onnx.incoming.source import Node, Source


class Found(NamedTuple):
    """What a node, with others before it, is.

    Arguments:
        inputs: names of the tensors that are read; those of nodes that belong to it are not.
        make: (building, values of the inputs) -> the value of the node's output, or a list of
            those of several. A value is a Tensor, or an array: a constant, or sizes.
        activated: of a layer that takes an activation: returns what it is with one, given the
            function of axes and the node with which it ends.
    """

    inputs: tuple[str, ...]
    make: Callable[..., Any]
    activated: Callable[[Any, Node], Found] | None = None


Find = TypeVar("Find", bound=Callable[[Source, Node], Found | None])
FINDERS: dict[str, list[Callable[[Source, Node], Found | None]]] = {}


def finder(*kinds: str, last: bool = False) -> Callable[[Find], Find]:
    """Register what recognises layers that end with a node of these operators.

    It looks at nodes and constants alone, and returns None if it is something else.

    Arguments:
        last: whether it takes what no other one takes.
    """

    def register(function: Find) -> Find:
        for kind in kinds:
            others = FINDERS.setdefault(kind, [])
            others.insert(len(others) if last else 0, function)
        return function

    return register
