"""safetensors files, through the package of that name."""

from __future__ import annotations

import json
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown
from sepconv.weights.checks import Arrays, check_array, check_names, from_bytes

MAX_EXTRA = 8192  # bytes of the header for one array
METADATA = "__metadata__"  # free text, the one key that names no array

# safetensors' names of dtypes
DTYPES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}


def write(file: IO[bytes], arrays: Arrays) -> None:
    """Write `arrays` as one safetensors file."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(_package().numpy.save(contiguous, {"format": "np"}))


def read(file: IO[bytes], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that holds exactly what is expected."""
    package = _package()
    data = file.read()
    check_names(_names(data), expected)
    found = dict(package.deserialize(data))
    for name, like in expected.items():
        declared = found[name]
        same = declared["dtype"] == DTYPES.get(like.dtype.name)
        check_array(name, tuple(declared["shape"]), declared["dtype"], like, same)
    return {name: from_bytes(name, bytes(found[name]["data"]), expected[name]) for name in expected}


def _names(data: bytes) -> list[str]:
    """Return the names in the header, those that stand there twice too."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise WeightsError(f"is truncated: {len(data)} bytes, and a header of {length}")
    pairs = json.loads(data[8 : 8 + length], object_pairs_hook=list)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise WeightsError(f"has a header that is no object: {shown(pairs)}")
    return [name for name, _ in pairs if name != METADATA]


def _package() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "safetensors files need the `safetensors` package: pip install 'sepconv[safetensors]'"
        ) from error
    return safetensors
