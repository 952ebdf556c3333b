"""Arrays: which data is computed with, and in which dtype."""

from __future__ import annotations

import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sepconv.arrays import FLOATS, compute_dtype, float_dtype, real_array
from sepconv.errors import InputTypeError, ValidationError


@pytest.mark.parametrize("name", FLOATS)
def test_float_dtype_is_found_by_name_and_by_itself(name: str) -> None:
    dtype = float_dtype(name)
    assert dtype.name == name
    assert float_dtype(dtype) == dtype
    assert float_dtype(dtype.type) == dtype


def test_no_dtype_is_float32() -> None:
    assert float_dtype(None) == np.float32


@pytest.mark.parametrize("dtype", ["int8", "float128", "complex64", "flaot32", "", 3, object()])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(ValidationError, match="`dtype` must be one of float16, bfloat16"):
        float_dtype(dtype)


def test_missing_ml_dtypes_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ValidationError, match=r"pip install 'sepconv\[bfloat16\]'"):
        float_dtype("bfloat16")


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (1, "float32"),
        (1.5, "float32"),
        ([1, 2.5], "float32"),
        (np.arange(3), "float32"),
        (np.array([True]), "float32"),
        (np.float64(1), "float64"),
        (np.zeros(2, "f2"), "float16"),
        (np.zeros(2, ">f8"), "float64"),
        (np.zeros(2, np.longdouble), "float64"),
        (np.zeros(2, ml_dtypes.bfloat16), "bfloat16"),
    ],
)
def test_real_numbers_become_floats_of_this_machine(x: Any, dtype: str) -> None:
    array = real_array(x)
    assert array.dtype.name == dtype
    assert array.dtype.isnative
    np.testing.assert_array_equal(array.astype(float), np.asarray(x, float))


def test_floats_are_not_copied() -> None:
    x = np.zeros(3, np.float32)
    assert np.shares_memory(real_array(x), x)


@pytest.mark.parametrize(
    "x", [1j, np.zeros(1, "c8"), "1", b"1", [None], np.zeros(1, "M8[s]"), np.zeros(1, "m8[s]")]
)
def test_other_data_is_refused(x: Any) -> None:
    with pytest.raises(InputTypeError, match="expected an array of floats, ints or bools; got"):
        real_array(x)


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [("float16", "f4"), ("bfloat16", "f4"), ("float32", "f4"), ("float64", "f8")],
)
def test_16_bits_are_computed_in_float32(dtype: str, wide: str) -> None:
    assert compute_dtype(float_dtype(dtype)) == np.dtype(wide)
