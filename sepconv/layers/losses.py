"""The losses of a call, gathered apart for each thread that makes one."""

from __future__ import annotations

import threading
from typing import Any


class _Calls(threading.local):
    """The calls under way in this thread, the innermost last: (layer, its losses)."""

    def __init__(self) -> None:
        self.stack: list[tuple[object, list[Any]]] = []


_calls = _Calls()


def begin(layer: object) -> list[Any]:
    """Start a call of `layer`; return the list that its losses go to. `end` must follow."""
    losses: list[Any] = []
    _calls.stack.append((layer, losses))
    return losses


def end() -> None:
    """End the innermost call of this thread."""
    _calls.stack.pop()


def of(layer: object) -> list[Any] | None:
    """Return the losses that a call of `layer` in this thread is gathering, None outside one."""
    return next((losses for owner, losses in reversed(_calls.stack) if owner is layer), None)
