"""What a run found, as plain data: one record a workload, thread count, peer and form."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.peers import OURS
from benchmarks.probes import Rates
from benchmarks.worker import Turn
from benchmarks.workloads import Workload


@dataclass(frozen=True)
class Timing:
    """All rounds of one form."""

    workload: Workload
    threads: int
    peer: str
    form: str
    turns: list[Turn]

    @property
    def seconds(self) -> float:
        """The median over rounds of the median over calls."""
        return statistics.median(turn.median for turn in self.turns)

    @property
    def best_seconds(self) -> float:
        return min(turn.best for turn in self.turns)

    @property
    def flops_per_second(self) -> float:
        return self.workload.flops / self.seconds


@dataclass(frozen=True)
class Results:
    """One run."""

    settings: dict[str, Any]
    timings: list[Timing] = field(default_factory=list)
    probes: dict[tuple[str, int], list[Rates]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  # peer, or peer on workload -> why

    def cells(self) -> list[tuple[Workload, int]]:
        """The timed pairs of workload and thread count, in order, each once."""
        return list(dict.fromkeys((t.workload, t.threads) for t in self.timings))

    def peers(self) -> list[str]:
        return list(dict.fromkeys(t.peer for t in self.timings))

    def fastest(self, workload: Workload, threads: int, peers: Iterable[str]) -> Timing | None:
        """The fastest form of `peers` that used no more than `threads` threads."""
        wanted = set(peers)
        return min(
            (
                t
                for t in self.timings
                if t.workload == workload and t.threads <= threads and t.peer in wanted
            ),
            key=lambda t: t.seconds,
            default=None,
        )

    def peer_at(self, workload: Workload, threads: int, peer: str) -> Timing | None:
        """The fastest form of one peer at exactly this number of threads."""
        timings = [
            t for t in self.timings if (t.workload, t.threads, t.peer) == (workload, threads, peer)
        ]
        return min(timings, key=lambda t: t.seconds, default=None)

    def best_peer(self, workload: Workload, threads: int) -> Timing | None:
        return self.fastest(workload, threads, set(self.peers()) - set(OURS))

    def rates(self, workload: Workload, threads: int) -> Rates | None:
        """The machine's medians in the rounds of this cell."""
        turns = self.probes.get((workload.name, threads))
        if not turns:
            return None
        return Rates(*(statistics.median(column) for column in zip(*turns, strict=True)))

    def roofline_fraction(self, timing: Timing) -> float | None:
        rates = self.rates(timing.workload, timing.threads)
        return timing.workload.roofline_seconds(*rates) / timing.seconds if rates else None

    def speedup(self, timing: Timing) -> float | None:
        """How many times faster than the best peer with as many threads or fewer."""
        best = self.best_peer(timing.workload, timing.threads)
        return best.seconds / timing.seconds if best else None

    def geometric_mean_speedup(self, peer: str, threads: int) -> float | None:
        """Over the workloads of this run."""
        timings = [self.peer_at(w, n, peer) for w, n in self.cells() if n == threads]
        speedups = [s for t in timings if t is not None and (s := self.speedup(t)) is not None]
        return statistics.geometric_mean(speedups) if speedups else None

    def as_json(self, machine: dict[str, Any]) -> dict[str, Any]:
        """The whole run, for a file. Seconds, flop/s and bytes/s throughout."""
        return {
            "format": "sepconv-bench/1",
            "machine": machine,
            "settings": self.settings,
            "absent": self.absent,
            "cells": [self._cell_as_json(*cell) for cell in self.cells()],
            "geometric_mean_speedup": {
                f"{peer}, {threads} threads": self.geometric_mean_speedup(peer, threads)
                for peer in OURS
                for threads in sorted({n for _, n in self.cells()})
            },
        }

    def _cell_as_json(self, workload: Workload, threads: int) -> dict[str, Any]:
        rates = self.rates(workload, threads)
        best = self.best_peer(workload, threads)
        return {
            "workload": asdict(workload),
            "threads": threads,
            "flops": workload.flops,
            "bytes": workload.bytes_moved,
            "probe": rates._asdict() if rates else None,
            "best_peer": f"{best.peer}, {best.form}, {best.threads} threads" if best else None,
            "timings": [
                {
                    "peer": t.peer,
                    "form": t.form,
                    "seconds": t.seconds,
                    "best_seconds": t.best_seconds,
                    "round_seconds": [turn.median for turn in t.turns],
                    "calls": sum(turn.calls for turn in t.turns),
                    "flops_per_second": t.flops_per_second,
                    "roofline_fraction": self.roofline_fraction(t),
                    "speedup_over_best_peer": self.speedup(t),
                }
                for t in self.timings
                if (t.workload, t.threads) == (workload, threads)
            ],
        }
