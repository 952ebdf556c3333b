"""The run: every peer in its own process, taking turns workload by workload."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks import report, worker
from benchmarks.machine import describe_machine
from benchmarks.peers import PEERS, Peer, unavailable
from benchmarks.probes import Rates
from benchmarks.results import Results, Timing
from benchmarks.workloads import BY_NAME, Task
from sepconv.cli.bench.machine import Load

PIPED_WIDTH = 165  # columns, when the output is no terminal


class Player:
    """A peer's process, seen from here."""

    def __init__(self, name: str, peer: type[Peer] | None, threads: int) -> None:
        self.peer, self.threads = name, threads
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=worker.serve, args=(theirs, peer, threads), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, method: str, argument: Any) -> Any:
        """Send a request and wait. A string in return says why there is no answer."""
        with contextlib.suppress(BrokenPipeError):  # then `answer` says how it ended
            self._connection.send((method, argument))
        return self.answer()

    def answer(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            return f"its process ended with exit code {self._process.exitcode}"

    def close(self) -> None:
        self._connection.close()
        self._process.join(timeout=5)
        self._process.kill()


def run(
    workloads: Sequence[Task],
    peers: Mapping[str, type[Peer]],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    console: Console,
) -> Results:
    """Time each workload in `rounds` rounds, in which each peer has one turn."""
    load = Load()
    results = Results({"rounds": rounds, "seconds_a_turn": seconds, "threads": list(threads)})
    players = _start(peers, threads, results)
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("", total=len(workloads))
            for workload in workloads:
                progress.update(task, description=workload.name)
                _time_workload(workload, players, rounds, seconds, results)
                progress.advance(task)
    finally:
        for player in players:
            player.close()
    results.settings.update(load.as_settings())
    return results


def _start(
    peers: Mapping[str, type[Peer]], threads: Sequence[int], results: Results
) -> list[Player]:
    """Start a process for each peer and thread count; note the absent ones."""
    installed: dict[str, type[Peer] | None] = {"probe": None}
    for name, peer in peers.items():
        if reason := unavailable(peer):
            results.absent[name] = reason
        else:
            installed[name] = peer
    players = [Player(*named, n) for n in threads for named in installed.items()]
    started = []
    for player in players:
        if reason := player.answer():
            results.absent[player.peer] = reason
            player.close()
        else:
            started.append(player)
    return started


def _time_workload(
    workload: Task,
    players: Sequence[Player],
    rounds: int,
    seconds: float,
    results: Results,
) -> None:
    ready = []
    for player in players:
        answer = player.ask("prepare", workload)
        if isinstance(answer, str):
            results.absent[f"{player.peer} on {workload.name}"] = answer
        else:
            ready.append(player)
    timings: dict[tuple[Player, str], Timing] = {}
    for _ in range(rounds):
        for player in list(ready):
            answer = player.ask("time", seconds)
            if isinstance(answer, Rates):
                results.probes.setdefault((workload.name, player.threads), []).append(answer)
                continue
            if isinstance(answer, str):
                results.absent[f"{player.peer} on {workload.name}"] = answer
                ready.remove(player)
                continue
            for form, turn in answer.items():
                empty = Timing(workload, player.threads, player.peer, form, [])
                timings.setdefault((player, form), empty).turns.append(turn)
    results.timings.extend(timings.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, print the table, write JSON and plot. Returns the exit code."""
    parser = options_parser("python -m benchmarks", "one layer's call", BY_NAME, PEERS)
    return run_as_told(parser.parse_args(arguments), BY_NAME, PEERS, "bench")


def run_as_told(
    options: argparse.Namespace,
    workloads: Mapping[str, Task],
    peers: Mapping[str, type[Peer]],
    stem: str,
) -> int:
    """Run, print, and write `stem`.json and `stem`.png. Returns the exit code."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    threads = {"1": [1], "2": [2], "both": [1, 2]}[options.threads]
    if max(threads) > available:
        threads = [1]
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    chosen = {name: peers[name] for name in options.peers}
    results = run(
        [workloads[name] for name in options.workloads],
        chosen,
        threads,
        options.rounds,
        options.seconds,
        console,
    )
    machine = describe_machine(chosen.values())
    report.print_tables(results, machine, console)
    _write(results, machine, Path(options.output) / stem, console)
    return 0 if results.timings else 1


def _write(results: Results, machine: dict[str, Any], stem: Path, console: Console) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    written, drawn = stem.with_suffix(".json"), stem.with_suffix(".png")
    text = json.dumps(results.as_json(machine), indent=1, ensure_ascii=False)
    written.write_text(text + "\n", encoding="utf-8")
    report.plot(results, machine, drawn)
    console.print(f"wrote {written} and {drawn}")


def options_parser(
    program: str, what: str, workloads: Iterable[str], peers: Iterable[str]
) -> argparse.ArgumentParser:
    """Return the parser of the options that all runs have."""
    parser = argparse.ArgumentParser(
        prog=program, description=f"Time {what}, of sepconv and of its peers in one run."
    )
    parser.add_argument("--threads", choices=("1", "2", "both"), default="both")
    for name, known in (("workloads", list(workloads)), ("peers", list(peers))):
        parser.add_argument(f"--{name}", nargs="+", choices=known, default=known, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="length of a turn (default: 0.05)"
    )
    parser.add_argument(
        "--output", metavar="DIR", default="benchmarks/results", help="default: %(default)s"
    )
    return parser
