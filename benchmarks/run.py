"""The run: every peer in its own process, taking turns workload by workload."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks import report, worker
from benchmarks.machine import Load, describe_machine
from benchmarks.peers import PEERS, unavailable
from benchmarks.probes import Rates
from benchmarks.results import Results, Timing
from benchmarks.workloads import BY_NAME, Workload

PIPED_WIDTH = 150  # columns, when the output is no terminal


class Player:
    """A peer's process, seen from here."""

    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
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
    workloads: Sequence[Workload],
    peers: Sequence[str],
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


def _start(peers: Sequence[str], threads: Sequence[int], results: Results) -> list[Player]:
    """Start a process for each peer and thread count; note the absent ones."""
    installed = []
    for peer in peers:
        if reason := unavailable(peer):
            results.absent[peer] = reason
        else:
            installed.append(peer)
    players = [Player(peer, n) for n in threads for peer in (worker.PROBE, *installed)]
    started = []
    for player in players:
        if reason := player.answer():
            results.absent[player.peer] = reason
            player.close()
        else:
            started.append(player)
    return started


def _time_workload(
    workload: Workload,
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
    options = _parser().parse_args(arguments)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    threads = {"1": [1], "2": [2], "both": [1, 2]}[options.threads]
    if max(threads) > available:
        threads = [1]
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    results = run(
        [BY_NAME[name] for name in options.workloads],
        options.peers,
        threads,
        options.rounds,
        options.seconds,
        console,
    )
    machine = describe_machine(options.peers)
    report.print_tables(results, machine, console)
    _write(results, machine, Path(options.output), console)
    return 0 if results.timings else 1


def _write(results: Results, machine: dict[str, Any], folder: Path, console: Console) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results.as_json(machine), indent=1, ensure_ascii=False)
    (folder / "bench.json").write_text(text + "\n", encoding="utf-8")
    report.plot(results, machine, folder / "bench.png")
    console.print(f"wrote {folder / 'bench.json'} and {folder / 'bench.png'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time sepconv and its peers in one run."
    )
    parser.add_argument("--threads", choices=("1", "2", "both"), default="both")
    parser.add_argument(
        "--workloads", nargs="+", choices=BY_NAME, default=list(BY_NAME), metavar="NAME"
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=0.05, help="length of a turn (default: 0.05)"
    )
    parser.add_argument(
        "--output", metavar="DIR", default="benchmarks/results", help="default: %(default)s"
    )
    return parser
