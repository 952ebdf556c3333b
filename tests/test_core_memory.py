"""Nothing is read or written outside the arrays, and absurd requests fail as Python errors."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases import DTYPES, FORMATS, Case, random_cases
from guarded import guarded
from numpy.typing import NDArray

from sepconv import _core

EDGES = [
    Case(
        batch=1,
        steps=steps,
        channels=channels,
        filters=filters,
        taps=taps,
        stride=stride,
        multiplier=multiplier,
        padding=padding,
        dtype=dtype,
    )
    for dtype in DTYPES
    for padding in ("same", "valid")
    for stride in (1, 2, 3)
    for steps, channels, filters, taps, multiplier in (
        (40, 1, 1, 1, 1),
        (41, 5, 3, 3, 1),
        (70, 16, 64, 4, 1),
        (70, 17, 65, 5, 1),
        (70, 33, 31, 14, 1),
        (300, 12, 20, 7, 3),
        (193, 9, 7, 15, 2),
        (200, 3, 5, 2, 17),
    )
]


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("channels_first", FORMATS)
def test_memory_outside_the_arrays_is_never_touched(channels_first: bool, at_end: bool) -> None:
    for case in [*EDGES, *random_cases(60, seed=3)]:
        case = replace(case, channels_first=channels_first)
        x, weights = case.data()
        expected = np.ascontiguousarray(case.run(x, weights))
        last = [case.steps, case.channels], [case.out_steps, case.filters]
        shapes = [(case.batch, *(reversed(p) if channels_first else p)) for p in last]
        if channels_first:
            x, expected = x.transpose(0, 2, 1), expected.transpose(0, 2, 1)
        with (
            guarded(shapes[0], case.dtype, at_end=at_end) as inside,
            guarded(shapes[1], case.dtype, at_end=at_end) as out,
        ):
            inside[:] = x
            y = case.plan(weights)(inside, out)
            assert y is out
            np.testing.assert_array_equal(out, expected)
            del inside, out, y


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("name", [n for n, count in _core.ACTIVATIONS.items() if count == 0])
def test_activate_stays_inside_its_array(name: str, at_end: bool) -> None:
    for dtype in DTYPES:
        for size in (1, 3, 15, 16, 17, 33):
            with guarded((size,), dtype, at_end=at_end) as x:
                x[:] = 1
                assert _core.activate(x, name, out=x) is x
                del x


def test_weights_are_copied_into_the_plan() -> None:
    case = Case()
    x, weights = case.data()
    plan = case.plan(weights)
    before = plan(x)
    for array in weights:
        array[:] = np.nan
    np.testing.assert_array_equal(plan(x), before)


def test_out_is_filled_and_returned() -> None:
    case = Case()
    x, weights = case.data()
    plan = case.plan(weights)
    out = np.full((2, 20, 7), np.nan, np.float32)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, plan(x))
    assert plan(x, out=out) is out


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((2, 20, 6), np.float32), ValueError, r"shape \(2, 20, 7\), got .*\(2, 20, 6\)"),
        (np.empty((2, 20, 7), np.float64), ValueError, "float32 of shape .* got float64"),
        (np.empty((2, 20, 14), np.float32)[:, :, ::2], ValueError, "C-contiguous"),
        (np.empty((2, 20, 7), ">f4"), ValueError, "got >f4"),
        (read_only(np.empty((2, 20, 7), np.float32)), ValueError, "writable"),
        ([[0.0]], TypeError, "out must be a NumPy array, got list"),
    ],
)
def test_out_that_does_not_fit_is_refused(out: Any, error: type[Exception], message: str) -> None:
    x, weights = Case().data()
    with pytest.raises(error, match=message):
        Case().plan(weights)(x, out)


def test_out_that_overlaps_x_is_refused() -> None:
    case = Case(filters=5)
    _, weights = case.data()
    memory = np.zeros(2 * 20 * 5 + 8, np.float32)
    x = memory[:200].reshape(2, 20, 5)
    for shift in (0, 1, 8):
        with pytest.raises(ValueError, match="out must not overlap x"):
            case.plan(weights)(x, memory[shift : shift + 200].reshape(2, 20, 5))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[[0.0] * 5]], TypeError, "x must be a NumPy array, got list"),
        (np.zeros((2, 20, 5)), TypeError, "x must have dtype float32, got float64"),
        (np.zeros((2, 20, 5), ">f4"), TypeError, "x must have dtype float32, got >f4"),
        (np.zeros((2, 20, 10), np.float32)[:, :, ::2], ValueError, "C-contiguous and aligned"),
        (np.zeros(801, np.uint8)[1:].view("f4").reshape(2, 20, 5), ValueError, "aligned"),
        (np.zeros((20, 5), np.float32), ValueError, r"3 dimensions and 5 channels on axis 2"),
        (np.zeros((2, 20, 6), np.float32), ValueError, r"5 channels .* got shape \(2, 20, 6\)"),
    ],
)
def test_input_that_does_not_fit_is_refused(x: Any, error: type[Exception], message: str) -> None:
    _, weights = Case().data()
    with pytest.raises(error, match=message):
        Case().plan(weights)(x)


def plan_of(**changes: Any) -> _core.Plan:
    arguments: dict[str, Any] = {
        "depthwise_kernel": np.zeros((3, 5, 2), np.float32),
        "pointwise_kernel": np.zeros((1, 10, 7), np.float32),
        "bias": np.zeros(7, np.float32),
        "strides": 1,
        "padding": "same",
        "dilation_rate": 1,
        "channels_first": False,
    }
    return _core.Plan(**{**arguments, **changes})


def zeros(*shape: int, dtype: str = "float32") -> NDArray[Any]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"depthwise_kernel": zeros(3, 5)}, ValueError, r"depthwise_kernel must be \(K, C, M\)"),
        ({"depthwise_kernel": zeros(0, 5, 2)}, ValueError, "none of them 0"),
        ({"depthwise_kernel": zeros(3, 0, 2)}, ValueError, "none of them 0"),
        ({"pointwise_kernel": zeros(9, 7)}, ValueError, r"with C\*M = 10, got \(9, 7\)"),
        ({"pointwise_kernel": zeros(2, 5, 7)}, ValueError, r"\(1, C\*M, F\) or"),
        ({"pointwise_kernel": zeros(10, 0)}, ValueError, "got"),
        ({"bias": zeros(6)}, ValueError, r"bias must be \(7,\), got \(6,\)"),
        ({"bias": zeros(7, dtype="float64")}, TypeError, "weights must have one dtype"),
        ({"bias": zeros(7, dtype="float16")}, TypeError, "bias must be float32 or float64"),
        ({"depthwise_kernel": zeros(3, 5, 2, dtype="int32")}, TypeError, "got int32"),
        ({"strides": 0}, ValueError, r"strides must be in 1\.\.2\*\*31-1, got 0"),
        ({"strides": 2**31}, ValueError, "strides must be in"),
        ({"strides": 1.0}, TypeError, "strides must be an integer"),
        ({"dilation_rate": True}, TypeError, "dilation_rate must be an integer"),
        ({"dilation_rate": 10**30}, ValueError, "dilation_rate must be in"),
        ({"padding": "SAME"}, ValueError, 'padding must be "valid", "same" or "causal"'),
        ({"activation": "softmax"}, ValueError, "activation must be one of"),
        ({"activation": "relu"}, ValueError, "'relu' takes 3 parameters, got 0"),
    ],
)
def test_plan_refuses(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plan_of(**changes)


def test_plan_tells_its_layer() -> None:
    plan = plan_of(strides=2, activation="elu", parameters=(0.5,))
    assert (plan.channels, plan.depth_multiplier, plan.filters, plan.kernel_size) == (5, 2, 7, 3)
    assert (plan.strides, plan.dilation_rate, plan.padding) == (2, 1, "same")
    assert (plan.dtype, plan.channels_first) == (np.dtype(np.float32), False)
    assert (plan.activation, plan.parameters) == ("elu", (0.5,))
    with pytest.raises(AttributeError):
        plan.filters = 3  # type: ignore[misc]


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", ["strides", "dilation_rate"])
def test_largest_strides_and_dilations_need_no_memory(name: str, channels_first: bool) -> None:
    plan = plan_of(**{name: 2**31 - 1}, channels_first=channels_first)
    for steps in (1, 4, 500):
        shape = (2, 5, steps) if channels_first else (2, steps, 5)
        out = 1 if name == "strides" else steps
        assert plan(zeros(*shape)).shape == ((2, 7, out) if channels_first else (2, out, 7))


def test_strides_and_dilations_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="strides=2147483647 and dilation_rate=2147483646 are too"):
        plan_of(strides=2**31 - 1, dilation_rate=2**31 - 2)
    with pytest.raises(ValueError, match="too large for 3 taps"):
        plan_of(strides=2**31 - 1, dilation_rate=2**28)


@pytest.mark.parametrize("shape", [(0, 2**58, 5), (2**58, 0, 5)])
def test_output_too_large_to_address_is_an_error(shape: tuple[int, ...]) -> None:
    # No bytes of x, but an output shape whose product overflows.
    plan = plan_of(pointwise_kernel=zeros(10, 70), bias=None)
    with pytest.raises((ValueError, MemoryError)):
        plan(np.zeros(shape, np.float32))


@pytest.mark.parametrize("steps", [-1, 2**61, 2**70])
def test_output_steps_refuses_what_is_no_length(steps: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        plan_of().output_steps(steps)


SCARCE = """
import resource, numpy as np
from sepconv import _core
_core.set_num_threads(2)
def plan(channels):
    return _core.Plan(zeros(20, channels, 1), zeros(channels, 1), None, strides=1, padding="same",
                      dilation_rate=1, channels_first={channels_first})
