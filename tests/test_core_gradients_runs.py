"""The core's gradients: the same bytes on any threads, inside their arrays, errors as Python's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import FORMATS, Case, random_cases
from guarded import guarded
from numpy.typing import NDArray

from sepconv import _core

# Each is large enough for several threads, and cut in another way.
LARGE = {
    "batches": Case(batch=16, steps=300, channels=48, filters=170, taps=5),
    "blocks": Case(batch=1, steps=200, channels=700, filters=300),
    "blocks and batches": Case(batch=6, steps=100, channels=400, filters=500, taps=9),
    "stretches": Case(batch=1, steps=6000, channels=40, filters=264, taps=15),
    "classes": Case(batch=1, steps=2000, channels=64, filters=264, dilation=31),
    "stride": Case(batch=2, steps=5001, channels=32, filters=364, taps=14, stride=3),
    "multiplier": Case(batch=3, steps=700, channels=19, filters=333, taps=16, multiplier=4),
    "float64": Case(batch=3, steps=800, channels=48, filters=240, dtype="float64"),
}


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", LARGE)
def test_threads_do_not_change_a_bit_of_gradients(name: str, channels_first: bool) -> None:
    case = replace(LARGE[name], channels_first=channels_first)
    x, weights = case.data()
    g = case.output_gradient()
    found = set()
    for number in (1, 2, 3, 4, 8):
        _core.set_num_threads(number)
        gradients = case.run_gradient(x, weights, g)
        found.add(b"".join(a.tobytes() for a in gradients))
    assert len(found) == 1


def whole_numbers(case: Case) -> tuple[NDArray[Any], list[NDArray[Any]], NDArray[Any]]:
    """x, weights and g whose sums are exact in any order."""
    rng = np.random.default_rng(0)
    shapes = (
        (case.batch, case.steps, case.channels),
        (case.taps, case.channels, case.multiplier),
        (case.depth, case.filters),
        (case.batch, case.out_steps, case.filters),
    )
    x, w, v, g = (rng.integers(-1, 2, shape).astype(case.dtype) for shape in shapes)
    return x, [w, v], g


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", LARGE)
def test_gradients_of_large_layers_are_the_sums_of_small_ones(
    name: str, channels_first: bool
) -> None:
    _core.set_num_threads(3)
    case = replace(LARGE[name], channels_first=channels_first)
    x, weights, g = whole_numbers(case)
    whole = case.run_gradient(x, weights, g)
    # by filters, of which each part is a layer of its own: dx and d_depthwise add up
    cuts = range(0, case.filters, 50)
    parts = [
        replace(case, filters=min(50, case.filters - f)).run_gradient(
            x,
            [weights[0], np.ascontiguousarray(weights[1][:, f : f + 50])],
            np.ascontiguousarray(g[:, :, f : f + 50]),
        )
        for f in cuts
    ]
    np.testing.assert_array_equal(whole[0], sum(part[0] for part in parts))
    np.testing.assert_array_equal(whole[1], sum(part[1] for part in parts))
    np.testing.assert_array_equal(whole[2], np.concatenate([p[2] for p in parts], axis=2))
    np.testing.assert_array_equal(whole[3], np.concatenate([p[3] for p in parts]))


def test_gradients_in_several_rounds_are_the_sums_of_their_samples() -> None:
    # 70 GFLOP: more than each cell of the grid does between two looks at signals
    case = Case(batch=66, steps=800, channels=512, filters=512)
    x, weights, g = whole_numbers(case)
    dx, *sums = case.run_gradient(x, weights, g)
    one = replace(case, batch=1)
    totals = [np.zeros_like(a) for a in sums]
    for sample in range(case.batch):
        part = slice(sample, sample + 1)
        own, *others = one.run_gradient(x[part], weights, g[part])
        np.testing.assert_array_equal(dx[part], own)
        for total, other in zip(totals, others, strict=True):
            total += other
    for a, b in zip(sums, totals, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_gradient_serves_concurrent_callers() -> None:
    case = LARGE["batches"]
    x, weights = case.data()
    g = case.output_gradient()
    gradient = case.gradient(weights)

    def run(_: int) -> bytes:
        return b"".join(a.tobytes() for a in gradient(x, g))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(run, range(32)))) == 1


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("channels_first", FORMATS)
def test_gradients_read_nothing_outside_the_arrays(channels_first: bool, at_end: bool) -> None:
    for case in random_cases(80, seed=13):
        case = replace(case, channels_first=channels_first)
        x, weights = case.data()
        g = case.output_gradient()
        gradient = case.gradient(weights)
        arrays = [a.transpose(0, 2, 1) if channels_first else a for a in (x, g, g)]
        expected = gradient(*map(np.ascontiguousarray, arrays[:2]), relu_output=arrays[2].copy())
        with (
            guarded(arrays[0].shape, case.dtype, at_end=at_end) as inside,
            guarded(arrays[1].shape, case.dtype, at_end=at_end) as given_g,
            guarded(arrays[2].shape, case.dtype, at_end=at_end) as given_y,
        ):
            inside[:], given_g[:], given_y[:] = arrays
            found = gradient(inside, given_g, relu_output=given_y)
            for a, b in zip(found, expected, strict=True):
                assert a.tobytes() == b.tobytes()
            del inside, given_g, given_y


def test_weights_are_copied_into_the_gradient() -> None:
    case = Case()
    x, weights = case.data()
    g = case.output_gradient()
    gradient = case.gradient(weights)
    before = gradient(x, g)
    for array in weights:
        array[:] = np.nan
    for a, b in zip(gradient(x, g), before, strict=True):
        np.testing.assert_array_equal(a, b)


def zeros(*shape: int, dtype: str = "float32") -> NDArray[Any]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([[[0.0]]], zeros(2, 20, 7)), {}, TypeError, "x must be a NumPy array, got list"),
        ((zeros(2, 20, 5), [[0.0]]), {}, TypeError, "g must be a NumPy array, got list"),
        ((zeros(2, 20, 5, dtype="f8"), zeros(2, 20, 7)), {}, TypeError, "x must have dtype float3"),
        ((zeros(2, 20, 5), zeros(2, 20, 7, dtype="f8")), {}, TypeError, "g must have dtype float3"),
        ((zeros(2, 20, 6), zeros(2, 20, 7)), {}, ValueError, "x must have 3 dimensions and 5 chan"),
        ((zeros(2, 20, 5), zeros(2, 20, 6)), {}, ValueError, "g must have 3 dimensions and 7 chan"),
        ((zeros(2, 20, 5), zeros(3, 20, 7)), {}, ValueError, "g must have 2 samples of 20 steps"),
        ((zeros(2, 20, 5), zeros(2, 19, 7)), {}, ValueError, r"steps, got shape \(2, 19, 7\)"),
        ((zeros(2, 20, 10)[:, :, ::2], zeros(2, 20, 7)), {}, ValueError, "x must be C-contiguous"),
        (
            (zeros(2, 20, 5), zeros(2, 20, 7)),
            {"relu_output": zeros(2, 20, 6)},
            ValueError,
            r"relu_output must have g's shape \(2, 20, 7\), got \(2, 20, 6\)",
        ),
        (
            (zeros(2, 20, 5), zeros(2, 20, 7)),
            {"relu_output": [1.0]},
            TypeError,
            "relu_output must be a NumPy array, got list",
        ),
    ],
)
def test_gradient_refuses(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    _, weights = Case().data()
    with pytest.raises(error, match=message):
        Case().gradient(weights)(*arguments, **options)


def test_gradient_refuses_weights_of_another_plan() -> None:
    plan = Case().plan(Case().data()[1])
    for weights in (
        [zeros(3, 4, 1), zeros(5, 7)],
        [zeros(2, 5, 1), zeros(5, 7)],
        [zeros(3, 5, 1), zeros(5, 6)],
    ):
        with pytest.raises(ValueError, match=r"shapes \(3, 5, 1\) and \(1, 5, 7\), got"):
            _core.Gradient(plan, *weights)
    with pytest.raises(TypeError, match="weights must have one dtype"):
        _core.Gradient(plan, zeros(3, 5, 1), zeros(5, 7, dtype="float64"))
    with pytest.raises(TypeError, match="got NoneType"):
        _core.Gradient(None, zeros(3, 5, 1), zeros(5, 7))  # type: ignore[arg-type]


SCARCE = """
import resource, numpy as np
from sepconv import _core
_core.set_num_threads(2)
def zeros(*shape):
    return np.zeros(shape, np.float32)
