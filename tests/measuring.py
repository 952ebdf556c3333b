"""What a call costs: processor time and resident memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def resident() -> int:
    """Return the bytes of memory that this process holds now."""
    return _status("VmRSS")


def cost(work: Callable[[], T]) -> tuple[T, float, int]:
    """Return what `work` returns, its processor time in seconds, and the most bytes held in it."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew at what is held now
    started = time.process_time()
    result = work()
    return result, time.process_time() - started, _status("VmHWM")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{key}:")]
    return int(line.split()[1]) * 1024