def zeros(*shape):
    return np.zeros(shape, np.float32)
def x(batch, steps, channels):
    return zeros(batch, channels, steps) if {channels_first} else zeros(batch, steps, channels)
plan(100)(x(8, 1000, 100))  # starts the threads, whose stacks are not what is tested here
huge, inputs, out = plan(10**6), x(2, 20, 10**6), np.empty(40, np.float32)
out = out.reshape((2, 1, 20) if {channels_first} else (2, 20, 1))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 16_000_000,) * 2)
try:
    huge(inputs, out)
except MemoryError as error:
    print(error)
"""


@pytest.mark.parametrize("channels_first", FORMATS)
def test_working_memory_that_cannot_be_had_is_a_memory_error(channels_first: bool) -> None:
    # A million channels need 24 MB of working memory for the shortest strip.
    code = SCARCE.format(channels_first=channels_first)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "no memory for the working memory of a thread\n"


def test_loading_the_core_does_not_flush_subnormals() -> None:
    code = "import sepconv._core, numpy as np; print(np.float32(1e-38) / np.float32(1e3) > 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [16, 17, 40])
def test_large_outputs_begin_on_a_cache_line(batch: int, dtype: str, channels_first: bool) -> None:
    case = Case(batch=batch, steps=128, channels=8, filters=16, taps=3, dtype=dtype,
                channels_first=channels_first)  # fmt: skip
    x, weights = case.data()
    y = case.run(x, weights)
    owner = y
    while owner.base is not None:
        owner = owner.base
    assert y.ctypes.data % 64 == 0
    assert y.flags.writeable
    assert y.ctypes.data + y.nbytes <= owner.ctypes.data + owner.nbytes
