"""Calls that are repeated for a while, and how long they took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """Calls of one function, one after the other.

    >>> turn = Turn.of(lambda: sum(range(100)), seconds=0.001)
    >>> turn.calls > 1, turn.best <= turn.median
    (True, True)
    """

    median: float  # seconds a call
    best: float
    calls: int

    @classmethod
    def of(cls, call: Callable[[], Any], seconds: float) -> Turn:
        """Call for `seconds`, after a fifth of it that wakes threads and caches."""
        first, *_ = durations(call, seconds / 5)
        if first > seconds:  # too slow to be repeated; waking does not matter to it either
            return cls(first, first, 1)
        taken = durations(call, seconds)
        return cls(statistics.median(taken), min(taken), len(taken))


def durations(call: Callable[[], Any], seconds: float) -> list[float]:
    """Return the seconds of each call, made for about `seconds` and at least once."""
    taken: list[float] = []
    begin = end = time.perf_counter()
    while not taken or end - begin < seconds:
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        taken.append(end - start)
    return taken
