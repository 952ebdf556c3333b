"""The machine's peak of float32 multiply-adds and its bandwidth, measured beside the layers.

They make the FMA roofline. Units of other arithmetic, such as AMX, are not in it, so what runs on
those may pass it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

STREAM_FLOATS = 16 << 20  # 64 MiB in and 64 MiB out a thread: past any L2
PEAK_STEPS = 400_000  # some 2 ms
RUNS = 4  # the first wakes the cores


class Rates(NamedTuple):
    """What `threads` cores do together."""

    flops_per_second: float  # of float32 multiply-adds (FMA) in vector registers
    bytes_per_second: float


class Probe:
    """Two C loops, compiled for this CPU and run on `threads` threads at once.

    Raises RuntimeError without a C compiler.
    """

    def __init__(self, threads: int) -> None:
        self._library = _compiled(Path(__file__).with_name("probes.c"))
        self._library.multiply_add.restype = ctypes.c_double
        self._library.stream.restype = ctypes.c_double
        self._pool = ThreadPoolExecutor(threads)
        self._threads = threads
        self._cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._buffers = [
            (np.ones(STREAM_FLOATS, np.float32), np.ones(STREAM_FLOATS, np.float32))
            for _ in range(threads)
        ]

    def measure(self) -> Rates:
        """One turn: the best of a few runs of each loop, for a roof is what can be reached."""
        return Rates(self._best_rate(self._multiply_add), self._best_rate(self._stream))

    def _multiply_add(self, _thread: int) -> float:
        return float(self._library.multiply_add(ctypes.c_long(PEAK_STEPS)))

    def _stream(self, thread: int) -> float:
        source, target = (ctypes.c_void_p(a.ctypes.data) for a in self._buffers[thread])
        return float(self._library.stream(source, target, ctypes.c_size_t(STREAM_FLOATS)))

    def _best_rate(self, loop: Callable[[int], float]) -> float:
        rates = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            done = sum(self._pool.map(partial(self._pinned, loop), range(self._threads)))
            rates.append(done / (time.perf_counter() - begin))
        return max(rates)

    def _pinned(self, loop: Callable[[int], float], thread: int) -> float:
        """Run on a CPU of the thread's own: two that wake on one share it for milliseconds."""
        if self._cpus:
            os.sched_setaffinity(0, {self._cpus[thread]})
        return loop(thread)


def _compiled(source: Path) -> ctypes.CDLL:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise RuntimeError("no C compiler: peak and bandwidth are not measured")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "probes.so"
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-mprefer-vector-width=512"]
        if os.uname().machine not in ("x86_64", "i686"):
            flags = flags[:3]
        subprocess.run(
            [compiler, *flags, "-shared", "-fPIC", str(source), "-o", str(library)], check=True
        )
        return ctypes.CDLL(str(library))
