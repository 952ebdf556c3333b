"""Which arrays are computed with, and in which dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import InputTypeError, ValidationError, shown

FLOATS = ("float16", "bfloat16", "float32", "float64")
_USUAL = (np.dtype(np.float32), np.dtype(np.float64))


def float_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the NumPy dtype that `dtype` names: one of FLOATS; None is float32.

    >>> float_dtype("float16")
    dtype('float16')
    """
    if dtype is None:
        return np.dtype(np.float32)
    try:
        name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in FLOATS:
        raise ValidationError(f"`dtype` must be one of {', '.join(FLOATS)}; got {shown(dtype)}")
    if name == "bfloat16":
        return _bfloat16()
    return np.dtype(name)


def weight_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a weight: one of FLOATS, or of a counter int32."""
    return np.dtype(np.int32) if name == "int32" else float_dtype(name)


def real_array(x: Any) -> NDArray[Any]:
    """Return `x` as an array of floats; ints, bools and Python's own numbers become float32.

    Raises:
        InputTypeError: complex numbers, objects, text.

    >>> real_array([1, 2]).dtype
    dtype('float32')
    """
    if type(x) is np.ndarray and x.dtype in _USUAL:  # in a tenth of the time that `name` takes
        return x
    array = np.asarray(x)
    if array.dtype.name in FLOATS and hasattr(x, "dtype"):
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind in "biuf":
        wide = array.dtype.kind == "f" and hasattr(x, "dtype")  # a long double
        return array.astype(np.float64 if wide else np.float32)
    raise InputTypeError(
        f"expected an array of floats, ints or bools; got dtype {array.dtype.name}, "
        f"which is not computed with: convert it first"
    )


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that values of `dtype` are computed in: 16-bit floats in float32."""
    narrow: np.dtype[Any] = np.dtype(np.float32)
    return narrow if dtype.itemsize < 4 else dtype


def kept_where(values: NDArray[Any], kept: NDArray[Any]) -> NDArray[Any]:
    """Return a new array: the floats of `values` where `kept`, which broadcasts, and 0 elsewhere.

    Done on their bits: inf and NaN vanish, and no branch is mispredicted. Dropout's pullback of 4
    million values takes 4 ms so, and took 59 with `np.copyto(..., where=mask)` (2026-11-22).

    >>> kept_where(np.array([1.0, np.inf]), np.array([True, False]))
    array([1., 0.])
    """
    mask = kept.astype(f"i{values.dtype.itemsize}")
    np.negative(mask, out=mask)  # all bits of a True
    return np.asarray(np.bitwise_and(values.view(mask.dtype), mask)).view(values.dtype)


def _bfloat16() -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ImportError:
        raise ValidationError(
            "dtype bfloat16 needs the package ml_dtypes: pip install 'sepconv[bfloat16]'"
        ) from None
    named: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return named
