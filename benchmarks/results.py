"""What a run found, as plain data: one record a workload, thread count, peer and form."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.peers import OURS, REWRITTEN
from benchmarks.probes import Rates
from benchmarks.workloads import Task
from sepconv.models.turns import Turn


@dataclass(frozen=True)
class Timing:
    """All rounds of one form."""

    workload: Task
    threads: int
    peer: str
    form: str
    turns: list[Turn]

    @property
    def seconds(self) -> float:
        """The median over rounds of the median over calls."""
        return statistics.median(turn.median for turn in self.turns)

    @property
    def title(self) -> str:
        return f"{self.peer} ({self.form}, {self.threads})"

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

    def cells(self) -> list[tuple[Task, int]]:
        """The timed pairs of workload and thread count, in order, each once."""
        return list(dict.fromkeys((t.workload, t.threads) for t in self.timings))

    def peers(self) -> list[str]:
        return list(dict.fromkeys(t.peer for t in self.timings))

    def ours(self) -> list[str]:
        return [peer for peer in self.peers() if peer in OURS]

    def peer_at(self, workload: Task, threads: int, peer: str) -> Timing | None:
        """The fastest form of one peer at exactly this number of threads."""
        cell = (workload, threads, peer)
        return _fastest(t for t in self.timings if (t.workload, t.threads, t.peer) == cell)

    def best_peer(self, workload: Task, threads: int) -> Timing | None:
        """The fastest form of any peer with as many threads or fewer."""
        return _fastest(self._peer_timings(workload, threads))

    def best_1d_peer(self, workload: Task, threads: int) -> Timing | None:
        """The same without the forms rewritten as 2-D convolutions by hand."""
        timings = self._peer_timings(workload, threads)
        return _fastest(t for t in timings if t.form not in REWRITTEN)

    def _peer_timings(self, workload: Task, threads: int) -> list[Timing]:
        return [
            t
            for t in self.timings
            if t.workload == workload and t.threads <= threads and t.peer not in OURS
        ]

    def rates(self, workload: Task, threads: int) -> Rates | None:
        """The best of the rounds of this cell: what the machine could do then."""
        turns = self.probes.get((workload.name, threads))
        return Rates(*map(max, zip(*turns, strict=True))) if turns else None

    def roofline_fraction(self, timing: Timing) -> float | None:
        """Of the FMA roofline; above 1 where arrays stay in a cache or products leave FMA."""
        rates = self.rates(timing.workload, timing.threads)
        return timing.workload.roofline_seconds(*rates) / timing.seconds if rates else None

    def speedup(self, timing: Timing | None, best: Timing | None) -> float | None:
        """How many times faster than `best`."""
        return best.seconds / timing.seconds if timing and best else None

    def geometric_mean_speedup(self, peer: str, threads: int, best: BestPeer) -> float | None:
        """Of a peer over the best one of each workload of this run."""
        cells = [cell for cell in self.cells() if cell[1] == threads]
        speedups = [self.speedup(self.peer_at(*cell, peer), best(*cell)) for cell in cells]
        known = [s for s in speedups if s is not None]
        return statistics.geometric_mean(known) if known else None

    def as_json(self, machine: dict[str, Any]) -> dict[str, Any]:
        """The whole run, for a file. Seconds, flop/s and bytes/s throughout."""
        return {
            "format": "sepconv-bench/1",
            "machine": machine,
            "settings": self.settings,
            "absent": self.absent,
            "cells": [self._cell_as_json(*cell) for cell in self.cells()],
            "geometric_mean_speedup": [
                {
                    "peer": peer,
                    "threads": threads,
                    "over_best_peer": self.geometric_mean_speedup(peer, threads, self.best_peer),
                    "over_best_1d_peer": self.geometric_mean_speedup(
                        peer, threads, self.best_1d_peer
                    ),
                }
                for peer in self.ours()
                for threads in sorted({n for _, n in self.cells()})
            ],
        }

    def _cell_as_json(self, workload: Task, threads: int) -> dict[str, Any]:
        rates = self.rates(workload, threads)
        best = self.best_peer(workload, threads)
        best_1d = self.best_1d_peer(workload, threads)
        return {
            "workload": asdict(workload),
            "threads": threads,
            "flops": workload.flops,
            "bytes": workload.bytes_moved,
            "probe": rates._asdict() if rates else None,
            "best_peer": best.title if best else None,
            "best_1d_peer": best_1d.title if best_1d else None,
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
                    "speedup_over_best_peer": self.speedup(t, best),
                    "speedup_over_best_1d_peer": self.speedup(t, best_1d),
                }
                for t in self.timings
                if (t.workload, t.threads) == (workload, threads)
            ],
        }


BestPeer = Callable[[Task, int], Timing | None]


def _fastest(timings: Iterable[Timing]) -> Timing | None:
    return min(timings, key=lambda t: t.seconds, default=None)
