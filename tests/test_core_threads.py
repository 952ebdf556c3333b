"""The same bytes for any number of threads and any split; safe from threads and after fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import FORMATS, Case
from hypothesis import given, settings, strategies as st

import sepconv.threads
from sepconv import _core

pytestmark = pytest.mark.usefixtures("threads_restored")

# Each is large enough for several threads, and cut in another way.
CASES = {
    "batches": Case(batch=16, steps=150, channels=48, filters=70, taps=5),
    "steps": Case(batch=1, steps=3000, channels=40, filters=64, taps=15),
    "filters": Case(batch=1, steps=5, channels=300, filters=900),
    "classes": Case(batch=1, steps=900, channels=64, filters=64, dilation=31),
    "one step a class": Case(batch=1, steps=400, channels=64, filters=64, dilation=300),
    "stride": Case(batch=2, steps=2001, channels=32, filters=64, taps=14, stride=3),
    "multiplier": Case(batch=3, steps=700, channels=9, filters=33, taps=16, multiplier=4),
    "float64": Case(batch=3, steps=500, channels=48, filters=40, dtype="float64"),
}


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_threads_do_not_change_a_bit(name: str, channels_first: bool) -> None:
    case = replace(CASES[name], channels_first=channels_first)
    x, weights = case.data()
    outputs = set()
    for threads in (1, 2, 3, 4, 8):
        _core.set_num_threads(threads)
        outputs.add(case.run(x, weights, activation="tanh").tobytes())
    assert len(outputs) == 1


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_large_cases_are_right(name: str, channels_first: bool) -> None:
    _core.set_num_threads(3)
    replace(CASES[name], channels_first=channels_first).check()


@pytest.mark.parametrize("channels_first", FORMATS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_splitting_the_batch_does_not_change_a_bit(
    channels_first: bool, data: st.DataObject
) -> None:
    case = Case(batch=9, steps=130, channels=33, filters=66, taps=7, channels_first=channels_first)
    x, weights = case.data()
    whole = case.run(x, weights)
    cuts = sorted(data.draw(st.lists(st.integers(0, 9), max_size=4)))
    parts = [case.run(part, weights) for part in np.split(x, cuts)]
    assert np.concatenate(parts).tobytes() == np.ascontiguousarray(whole).tobytes()


@pytest.mark.parametrize("channels_first", FORMATS)
def test_interior_outputs_do_not_depend_on_where_the_input_begins(channels_first: bool) -> None:
    case = Case(
        batch=1,
        steps=500,
        channels=33,
        filters=66,
        taps=5,
        padding="valid",
        channels_first=channels_first,
    )
    x, weights = case.data()
    whole = np.ascontiguousarray(case.run(x, weights))
    for begin in (1, 6, 13, 64, 333):
        part = np.ascontiguousarray(case.run(x[:, begin:], weights))
        assert part.tobytes() == whole[:, begin:].tobytes()


def test_one_plan_serves_concurrent_callers() -> None:
    case = CASES["batches"]
    x, weights = case.data()
    plan = case.plan(weights)
    expected = plan(x).tobytes()
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda _: plan(x).tobytes(), range(64)))
    assert set(outputs) == {expected}


def test_plans_die_while_others_run() -> None:
    case = replace(CASES["batches"], batch=2)
    x, weights = case.data()
    expected = case.run(x, weights).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: case.run(x, weights).tobytes(), range(100))) == {expected}


def compute() -> bytes:
    _core.set_num_threads(2)
    case = CASES["steps"]
    x, weights = case.data()
    return np.ascontiguousarray(case.run(x, weights)).tobytes()[:4096]


def send(connection: multiprocessing.connection.Connection) -> None:
    connection.send_bytes(compute())


def child_result(method: str) -> bytes:
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe()
    process = context.Process(target=send, args=(theirs,), daemon=True)
    process.start()
    try:
        assert ours.poll(30), "the child hangs"
        return ours.recv_bytes()
    finally:
        process.kill()
        process.join()


# Bodies of tests, for an interpreter without the threads of what other tests import: a child
# forked beside those may hang for reasons of theirs.


def children_compute_after_their_parent(method: str) -> None:
    expected = compute()
    assert child_result(method) == expected
    assert compute() == expected  # and the parent still does


def children_forked_while_another_thread_computes() -> None:
    expected = compute()
    stop = threading.Event()

    def keep_computing() -> None:
        while not stop.is_set():
            compute()

    worker = threading.Thread(target=keep_computing)
    worker.start()
    try:
        for _ in range(5):
            assert child_result("fork") == expected
    finally:
        stop.set()
        worker.join()


def grandchildren_compute() -> None:
    expected = compute()
    for _ in range(3):
        pid = os.fork()
        if pid:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        assert compute() == expected


def run_alone(call: str) -> None:
    """Run a function of this file in a fresh interpreter."""
    code = f"import test_core_threads; test_core_threads.{call}"
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_child_computes_after_its_parent_has(method: str) -> None:
    run_alone(f"children_compute_after_their_parent({method!r})")


def test_child_forked_while_another_thread_computes() -> None:
    run_alone("children_forked_while_another_thread_computes()")


def test_grandchild_computes_too() -> None:
    run_alone("grandchildren_compute()")


@pytest.mark.usefixtures("ctrl_c")
def test_long_run_is_interruptible() -> None:
    # 0.27 TFLOP: about a second on the fastest of CPUs
    case = Case(steps=4000, channels=2048, filters=2048, taps=51)
    _, weights = replace(case, batch=1, steps=1).data()
    plan = case.plan(weights)
    x, y = np.zeros((2, 8, 4000, 2048), np.float32)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        plan(x, y)
    assert time.monotonic() - begin < 1.5
    timer.join()


def test_gil_is_released() -> None:
    case = Case(batch=8, steps=4000, channels=128, filters=256, taps=31)
    x, weights = case.data()
    plan = case.plan(weights)
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    before = ticks
    for _ in range(3):
        plan(x)
    counted = ticks - before
    done.set()
    ticker.join()
    assert counted >= 5


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1025, ValueError),
        (2**70, ValueError),
        (True, TypeError),
        (2.0, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ],
)
def test_set_num_threads_refuses(value: object, error: type[Exception]) -> None:
    before = _core.get_num_threads()
    with pytest.raises(error, match="n must be"):
        _core.set_num_threads(value)  # type: ignore[arg-type]
    assert _core.get_num_threads() == before


def test_set_num_threads_is_kept() -> None:
    _core.set_num_threads(np.int64(5))
    assert _core.get_num_threads() == 5 == _core.kernel_info()["threads"]


def test_default_threads_follows_the_environment() -> None:
    default = sepconv.threads.default_threads
    alone = default({})
    assert 1 <= alone <= len(os.sched_getaffinity(0))
    assert default({"OMP_NUM_THREADS": "1"}) == 1
    assert default({"OMP_NUM_THREADS": "1,4"}) == 1
    assert default({"OMP_NUM_THREADS": "4096"}) == alone
    assert default({"OMP_NUM_THREADS": "junk"}) == alone
    assert default({"OMP_NUM_THREADS": "1", "SEPCONV_NUM_THREADS": "7"}) == 7


@pytest.mark.parametrize("value", ["0", "-1", "1025", "two", "1.5", "9" * 400])
def test_default_threads_refuses_a_bad_variable(value: str) -> None:
    with pytest.raises(
        ValueError, match=r"SEPCONV_NUM_THREADS must be an integer in 1\.\.1024, got"
    ):
        sepconv.threads.default_threads({"SEPCONV_NUM_THREADS": value})


@pytest.mark.parametrize(
    ("lines", "files", "cpus"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ("0::/not/mounted\n", {"cpu.max": "300000 100000"}, 3),
        ("0::/a\n", {"a/cpu.max": "max 100000"}, None),
        (
            "3:cpu,cpuacct:/c\n",
            {"cpu/c/cpu.cfs_quota_us": "50000", "cpu/c/cpu.cfs_period_us": "100000"},
            1,
        ),
        ("3:cpu:/c\n", {"cpu/c/cpu.cfs_quota_us": "-1", "cpu/c/cpu.cfs_period_us": "100000"}, None),
        ("4:memory:/c\n", {"cpu.max": "100000 100000"}, None),
        ("garbage\n", {}, None),
        ("", {"cpu.max": "100000 100000"}, None),
    ],
)
def test_cgroup_quota(tmp_path: Path, lines: str, files: dict[str, str], cpus: int | None) -> None:
    (tmp_path / "cgroup").write_text(lines)
    for name, text in files.items():
        file = tmp_path / "fs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert sepconv.threads.cgroup_quota(tmp_path / "cgroup", tmp_path / "fs") == cpus
