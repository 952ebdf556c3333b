"""A layer's lock, which a forked child finds open."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType

_live: weakref.WeakSet[LayerLock] = weakref.WeakSet()


class LayerLock:
    """A re-entrant lock. A fork while another thread holds it leaves the child a fresh one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _live.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[LayerLock], tuple[()]]:
        return LayerLock, ()  # a copy of a layer has a lock of its own

    def _open(self) -> None:
        self._lock = threading.RLock()


def _open_all() -> None:
    for lock in _live:
        lock._open()


# The thread that held a lock does not exist in the child, so nobody would ever release it.
os.register_at_fork(after_in_child=_open_all)
