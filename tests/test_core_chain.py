"""Operations of the core and chains of them: against definitions, and without surprises."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from reference import Wide, tolerance
from test_core_memory import guarded

from sepconv import _core

ISAS = _core.kernel_info()["available"]
DTYPES = ("float32", "float64")
WIDTHS = (1, 3, 7, 8, 15, 16, 17, 33, 64, 65, 130)
# (batch, steps, channels), then size (None: all steps), stride, same
POOLINGS = [
    *(((2, 9, channels), (3, 2, True)) for channels in WIDTHS),
    *(((1, steps, 5), (4, 3, same)) for steps in (4, 5, 9, 10, 11) for same in (False, True)),
    ((3, 1, 4), (7, 1, True)),
    ((2, 12, 3), (2, 5, False)),
    ((2, 12, 3), (2, 5, True)),
    ((2, 50, 70), (None, 1, False)),
    ((1, 3000, 40), (3, 3, False)),
]


@pytest.fixture(autouse=True)
def threads_restored() -> Iterator[None]:
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


def drawn(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng([*shape, seed]).standard_normal(shape).astype(dtype)


def windows(x: NDArray[Any], size: int | None, stride: int, same: bool) -> list[NDArray[Any]]:
    """Return the steps (B, n, C) in each window, those of the padding left out."""
    steps = x.shape[1]
    if size is None:
        return [x]
    count = -(-steps // stride) if same else (steps - size) // stride + 1
    left = max((count - 1) * stride + size - steps, 0) // 2 if same else 0
    starts = [number * stride - left for number in range(count)]
    return [x[:, max(start, 0) : start + size] for start in starts]


def check_pooling(shape: tuple[int, ...], geometry: tuple[Any, ...], dtype: str) -> None:
    x = drawn(shape, dtype)
    found = windows(x, *geometry)
    largest = _core.pooling(*geometry, False, keeps_time=True)(x)
    np.testing.assert_array_equal(largest, np.stack([w.max(1) for w in found], 1), strict=True)
    means = _core.pooling(*geometry, True, keeps_time=True)(x)
    for number, wide in enumerate(w.astype(Wide) for w in found):
        bound = tolerance(np.abs(wide).mean(1), wide.shape[1] + 1, np.dtype(dtype))
        assert (np.abs(means[:, number] - wide.mean(1)) <= bound).all()


def check_softmax(channels: int, dtype: str) -> None:
    x = 10 * drawn((3, 4, channels), dtype)
    powers = np.exp((x - x.max(-1, keepdims=True)).astype(Wide))
    expected = powers / powers.sum(-1, keepdims=True)
    # 4 ulp of the power, its sum's terms by lanes, and the quotient.
    bound = tolerance(expected, 2 * 4 + channels + 17, np.dtype(dtype))
    assert (np.abs(_core.softmax()(x) - expected) <= bound).all()


def check_all(dtype: str) -> None:
    for shape, geometry in POOLINGS:
        check_pooling(shape, geometry, dtype)
    for channels in WIDTHS:
        check_softmax(channels, dtype)
        table = drawn((11, channels), dtype)
        numbers = np.random.default_rng(0).integers(11, size=(3, 20))
        for ints in ("int32", "int64"):
            rows = _core.look_up(table)(numbers.astype(ints))
            np.testing.assert_array_equal(rows, table[numbers], strict=True)
        flat = _core.flatten()(x := drawn((3, 5, channels), dtype))
        np.testing.assert_array_equal(flat, x.reshape(3, -1), strict=True)
        x, z = drawn((3, 5, channels), dtype), drawn((3, 5, channels), dtype, 1)
        total = [(_core.elementwise("relu", (0, np.inf, 0)), (0, 1), 2)]
        (y,) = _core.Chain(dtype, total, 2, [2])([x, z])
        np.testing.assert_array_equal(y, np.maximum(x + z, 0), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_operations_are_what_is_defined(dtype: str) -> None:
    check_all(dtype)


@pytest.mark.parametrize("isa", ISAS)
def test_every_instruction_set(isa: str) -> None:
    code = "from test_core_chain import *\nfor dtype in DTYPES: check_all(dtype)"
    environ = {**os.environ, "SEPCONV_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("channels", [3, 16, 70])
def test_nan_and_infinities_are_met_as_numpy_meets_them(channels: int) -> None:
    x = drawn((2, 12, channels), "float32")
    x[0, 4], x[0, 9], x[1, 2], x[1, 7] = np.nan, np.inf, -np.inf, np.nan
    with np.errstate(invalid="ignore"):
        for mean, reduce in ((False, np.max), (True, np.mean)):
            expected = np.stack([reduce(w, 1) for w in windows(x, 3, 2, True)], 1)
            found = _core.pooling(3, 2, True, mean)(x)
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
            np.testing.assert_array_equal(np.isinf(found), np.isinf(expected))
        powers = np.exp(x - x.max(-1, keepdims=True))
        nan = np.isnan(powers / powers.sum(-1, keepdims=True))
        np.testing.assert_array_equal(np.isnan(_core.softmax()(x)), nan)
    with_one = np.where(np.arange(channels) == 0, -np.inf, np.zeros((1, 1, channels), "f4"))
    y = _core.softmax()(with_one)
    assert y[0, 0, 0] == 0
    assert np.allclose(y[0, 0, 1:], 1 / (channels - 1), rtol=1e-6)


def separable(channels: int, filters: int, taps: int, dtype: str = "float32") -> Any:
    return _core.Plan(
        drawn((taps, channels, 1), dtype), drawn((channels, filters), dtype), None,
        strides=1, padding="same", dilation_rate=1, channels_first=False, activation="tanh",
    )  # fmt: skip


def residual(dtype: str = "float32") -> tuple[_core.Chain, list[Any]]:
    """Return a chain with a branch, whose tensors are all returned or not, and its functions."""
    a, b = separable(20, 24, 5, dtype), separable(24, 24, 3, dtype)
    steps = [
        (a.operation(), (0,), 1),
        (b.operation(), (1,), 2),
        (_core.elementwise("linear"), (1, 2), 3),
        (_core.elementwise("relu6"), (3,), 4),
        (_core.pooling(2, 2, False, False), (4,), 5),
        (_core.pooling(None, 1, False, True), (5,), 6),
        (_core.softmax(), (6,), 7),
    ]

    def one_by_one(x: NDArray[Any]) -> list[NDArray[Any]]:
        found: list[Any] = [x, a(x)]
        found.append(b(found[1]))
        found.append(found[1] + found[2])
        found.append(_core.activate(found[3], "relu6"))
        for operation, _, _ in steps[4:]:
            found.append(operation(found[-1]))
        return found

    return steps, one_by_one


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 20),
    steps=st.integers(2, 60),
    threads=st.integers(1, 5),
    outputs=st.sets(st.integers(1, 7), min_size=1),
)
def test_chain_has_the_bits_of_one_by_one(
    batch: int, steps: int, threads: int, outputs: set[int]
) -> None:
    operations, one_by_one = residual()
    x = drawn((batch, steps, 20), "float32")
    given = x.copy()
    x.flags.writeable = False
    expected = one_by_one(x)
    _core.set_num_threads(threads)
    found = _core.Chain("float32", operations, 1, sorted(outputs))([x])
    for number, y in zip(sorted(outputs), found, strict=True):
        np.testing.assert_array_equal(y, expected[number], strict=True)
    np.testing.assert_array_equal(x, given)


@pytest.mark.parametrize("batch", [1, 2, 3, 9, 33])
def test_threads_do_not_change_a_bit(batch: int) -> None:
    operations, one_by_one = residual()
    x = drawn((batch, 3000, 20), "float32")  # enough work for several threads
    expected = one_by_one(x)[7]
    for threads in (1, 2, 3, 4, 8):
        _core.set_num_threads(threads)
        for _ in range(3):
            (y,) = _core.Chain("float32", operations, 1, [7])([x])
            assert y.tobytes() == expected.tobytes()


def test_one_chain_in_several_threads_shares_nothing() -> None:
    operations, one_by_one = residual()
    chain = _core.Chain("float32", operations, 1, [7])
    inputs = [drawn((3, 400, 20), "float32", seed) for seed in range(4)]
    expected = [one_by_one(x)[7] for x in inputs]
    wrong: list[int] = []

    def call(number: int) -> None:
        for _ in range(30):
            (y,) = chain([inputs[number]])
            if y.tobytes() != expected[number].tobytes():
                wrong.append(number)

    running = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert not wrong


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_outside_the_arrays_is_never_touched(dtype: str, at_end: bool) -> None:
    alone = [
        _core.pooling(3, 2, True, False),
        _core.pooling(None, 1, False, True),
        _core.elementwise("gelu"),
        _core.softmax(),
        _core.flatten(),
    ]
    for channels in WIDTHS:
        shape = (2, 5, channels)
        x = drawn(shape, dtype)
        with guarded(shape, dtype, at_end=at_end) as inside:
            inside[:] = x
            for operation in alone:
                assert operation(inside).tobytes() == operation(x).tobytes()
            total = _core.Chain(dtype, [(_core.elementwise("linear"), (0, 0), 1)], 1, [1])
            assert (total([inside])[0] == 2 * x).all()
            del inside
        numbers = np.array([[0, 6, 3], [5, 5, 6]])
        with (
            guarded((7, channels), dtype, at_end=at_end) as table,
            guarded((2, 3), "int64", at_end=at_end) as ints,
        ):
            table[:], ints[:] = drawn((7, channels), dtype), numbers
            look_up = _core.look_up(table)
            assert (look_up(ints) == drawn((7, channels), dtype)[numbers]).all()
            del table, ints, look_up


def test_what_an_operation_does_not_take_gives_none() -> None:
    x = drawn((2, 5, 4), "float32")
    table = _core.look_up(x[0])
    assert table(np.array([[0, 5]])) is None
    assert table(np.array([[-1, 0]])) is None
    assert table(np.array([0, 1])) is None
    assert table(np.zeros((1, 2), "float32")) is None
    assert table(np.zeros((1, 2), "uint64")) is None
    assert _core.pooling(6, 1, False, False)(x) is None
    assert _core.pooling(2, 1, False, False)(x[0]) is None
    assert _core.pooling(None, 1, False, True)(x[:, :0]) is None
    assert _core.softmax()(x[:0]) is None
    assert _core.softmax()(x.swapaxes(1, 2)) is None
    assert separable(3, 3, 3).operation()(x) is None
    chain = _core.Chain("float32", [(_core.elementwise("linear"), (0, 1), 2)], 2, [2])
    assert chain([x, x[:, :1].copy()]) is None
    assert chain([x, x[:1].copy()]) is None
    assert chain([x, x.astype("float64")]) is None
    assert chain([x, [1.0]]) is None


def test_chains_that_make_no_sense_are_refused() -> None:
    relu, soft = _core.elementwise("relu6"), _core.softmax()
    with pytest.raises(ValueError, match="operation 0 must make tensor 1"):
        _core.Chain("float32", [(relu, (0,), 2)], 1, [2])
    with pytest.raises(ValueError, match="operation 0 must make tensor 1"):
        _core.Chain("float32", [(relu, (1,), 1)], 1, [1])
    with pytest.raises(ValueError, match="operation 0 cannot read 2 tensors"):
        _core.Chain("float32", [(soft, (0, 0), 1)], 1, [1])
    with pytest.raises(ValueError, match="no operation makes the output 0"):
        _core.Chain("float32", [(relu, (0,), 1)], 1, [0])
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        _core.Chain("float16", [(relu, (0,), 1)], 1, [1])
    table = _core.look_up(np.ones((3, 2)))
    with pytest.raises(TypeError, match="operation 0 has weights of float64, not float32"):
        _core.Chain("float32", [(table, (0,), 1)], 1, [1])
    for steps in ([(relu, (0,), 1), (table, (1,), 2)], [(table, (0,), 1), (relu, (0,), 2)]):
        with pytest.raises(ValueError, match="operation 1 cannot read numbers of rows"):
            _core.Chain("float64", steps, 1, [2])
    with pytest.raises(ValueError, match="2 inputs expected, got 1"):
        _core.Chain("float32", [(relu, (0, 1), 2)], 2, [2])([np.ones((1, 1), "float32")])
    with pytest.raises(ValueError, match=r"table must be \(N, C\)"):
        _core.look_up(np.ones(3))
    with pytest.raises(ValueError, match="stride must be in"):
        _core.pooling(2, 0, False, False)
    with pytest.raises(ValueError, match="activation must be one of"):
        _core.elementwise("softmax")
