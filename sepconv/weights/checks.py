"""The checks that every format of weights files makes before it reads values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown, suggestion


def check_names(found: Iterable[str], expected: Iterable[str]) -> None:
    """Raise WeightsError unless `found` holds each expected name once and no other."""
    seen: set[str] = set()
    expected = set(expected)
    for name in found:
        if name in seen:
            raise WeightsError(f"holds {shown(name)} twice")
        if name not in expected:
            raise WeightsError(
                f"holds {shown(name)}, which is not expected{suggestion(name, expected)}"
            )
        seen.add(name)
    missing = sorted(expected - seen)
    if missing:
        raise WeightsError(
            f"holds no {shown(missing[0])}"
            + (f", nor {len(missing) - 1} others" if missing[1:] else "")
        )


def check_array(
    name: str, shape: tuple[int, ...], dtype: object, expected: NDArray[Any], same_dtype: bool
) -> None:
    """Raise WeightsError unless the declared shape and dtype are those of `expected`."""
    if shape != expected.shape:
        raise WeightsError(
            f"{shown(name)} must have shape {expected.shape}, the file declares {shown(shape)}"
        )
    if not same_dtype:
        raise WeightsError(
            f"{shown(name)} must have dtype {expected.dtype}, the file declares {shown(str(dtype))}"
        )


def from_bytes(name: str, data: bytes, expected: NDArray[Any]) -> NDArray[Any]:
    """Return `data` as an array like `expected`, C order and native.

    Raises:
        WeightsError: more or fewer bytes than the array takes.
    """
    if len(data) != expected.nbytes:
        raise WeightsError(
            f"{shown(name)} must hold {expected.nbytes} bytes, the file holds {len(data)}"
        )
    return np.frombuffer(data, expected.dtype).reshape(expected.shape)


Arrays = Mapping[str, NDArray[Any]]
