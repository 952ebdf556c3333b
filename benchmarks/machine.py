"""On what a run took place."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS


def describe_machine(peers: Iterable[str]) -> dict[str, Any]:
    """CPU, date, instruction set and versions, as JSON types."""
    packages = {module.partition(".")[0] for peer in peers for module in PEERS[peer].requires}
    return {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "kernel": _kernel_info(),
        "versions": {name: v for name in sorted(packages | {"numpy"}) if (v := _version(name))},
    }


def _cpu_model() -> str:
    """The name from /proc/cpuinfo, with family and model: virtual machines often hide the rest."""
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


def _kernel_info() -> dict[str, Any]:
    """What sepconv's core says of itself, or why it says nothing."""
    try:
        info = import_module("sepconv").kernel_info()
    except ImportError as error:
        return {"absent": str(error)}
    return {key: v if isinstance(v, int | float) else str(v) for key, v in dict(info).items()}


def _version(package: str) -> str | None:
    """The installed version; `tensorflow` may come as a distribution of another name."""
    for distribution in (package, f"{package}-cpu"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None
