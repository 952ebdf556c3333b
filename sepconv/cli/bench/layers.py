"""Thirteen layers in both data formats, on all threads and on one."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import sepconv
from sepconv.cli.bench import machine
from sepconv.cli.bench.figures import duration, rate, threads
from sepconv.cli.bench.workloads import WORKLOADS, Workload
from sepconv.cli.terminal import tracked
from sepconv.layers import SeparableConv1D
from sepconv.models.turns import Turn

FORMATS = {"channels_last": "B, T, C", "channels_first": "B, C, T"}
ROUNDS = 5
SECONDS = 0.25  # of calls for a figure, if nobody says
PIPED_WIDTH = 110  # columns, when the output is no terminal


@dataclass(frozen=True)
class Timing:
    """All rounds of one layer in one format."""

    workload: Workload
    data_format: str
    threads: int
    flops: int  # two for each multiply-add
    turns: list[Turn]

    @property
    def seconds(self) -> float:
        """The median over rounds of the median over calls."""
        return statistics.median(turn.median for turn in self.turns)


def benched(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time every layer, print tables, and return the figures as JSON types."""
    counts = sorted({sepconv.get_num_threads(), 1}, reverse=True)
    seconds = arguments.seconds or SECONDS
    load = machine.Load()
    timings = [
        timing
        for workload in tracked(WORKLOADS, "timing layers")
        for timing in timed(workload, counts, seconds)
    ]
    sepconv.set_num_threads(counts[0])
    figures: dict[str, Any] = {
        "format": "sepconv-layers/1",
        "machine": {**machine.described(), "kernel": sepconv.kernel_info()},
        "settings": {"rounds": ROUNDS, "seconds_a_figure": seconds, **load.as_settings()},
        "timings": [_as_json(timing) for timing in timings],
    }
    _print(timings, figures["machine"], figures["settings"])
    return figures


def layer_of(workload: Workload, data_format: str) -> SeparableConv1D:
    """Return the layer, not yet built."""
    return SeparableConv1D(
        workload.F,
        workload.K,
        strides=workload.stride,
        padding=workload.padding,
        data_format=data_format,
        dilation_rate=workload.dilation,
        depth_multiplier=workload.M,
        activation="relu",
    )


def timed(workload: Workload, counts: Sequence[int], seconds: float) -> Iterator[Timing]:
    """Time a layer for `seconds` in each format and on each count of threads, in turns.

    Whatever else the machine does meanwhile slows all of them.
    """
    cases = []
    for data_format in FORMATS:
        layer, x = layer_of(workload, data_format), _input(workload, data_format)
        flops = 2 * workload.B * (layer.macs(layer(x).shape) or 0)
        cases += [(layer, x, Timing(workload, data_format, n, flops, [])) for n in counts]
    for _ in range(ROUNDS):
        for layer, x, timing in cases:
            sepconv.set_num_threads(timing.threads)
            timing.turns.append(Turn.of(partial(layer, x), seconds / ROUNDS))
    for *_, timing in cases:
        yield timing


def _input(workload: Workload, data_format: str) -> Any:
    steps_channels = (workload.T, workload.C)
    last = data_format == "channels_last"
    shape = (workload.B, *(steps_channels if last else reversed(steps_channels)))
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _print(timings: Sequence[Timing], described: dict[str, Any], settings: dict[str, Any]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    for data_format in FORMATS:
        console.print(_table(data_format, [t for t in timings if t.data_format == data_format]))
    console.print(
        f"float32 with bias and relu; medians of {settings['rounds']} rounds in turns, "
        f"{settings['run_seconds']} s in all; two flops for each multiply-add"
    )
    console.print(f"other programs kept {settings['cpus_used_by_others']} CPUs busy meanwhile")
    kernel, versions = described["kernel"], described["versions"]
    console.print(f"{described['cpu']}, {described['cpus']} CPUs, {described['system']}")
    console.print(
        f"kernels: {kernel['isa']} (of {', '.join(kernel['available'])}), "
        f"{'' if kernel['openmp'] else 'no '}OpenMP, {kernel['compiler']}"
    )
    told = [f"{name} {number}" for name, number in versions.items()]
    console.print(", ".join([*told, f"Python {described['python']}"]))


def _table(data_format: str, timings: Sequence[Timing]) -> Table:
    """One row a layer, with time and rate for each count of threads."""
    counts = list(dict.fromkeys(timing.threads for timing in timings))
    of_workload: dict[Workload, list[Timing]] = {}
    for timing in timings:
        of_workload.setdefault(timing.workload, []).append(timing)
    table = Table(title=f"{data_format} ({FORMATS[data_format]})", title_justify="left")
    table.add_column("layer", no_wrap=True)
    table.add_column("B, T, C → F, taps")
    for count in counts:
        table.add_column(threads(count), justify="right", no_wrap=True)
        table.add_column("GFLOP/s", justify="right", no_wrap=True)
    for workload, row in of_workload.items():
        cells = [c for t in row for c in (duration(t.seconds), rate(t.flops, t.seconds))]
        table.add_row(workload.name, str(workload), *cells)
    means = [_mean_rate([t for t in timings if t.threads == count]) for count in counts]
    table.add_section()
    table.add_row("geometric mean", "", *(cell for mean in means for cell in ("", mean)))
    return table


def _mean_rate(timings: Sequence[Timing]) -> str:
    return f"{statistics.geometric_mean(t.flops / t.seconds for t in timings) / 1e9:.1f}"


def _as_json(timing: Timing) -> dict[str, Any]:
    return {
        "workload": asdict(timing.workload),
        "data_format": timing.data_format,
        "threads": timing.threads,
        "flops": timing.flops,
        "median_seconds": timing.seconds,
        "best_seconds": min(turn.best for turn in timing.turns),
        "round_seconds": [turn.median for turn in timing.turns],
        "calls": sum(turn.calls for turn in timing.turns),
        "flops_per_second": timing.flops / timing.seconds,
    }
