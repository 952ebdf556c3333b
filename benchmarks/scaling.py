"""How cost and memory grow with T, C, F, K and threads: `python -m benchmarks.scaling`.

`--axes K --seconds 0.02` is a short form. Every point runs in its own process, so that the peak
memory is its own. Linux only: the peak comes from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe_machine
from benchmarks.peers import Sepconv
from benchmarks.workloads import Workload
from sepconv.cli.bench.figures import duration
from sepconv.models.turns import Turn

BASE = Workload("base", B=1, T=10_000, C=64, F=64, K=9)
SWEPT: dict[str, tuple[int, ...]] = {
    "T": (10**3, 10**4, 10**5, 10**6, 10**7),
    "C": (16, 64, 256, 1024),
    "F": (16, 64, 256, 1024),
    "K": (3, 9, 33, 87, 257),
}
PEAK_RESET = Path("/proc/self/clear_refs")
LONGEST_CHANNELS = 8  # of x and y at T = 10^7: 320 MB each


class Point(NamedTuple):
    """One measured size."""

    swept: str
    value: int
    layer: str
    threads: int
    seconds: float
    flops: int
    extra_bytes: int  # peak memory of the calls beyond x, y and the weights


def workloads(axes: Iterable[str]) -> Iterator[tuple[str, int, Workload]]:
    """Each axis with its sizes; T with few channels, so that its largest fits a small machine."""
    for axis in axes:
        for value in SWEPT[axis]:
            sizes: dict[str, Any] = {axis: value}
            if axis == "T":
                sizes |= {"C": LONGEST_CHANNELS, "F": LONGEST_CHANNELS}
            yield axis, value, replace(BASE, **sizes)


def measure(workload: Workload, threads: int, seconds: float) -> dict[str, Any]:
    """Time one workload in this process, and how far its peak memory rose above the arrays."""
    form = next(Sepconv(threads).forms(workload))
    PEAK_RESET.write_text("5", encoding="ascii")  # proc(5): sets VmHWM back to VmRSS
    before = _resident_bytes("VmRSS")
    y = form.call()
    extra = _resident_bytes("VmHWM") - before - y.nbytes
    del y  # the next output then reuses its pages: their first touch is not the layer's cost
    return {"seconds": Turn.of(form.call, seconds).median, "extra_bytes": max(extra, 0)}


def _resident_bytes(field: str) -> int:
    """VmRSS (now) or VmHWM (the peak) of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kibibytes) * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every point in a process of its own, print tables, write JSON. Returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description="Time one layer over growing sizes, and measure its memory.",
    )
    parser.add_argument(
        "--axes", nargs="+", choices=list(SWEPT), default=list(SWEPT), metavar="NAME",
        help="which of T, C, F, K to grow (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="of calls at each point (default: %(default)s)"
    )
    parser.add_argument(
        "--output", metavar="DIR", default="benchmarks/results", help="default: %(default)s"
    )
    options = parser.parse_args(arguments)
    console = Console()
    counts = range(1, len(os.sched_getaffinity(0)) + 1)
    points = [
        _in_own_process(axis, value, workload, threads, options.seconds)
        for axis, value, workload in workloads(options.axes)
        for threads in counts
    ]
    for axis in options.axes:
        console.print(_table(axis, [p for p in points if p.swept == axis]))
    written = _write(points, options.seconds, Path(options.output))
    console.print(f"wrote {written}")
    return 0


def _write(points: Sequence[Point], seconds: float, folder: Path) -> Path:
    """Write the points with the machine they are of, and return where."""
    content = {
        "format": "sepconv-scaling/1",
        "machine": describe_machine([Sepconv]),
        "seconds_a_point": seconds,
        "points": [p._asdict() for p in points],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scaling.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _in_own_process(
    axis: str, value: int, workload: Workload, threads: int, seconds: float
) -> Point:
    code = (
        "import json\nfrom benchmarks.scaling import measure\n"
        "from benchmarks.workloads import Workload\n"
        f"print(json.dumps(measure({workload!r}, {threads}, {seconds})))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    found = json.loads(ran.stdout)
    seconds, extra_bytes = found["seconds"], found["extra_bytes"]
    return Point(axis, value, str(workload), threads, seconds, workload.flops, extra_bytes)


def _table(axis: str, points: Sequence[Point]) -> Table:
    table = Table(title=f"cost over {axis}")
    table.add_column("B, T, C → F, taps", no_wrap=True)
    for column in ("threads", "time", f"ns / {axis}", "GFLOP/s", "extra MiB"):
        table.add_column(column, justify="right")
    for p in points:
        table.add_row(
            p.layer,
            str(p.threads),
            duration(p.seconds),
            f"{p.seconds / p.value * 1e9:,.1f}",
            f"{p.flops / p.seconds / 1e9:.1f}",
            f"{p.extra_bytes / 2**20:.1f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
