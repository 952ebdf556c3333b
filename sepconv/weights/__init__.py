"""Weights files: named arrays in and out, checked against what is expected before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from sepconv.errors import ValidationError, WeightsError, shown
from sepconv.weights import npz, tensors
from sepconv.weights.atomic import replacing

__all__ = ["read", "replacing", "write"]

Arrays = Mapping[str, NDArray[Any]]

FORMATS = {".npz": npz, ".safetensors": tensors}


def write(path: str | PathLike[str], arrays: Arrays) -> None:
    """Write named `arrays` to `path`, a .npz or .safetensors file, in one step.

    Raises:
        ValidationError: another suffix.
        OSError: the file cannot be written; one that was there before is unharmed.
    """
    file_format = _format_of(path)
    with replacing(path) as file:
        file_format.write(file, arrays)


def read(path: str | PathLike[str], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays in `path`, which must have the names, shapes and dtypes of `expected`.

    No more memory is taken than `expected` needs, whatever the file declares.

    Raises:
        ValidationError: a suffix other than .npz and .safetensors.
        WeightsError: the file is damaged, or holds anything but what is expected.
        OSError: there is no such file, or it cannot be read.
    """
    file_format = _format_of(path)
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        raise WeightsError(f"{path}: not a regular file")
    most = sum(array.nbytes + file_format.MAX_EXTRA for array in expected.values()) + 4096
    if size > most:
        raise WeightsError(f"{path}: holds {size} bytes, the expected weights take at most {most}")
    try:
        with path.open("rb") as file:
            found: dict[str, NDArray[Any]] = file_format.read(file, expected)
    except (OSError, ImportError):
        raise
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except Exception as error:  # whatever a damaged file makes the parsers raise
        raise WeightsError(f"{path}: not a readable weights file: {shown(str(error))}") from error
    return found


def _format_of(path: str | PathLike[str]) -> ModuleType:
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise ValidationError(
            f"a weights file must end in {' or '.join(FORMATS)}, got {shown(str(path))}"
        )
    return FORMATS[suffix]
