"""One peer's process: prepares a workload, then times it whenever it is its turn.

A process a peer, because their thread pools and OpenMP runtimes disturb one another within one;
confined to as many CPUs as it may use threads, which also holds where a library has no setting.
"""

from __future__ import annotations

import gc
import os
import time
from multiprocessing.connection import Connection

from benchmarks.peers import Form, Peer
from benchmarks.probes import Probe, Rates
from benchmarks.workloads import Task
from sepconv.models.turns import Turn

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


Turns = dict[str, Turn]  # by the form's label


def serve(connection: Connection, peer: type[Peer] | None, threads: int) -> None:
    """Answer requests (method, argument) until the other end closes; the first answer is None.

    Without a peer it measures the machine.

    An answer that is a string is the reason why there is none.
    """
    confine(threads)
    try:
        player = ProbePlayer(threads) if peer is None else PeerPlayer(peer(threads))
    except Exception as error:  # whatever a peer raises is its reason for absence
        connection.send(error_text(error))
        return
    connection.send(None)
    while True:
        try:
            method, argument = connection.recv()
        except EOFError:
            return
        try:
            answer = getattr(player, method)(argument)
        except Exception as error:
            answer = error_text(error)
        settle()
        connection.send(answer)


def confine(threads: int) -> None:
    """Leave this process `threads` CPUs, and tell the libraries before they load."""
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def settle(limit: float = 0.2) -> None:
    """Wait until this process's threads have stopped spinning, for `limit` seconds at most.

    After a call ONNX Runtime's threads spin for about 28 ms and libgomp's for about 5; the next
    peer would share its cores with them.
    """
    step = 0.002
    for _ in range(round(limit / step)):
        before = time.process_time()
        time.sleep(step)
        if time.process_time() - before < step / 10:
            return


def error_text(error: Exception) -> str:
    """One line: the kind of error and the start of its message."""
    first = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *first])[:200]


class ProbePlayer:
    """Measures the machine in the turns of a peer."""

    def __init__(self, threads: int) -> None:
        self._probe = Probe(threads)

    def prepare(self, _workload: Task) -> None:
        """Nothing: the probe is the same for every workload."""

    def time(self, _seconds: float) -> Rates:
        return self._probe.measure()


class PeerPlayer:
    """Runs all forms of a peer on the current workload."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._forms: list[Form] = []

    def prepare(self, workload: Task) -> float:
        """Build and check each form; returns the largest relative error.

        Raises ArithmeticError for a form that computes something else.
        """
        self._forms.clear()  # frees the workload before
        gc.collect()
        self._forms.extend(self._peer.forms(workload))
        return max(checked_error(workload, form) for form in self._forms)

    def time(self, seconds: float) -> Turns:
        return {form.label: Turn.of(form.call, seconds) for form in self._forms}


def checked_error(workload: Task, form: Form) -> float:
    error = workload.relative_error(form.result(form.call()))
    if not error <= workload.largest_error:
        raise ArithmeticError(f"{form.label} on {workload.name}: relative error {error:.1e}")
    return error
