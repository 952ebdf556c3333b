"""The checks that every format of weights files makes before and after it reads values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import weight_dtype
from sepconv.errors import WeightsError, shown, suggestion

EXAMPLE = "sepconv_example/"  # what the names of a self-test's arrays begin with
CHECKSUM = "sepconv_sha256"  # the name of the text that `digest` gives

CHUNK = 2**20  # bytes of a file that are read at a time

Arrays = Mapping[str, NDArray[Any]]


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


def filled(name: str, file: IO[bytes], declared: int, expected: NDArray[Any]) -> NDArray[Any]:
    """Return a new array like `expected`, C order and native, read from where `file` stands.

    Arguments:
        declared: the bytes that the file says it has for the array, as far as it can tell.

    Raises:
        WeightsError: more or fewer bytes than the array takes.
    """
    if declared != expected.nbytes:
        raise WeightsError(
            f"{shown(name)} must hold {expected.nbytes} bytes, the file declares {declared}"
        )
    array = np.empty(expected.shape, expected.dtype)
    data = array.reshape(-1).view(np.uint8).data
    at = 0
    while chunk := file.read(min(CHUNK, len(data) - at)):
        data[at : at + len(chunk)] = chunk
        at += len(chunk)
    if at != len(data):
        raise WeightsError(f"{shown(name)} must hold {len(data)} bytes, the file holds {at}")
    return array


def virtual(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Return what has the shape and dtype of an array, and takes no memory for its values."""
    return np.broadcast_to(np.empty((), weight_dtype(dtype)), shape)


def digest(arrays: Arrays, config: str | None) -> str:
    """Return the SHA-256 of a config and of arrays with their names, a self-test's left out."""
    import hashlib  # which loads OpenSSL, 4 MB: a .keras file needs none

    names = sorted(name for name in arrays if not name.startswith(EXAMPLE))
    shapes = [(name, arrays[name].dtype.name, arrays[name].shape) for name in names]
    found = hashlib.sha256(json.dumps([config, shapes]).encode())
    for name in names:
        array = np.ascontiguousarray(arrays[name])
        if array.size:
            found.update(array.view(np.uint8).data)
    return found.hexdigest()


def check_digest(stored: Any, arrays: Arrays, config: str | None) -> None:
    """Raise WeightsError unless the checksum is that of the arrays. Files of others have none."""
    if stored is not None and stored != digest(arrays, config):
        raise WeightsError("is damaged: its values do not have the checksum that it holds")
