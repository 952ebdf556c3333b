"""16-bit x and y: NumPy's and ml_dtypes' conversions, value by value, around float32's sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import isas
import ml_dtypes
import numpy as np
import pytest
from cases import FORMATS, random_cases
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from sepconv import _core

NARROW = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
EVERY = np.arange(2**16, dtype=np.uint16)


def plan(weights: list[Any], dtype: np.dtype[Any], **arguments: Any) -> _core.Plan:
    kwargs: dict[str, Any] = {"strides": 1, "padding": "same", "dilation_rate": 1}
    kwargs |= {"channels_first": False, **arguments}
    return _core.Plan(*weights, dtype=dtype, **kwargs)


def assert_same_numbers(y: NDArray[Any], expected: NDArray[Any]) -> None:
    """Assert equal bits, but for a NaN, which may be any NaN."""
    assert y.dtype == expected.dtype
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(y), nan)
    np.testing.assert_array_equal(y[~nan].view(np.uint16), expected[~nan].view(np.uint16))


@np.errstate(all="ignore")
def check_widening(dtype: np.dtype[Any]) -> None:
    x = EVERY.view(dtype).reshape(1, -1, 1)
    for factor in (1, 0.75, 3, 2.0**-20, 2.0**20):
        depthwise = np.full((1, 1, 1), factor, np.float32)
        pointwise, zero = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
        expected = (x.astype(np.float32) * np.float32(factor) + 0).astype(dtype)  # -0 + 0 is 0
        for stride in (1, 2, 3):
            layer = plan([depthwise, pointwise, zero], dtype, strides=stride)
            assert_same_numbers(layer(x), expected[:, ::stride])
            layer = plan([depthwise, pointwise, zero], dtype, strides=stride, channels_first=True)
            first = np.ascontiguousarray(x.transpose(0, 2, 1))
            assert_same_numbers(layer(first).transpose(0, 2, 1), expected[:, ::stride])


@np.errstate(all="ignore")
def narrowed(values: NDArray[np.float32], dtype: np.dtype[Any], channels_first: bool) -> Any:
    """Return `values` as the core rounds its sums: they are the biases, and x is 0."""
    weights = [np.ones((1, 1, 1), np.float32), np.full((1, values.size), -0.0, np.float32), values]
    y = plan(weights, dtype, channels_first=channels_first)(np.zeros((1, 1, 1), dtype))
    return y.reshape(-1)


@np.errstate(all="ignore")
def check_narrowing(dtype: np.dtype[Any]) -> None:
    exact = EVERY.view(dtype).astype(np.float32)
    up = np.nextafter(exact, np.float32(np.inf))
    ordered = np.sort(exact[np.isfinite(exact)])
    ties = ((ordered[1:].astype(np.float64) + ordered[:-1]) / 2).astype(np.float32)
    overflow = np.array([65519.996, 65520, 3.39e38, 3.3961775e38, 3.4028235e38], np.float32)
    around = [exact, up, -up, ties, overflow, -overflow]
    around += [np.nextafter(ties, np.float32(side)) for side in (-np.inf, np.inf)]
    values = np.concatenate(around)
    for channels_first in FORMATS:
        assert_same_numbers(narrowed(values, dtype, channels_first), values.astype(dtype))


@pytest.mark.parametrize("isa", isas.ISAS)
def test_every_16_bit_number_and_its_neighbours_convert_as_numpy_does(isa: str) -> None:
    code = "from test_core_storage import *\nfor d in NARROW: check_widening(d), check_narrowing(d)"
    isas.assert_passes(isa, code)


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@given(bits=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=70))
@np.errstate(all="ignore")
def test_any_sum_is_rounded_as_numpy_does(dtype: np.dtype[Any], bits: list[int]) -> None:
    values = np.array(bits, np.uint32).view(np.float32)
    for channels_first in FORMATS:
        assert_same_numbers(narrowed(values, dtype, channels_first), values.astype(dtype))


@pytest.mark.parametrize("dtype", NARROW, ids=str)
@pytest.mark.parametrize("activation", ["linear", "relu6", "tanh"])
def test_narrow_layers_are_float32_layers_between_two_conversions(
    dtype: np.dtype[Any], activation: str
) -> None:
    for case in random_cases(120, seed=3):
        case = replace(case, dtype="float32")
        x, weights = case.data()
        x = x.astype(dtype)
        expected = case.run(x.astype(np.float32), weights, activation=activation).astype(dtype)
        y = case.run(x, weights, activation=activation, dtype=dtype)
        assert_same_numbers(np.ascontiguousarray(y), np.ascontiguousarray(expected))


@pytest.mark.parametrize("dtype", NARROW, ids=str)
def test_narrow_layers_check_x_and_out(dtype: np.dtype[Any]) -> None:
    layer = plan([np.ones((1, 2, 1), np.float32), np.ones((2, 3), np.float32), None], dtype)
    assert layer.dtype == dtype
    x = np.zeros((1, 5, 2), dtype)
    out = np.ones((1, 5, 3), dtype)
    assert layer(x, out) is out
    assert not out.any()
    with pytest.raises(TypeError, match=f"x must have dtype {dtype}, got float32"):
        layer(x.astype(np.float32))
    with pytest.raises(ValueError, match=f"out must be {dtype} of shape"):
        layer(x, out.astype(np.float32))


@pytest.mark.parametrize(
    ("dtype", "weights"),
    [("float16", "float64"), ("float32", "float64"), ("float64", "float32"), (">f2", "float32"),
     ("int16", "float32")],
)  # fmt: skip
def test_dtype_that_the_weights_do_not_suit_is_refused(dtype: str, weights: str) -> None:
    with pytest.raises(TypeError, match=f"dtype must be that of the weights.* with {weights}"):
        plan([np.ones((1, 2, 1), weights), np.ones((2, 3), weights), None], np.dtype(dtype))
