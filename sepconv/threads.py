"""How many threads the core uses when nobody says: what this process may have, no more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MAX_THREADS = 1024  # more is a mistake in a variable, and each costs a stack


def default_threads(environ: Mapping[str, str] = os.environ) -> int:
    """Return the number of threads to start with, at least 1.

    `SEPCONV_NUM_THREADS` decides alone. Without it: the least of the CPUs of this process's
    affinity, the CPU quota of its control groups, rounded up, and `OMP_NUM_THREADS`.

    Raises:
        ValueError: `SEPCONV_NUM_THREADS` is not an integer in 1..1024.

    >>> default_threads({"SEPCONV_NUM_THREADS": "3"})
    3
    """
    chosen = environ.get("SEPCONV_NUM_THREADS", "").strip()
    if chosen:
        if not chosen.isdecimal() or not 1 <= int(chosen[:9]) <= MAX_THREADS:
            raise ValueError(
                f"SEPCONV_NUM_THREADS must be an integer in 1..{MAX_THREADS}, got {chosen[:200]!r}"
            )
        return int(chosen)
    limits = [_affinity(), MAX_THREADS]
    if quota := cgroup_quota():
        limits.append(quota)
    # "4,2" sets nested levels; the first is ours. What OpenMP would not take is left to OpenMP.
    outer = environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if outer.isdecimal() and int(outer[:9]) > 0:
        limits.append(int(outer[:9]))
    return max(1, min(limits))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_quota(
    proc: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Return the CPUs that the control groups (v1 or v2) of this process grant, or None."""
    granted: list[int] = []
    for line in _read(proc).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "cpu" if controllers else root
        # Any level may hold a limit; in a container only the root may be mounted.
        below = base / path.lstrip("/")
        for folder in (below, *below.parents):
            if not folder.is_relative_to(base):
                break
            granted += _cpus(folder, v1=bool(controllers))
    return min(granted, default=None)


def _cpus(folder: Path, *, v1: bool) -> list[int]:
    if v1:
        words = [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
    else:
        words = _read(folder / "cpu.max").split()
    try:
        quota, period = (int(word) for word in words)  # "max" and "" are no limit
    except ValueError:
        return []
    return [-(-quota // period)] if quota > 0 and period > 0 else []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
