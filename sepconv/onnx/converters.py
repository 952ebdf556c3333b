"""The table of what turns a layer into nodes, by its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sepconv.layers import Layer

# (graph, layer, its input or list of inputs) -> (the output's name, whether it is swapped).
# Inputs come in the dtype of the layer's arithmetic, Embedding's as int64; so do outputs leave.
Made = tuple[str, bool]
Convert = TypeVar("Convert", bound=Callable[..., Made])
CONVERTERS: dict[type[Layer], Callable[[Any, Any, Any], Made]] = {}


def converter(*classes: type[Layer]) -> Callable[[Convert], Convert]:
    """Register a function as what converts layers of these very classes."""

    def register(function: Convert) -> Convert:
        CONVERTERS.update(dict.fromkeys(classes, function))
        return function

    return register
