"""The losses of a call, gathered apart for each thread that makes one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from sepconv.layers.module import Module
from sepconv.layers.variable import widened


class _Calls(threading.local):
    """The calls under way in this thread, the innermost last: (layer, its losses)."""

    def __init__(self) -> None:
        self.stack: list[tuple[object, list[Any]]] = []


under_way = _Calls()


def of(layer: object) -> list[Any] | None:
    """Return the losses that a call of `layer` in this thread is gathering, None outside one."""
    return next((losses for owner, losses in reversed(under_way.stack) if owner is layer), None)


def of_activity(regularizer: Any, outputs: NDArray[Any]) -> Any:
    """Return the penalty of a call's outputs, for one sample."""
    samples = len(outputs) if outputs.ndim else 1
    return regularizer(widened(outputs)) / samples if samples else 0.0


@contextmanager
def kept(layer: Module, again: bool) -> Iterator[None]:
    """Let a call add its losses to those of the layer's call before, when there is one.

    A layer that stands twice in a network has the losses of both calls.
    """
    before = [(inner, inner._losses) for inner in layer._flatten()] if again else []
    yield
    for inner, earlier in before:
        inner.__dict__["_losses"] = earlier + inner._losses