def gradient(taps, channels, filters):
    weights = zeros(taps, channels, 1), zeros(channels, filters)
    plan = _core.Plan(*weights, None, strides=1, padding="same", dilation_rate=1,
                      channels_first=False)
    return _core.Gradient(plan, *weights)
gradient(3, 100, 100)(zeros(64, 1000, 100), zeros(64, 1000, 100))  # starts the threads
{case}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {left},) * 2)
try:
    huge(x, g)
except MemoryError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("case", "left", "message"),
    [
        # 100,000 taps: dH of as many steps before and after a tile's, for the shortest tile
        (
            "huge, x, g = gradient(100_000, 8, 8), zeros(1, 20, 8), zeros(1, 20, 8)",
            10_000_000,
            "no memory for the working memory of a thread",
        ),
        # one set of sums is as large as the gradients: 128 MB in two arrays
        (
            "huge, x, g = gradient(1, 4000, 4000), zeros(1, 2, 4000), zeros(1, 2, 4000)",
            100_000_000,
            "no memory for .* bytes of sums",
        ),
    ],
)
def test_memory_that_gradients_cannot_have_is_a_memory_error(
    case: str, left: int, message: str
) -> None:
    code = SCARCE.format(case=case, left=left)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert re.fullmatch(message, done.stdout.strip())


@pytest.mark.usefixtures("ctrl_c")
def test_long_gradients_are_interruptible() -> None:
    # 0.4 TFLOP: seconds on the fastest of CPUs
    case = Case(batch=8, steps=4000, channels=2048, filters=2048, taps=51)
    _, weights = replace(case, batch=1, steps=1).data()
    gradient = case.gradient(weights)
    x = np.zeros((8, 4000, 2048), np.float32)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        gradient(x, x)
    assert time.monotonic() - begin < 3
    timer.join()
