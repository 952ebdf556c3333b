"""On what a run took place."""

from __future__ import annotations

import datetime
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

import sepconv

PROC_STAT = Path("/proc/stat")


def described() -> dict[str, Any]:
    """Return CPU, system, date and versions, as JSON types."""
    return {
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {"numpy": np.__version__, "sepconv": sepconv.__version__},
    }


class Load:
    """How long a run took, and how many CPUs other programs kept busy meanwhile."""

    def __init__(self) -> None:
        self._began = self._clocks()

    def as_settings(self) -> dict[str, Any]:
        """Call it after the run's processes were waited for: until then they count as others."""
        now = self._clocks()
        seconds, busy, ours = (end - begin for begin, end in zip(self._began, now, strict=True))
        others = round(max(busy - ours, 0.0) / seconds, 2) if PROC_STAT.exists() else "unknown"
        return {"run_seconds": round(seconds, 1), "cpus_used_by_others": others}

    @staticmethod
    def _clocks() -> tuple[float, float, float]:
        """Wall time, CPU time of all programs, CPU time of this one and its children: seconds."""
        busy = 0.0
        if PROC_STAT.exists():
            user, nice, system, _idle, _wait, irq, softirq, steal = map(
                int, PROC_STAT.read_text(encoding="ascii").split()[1:9]
            )
            ticks = user + nice + system + irq + softirq + steal
            busy = ticks / os.sysconf("SC_CLK_TCK")
        times = os.times()
        return time.perf_counter(), busy, sum(times[:4])


def _cpu() -> str:
    """Return the name from /proc/cpuinfo, with family and model: virtual machines hide the rest."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", platform.machine())
    if "cpu family" not in fields:
        return name
    return f"{name} (family {fields['cpu family']}, model {fields['model']})"
