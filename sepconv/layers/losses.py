"""The losses of a call, gathered apart for each thread that makes one."""

from __future__ import annotations

import threading
from typing import Any


class _Calls(threading.local):
    """The calls under way in this thread, the innermost last: (layer, its losses)."""

    def __init__(self) -> None:
        self.stack: list[tuple[object, list[Any]]] = []


under_way = _Calls()


def of(layer: object) -> list[Any] | None:
    """Return the losses that a call of `layer` in this thread is gathering, None outside one."""
    return next((losses for owner, losses in reversed(under_way.stack) if owner is layer), None)
