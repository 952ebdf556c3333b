"""safetensors files, which can hold a network's config in their metadata.

Read and written here: the package of that name writes metadata in another order each time, and
its reader holds the file twice. Source: github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown
from sepconv.weights.checks import (
    CHECKSUM,
    EXAMPLE,
    Arrays,
    check_array,
    check_digest,
    check_names,
    digest,
    filled,
    virtual,
)  # fmt: skip

MAX_HEADER = 2**24  # bytes; a config has at most 1 MiB before it is quoted
METADATA = "__metadata__"  # texts, the one key that names no array
CONFIG = "sepconv_config"

# safetensors' names of dtypes
DTYPES = {
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "int32": "I32",
}
NAMES = {short: name for name, short in DTYPES.items()}


def write(file: IO[bytes], arrays: Arrays, config: str | None) -> None:
    """Write `arrays` and their checksum: the same arrays give the same bytes."""
    texts = {"format": "np", CHECKSUM: digest(arrays, config)}
    if config is not None:
        texts[CONFIG] = config
    header: dict[str, Any] = {METADATA: texts}
    end = 0
    # The widest values first, so that each array is aligned to its own values.
    ordered = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in ordered:
        array = arrays[name]
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    file.write(len(raw).to_bytes(8, "little") + raw)
    for name in ordered:
        data = np.ascontiguousarray(arrays[name])
        file.write(data.view(np.uint8).data if data.size else b"")


def naming(file: IO[bytes]) -> str:
    """Return how the file names weights."""
    return "own"


def config(file: IO[bytes]) -> str | None:
    """Return the config in a whole model; None for weights alone."""
    texts, _, _ = _header(file)
    return texts.get(CONFIG)


def read(file: IO[bytes], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that holds exactly what is expected."""
    texts, declared, start = _header(file)
    check_names((name for name in declared if not name.startswith(EXAMPLE)), expected)
    for name, array in expected.items():
        dtype, shape, _, _ = declared[name]
        check_array(name, shape, dtype, array, dtype == DTYPES.get(array.dtype.name))
    arrays = {name: _array(name, file, start, declared[name], expected[name]) for name in expected}
    check_digest(texts.get(CHECKSUM), arrays, texts.get(CONFIG))
    return arrays


def contents(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file, whatever they are; a self-test's aside."""
    texts, declared, start = _header(file)
    arrays = {
        name: _array(name, file, start, entry, virtual(entry[1], _name(entry)))
        for name, entry in declared.items()
        if not name.startswith(EXAMPLE)
    }
    check_digest(texts.get(CHECKSUM), arrays, texts.get(CONFIG))
    return arrays


def examples(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a self-test."""
    _, declared, start = _header(file)
    return {
        name: _array(name, file, start, entry, virtual(entry[1], _name(entry)))
        for name, entry in declared.items()
        if name.startswith(EXAMPLE)
    }


Entry = tuple[str, tuple[int, ...], int, int]  # dtype, shape, where the values begin and end


def _name(entry: Entry) -> str:
    return NAMES.get(entry[0], entry[0])


def _header(file: IO[bytes]) -> tuple[dict[str, str], dict[str, Entry], int]:
    """Return the texts, what is declared of each array, and where the values begin."""
    held = file.seek(0, 2)
    file.seek(0)
    raw = file.read(8)
    length = int.from_bytes(raw, "little")
    if len(raw) < 8 or length > held - 8:
        raise WeightsError(f"is truncated: {held} bytes, and a header of {length}")
    if length > MAX_HEADER:
        raise WeightsError(f"has a header of {length} bytes; {MAX_HEADER} are allowed")
    header = json.loads(file.read(length), object_pairs_hook=_without_twins)
    if not isinstance(header, dict):
        raise WeightsError(f"has a header that is no object: {shown(header)}")
    texts = header.pop(METADATA, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise WeightsError(f"has metadata that is no table of texts: {shown(texts)}")
    declared = {name: _entry(name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, _, first, last) in sorted(declared.items(), key=lambda item: item[1][2:]):
        if first != end or last < first:
            raise WeightsError(f"leaves a gap or an overlap before {shown(name)}")
        end = last
    if end != held - 8 - length:
        raise WeightsError(f"declares {end} bytes of values, the file holds {held - 8 - length}")
    return texts, declared, 8 + length


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise WeightsError(f"holds {shown(name)} twice")
        found[name] = value
    return found


def _entry(name: str, entry: Any) -> Entry:
    if not isinstance(entry, Mapping) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"declares {shown(name)} as {shown(entry)}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    sizes = [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [-1]
    if any(type(size) is not int or size < 0 for size in sizes) or len(offsets) != 2:
        raise WeightsError(f"declares {shown(name)} as {shown(entry)}")
    return str(dtype), tuple(shape), offsets[0], offsets[1]


def _array(
    name: str, file: IO[bytes], start: int, entry: Entry, like: NDArray[Any]
) -> NDArray[Any]:
    _, _, first, last = entry
    file.seek(start + first)
    return filled(name, file, last - first, like)
