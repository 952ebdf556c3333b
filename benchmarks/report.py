"""A run as a table for people and as a plot."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import Results
from benchmarks.workloads import Task
from sepconv.cli.bench import figures

KERNEL_KEYS = ("isa", "openmp", "compiler", "absent")
# What a column of ours is headed with.
HEADS = {
    "sepconv": "",
    "sepconv_channels_first": "NCT\n",
    "sepconv_avx512": "avx512\n",
    "sepconv_avx2": "avx2\n",
}
NOTES = (
    "Times are medians over rounds of medians over calls; each peer shows its fastest form.",
    "×best: against the fastest form of any peer with as many threads or fewer. ×1-D: without the",
    "forms rewritten by hand as 2-D convolutions. NCT: sepconv in channels_first; avx512, avx2: on",
    "the kernels that machines without better ones run.",
    "FMA roofline: of max(flops / peak of float32 multiply-adds, bytes / memory bandwidth), both",
    "measured in the same rounds; bound: the greater of the two. A layer whose arrays stay in a",
    "cache can pass 1, and so can products on units that the peak leaves out, such as AMX.",
)


def print_tables(results: Results, machine: dict[str, Any], console: Console) -> None:
    """Two tables a thread count, then what is absent and what the machine is."""
    for threads in sorted({n for _, n in results.cells()}):
        workloads = [w for w, n in results.cells() if n == threads]
        if results.ours():
            console.print(_summary_table(results, workloads, threads))
        console.print(_peer_table(results, workloads, threads))
    for note in NOTES:
        console.print(note, style="dim")
    for what, reason in results.absent.items():
        console.print(f"absent: {what}: {reason}", style="yellow", markup=False)
    console.print(_machine_lines(results, machine), markup=False, highlight=False)


def _summary_table(results: Results, workloads: Sequence[Task], threads: int) -> Table:
    """sepconv, the best peer, and the machine."""
    table = Table(title=f"sepconv on {figures.threads(threads)}")
    table.add_column("workload", no_wrap=True)
    for column in ("time", "GFLOP/s", "of FMA\nroofline", "bound"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("best peer (form, threads)")
    names = [f"{HEADS[peer]}{column}" for peer in results.ours() for column in ("×best", "×1-D")]
    for column in ("its time", *names):
        table.add_column(column, justify="right", no_wrap=True)
    for workload in workloads:
        table.add_row(*_summary_row(results, workload, threads))
    table.add_section()
    means = [
        results.geometric_mean_speedup(peer, threads, best)
        for peer in results.ours()
        for best in (results.best_peer, results.best_1d_peer)
    ]
    table.add_row("geometric mean", *[""] * 6, *map(_times, means), style="bold")
    return table


def _summary_row(results: Results, workload: Task, threads: int) -> list[str]:
    best = results.best_peer(workload, threads)
    best_1d = results.best_1d_peer(workload, threads)
    ours = [results.peer_at(workload, threads, peer) for peer in results.ours()]
    last = ours[0]
    fraction = results.roofline_fraction(last) if last else None
    return [
        workload.name,
        figures.duration(last.seconds) if last else "–",
        f"{last.flops_per_second / 1e9:.1f}" if last else "–",
        _times(fraction),
        _bound(results, workload, threads),
        best.title if best else "–",
        figures.duration(best.seconds) if best else "–",
        *(_times(results.speedup(t, b)) for t in ours for b in (best, best_1d)),
    ]


def _peer_table(results: Results, workloads: Sequence[Task], threads: int) -> Table:
    """The rate of everyone's fastest form."""
    table = Table(title=f"GFLOP/s on {figures.threads(threads)}")
    table.add_column("workload", no_wrap=True)
    for peer in results.peers():
        table.add_column(peer.replace("_", "\n", 1).replace("_", " "), justify="right")
    for workload in workloads:
        timings = [results.peer_at(workload, threads, peer) for peer in results.peers()]
        rates = [f"{t.flops_per_second / 1e9:.1f}" if t else "–" for t in timings]
        table.add_row(workload.name, *rates)
    return table


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _bound(results: Results, workload: Task, threads: int) -> str:
    """Which part of the FMA roofline is the lower one."""
    rates = results.rates(workload, threads)
    if rates is None:
        return "–"
    compute = workload.flops / rates.flops_per_second
    return "compute" if compute >= workload.bytes_moved / rates.bytes_per_second else "memory"


def _machine_lines(results: Results, machine: dict[str, Any]) -> str:
    lines = [f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}, {machine['date']}"]
    for threads in sorted({n for _, n in results.probes}):
        rates = [r for w, n in results.cells() if n == threads and (r := results.rates(w, n))]
        peak, bandwidth = (statistics.median(c) / 1e9 for c in zip(*rates, strict=True))
        lines.append(
            f"{figures.threads(threads)}: FMA peak {peak:.0f} GFLOP/s, memory {bandwidth:.1f} GB/s"
        )
    kernel = machine["kernel"]
    shown = [f"{key} {kernel[key]}" for key in KERNEL_KEYS if key in kernel]
    lines.append(f"sepconv's kernels: {', '.join(shown)}")
    lines.append(", ".join(f"{name} {number}" for name, number in machine["versions"].items()))
    settings = results.settings
    lines.append(
        f"{settings['rounds']} rounds of {settings['seconds_a_turn']} s a form, "
        f"{settings['run_seconds']} s in all; other programs kept "
        f"{settings['cpus_used_by_others']} CPUs busy meanwhile"
    )
    return "\n".join(lines)


def plot(results: Results, machine: dict[str, Any], path: Path) -> None:
    """GFLOP/s of every peer by workload, one panel a thread count, the FMA roofline as a mark."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("agg")
    pyplot = import_module("matplotlib.pyplot")
    counts = sorted({n for _, n in results.cells()})
    figure, axes = pyplot.subplots(
        len(counts), 1, figsize=(13, 4.2 * len(counts)), squeeze=False, layout="constrained"
    )
    for axis, threads in zip(axes[:, 0], counts, strict=True):
        _plot_threads(axis, results, threads)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=8, fontsize=8)
    figure.suptitle(f"{machine['cpu']} · {machine['date'][:10]}", fontsize=9)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _plot_threads(axis: Any, results: Results, threads: int) -> None:
    workloads = [w for w, n in results.cells() if n == threads]
    peers = results.peers()
    width = 0.8 / len(peers)
    for index, peer in enumerate(peers):
        timings = [results.peer_at(w, threads, peer) for w in workloads]
        heights = [t.flops_per_second / 1e9 if t else 0.0 for t in timings]
        places = [place + (index - (len(peers) - 1) / 2) * width for place in range(len(workloads))]
        axis.bar(places, heights, width, label=peer)
    for place, workload in enumerate(workloads):
        if rates := results.rates(workload, threads):
            roof = workload.flops / workload.roofline_seconds(*rates) / 1e9
            axis.hlines(roof, place - 0.45, place + 0.45, colors="black", linewidth=1)
    axis.set_xticks(range(len(workloads)), [w.name for w in workloads], rotation=20, fontsize=8)
    axis.set_ylabel(f"GFLOP/s, {figures.threads(threads)}\n(line: FMA roofline)")
