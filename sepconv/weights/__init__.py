"""Weights files: named arrays in and out, checked against what is expected before they are read."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from numpy.typing import NDArray

from sepconv.errors import ValidationError, WeightsError, shown
from sepconv.weights import hdf5, keras_archive, npz, tensors
from sepconv.weights.atomic import replacing
from sepconv.weights.checks import EXAMPLE

__all__ = [
    "EXAMPLE",
    "config",
    "contents",
    "examples",
    "is_bare",
    "naming",
    "naming_to_write",
    "read",
    "replacing",
    "write",
]

Arrays = Mapping[str, NDArray[Any]]

# By the name's end; the last is read alone.
FORMATS: dict[str, ModuleType] = {
    ".npz": npz,
    ".safetensors": tensors,
    ".weights.h5": hdf5,
    ".keras": keras_archive,
    ".h5": hdf5,
}
OF_WEIGHTS = (".npz", ".safetensors", ".weights.h5")
OF_MODELS = (".keras", ".safetensors")


def write(path: str | PathLike[str], arrays: Arrays, config: str | None = None) -> None:
    """Write named `arrays` to `path` in one step; with a network's config, a whole model.

    Arguments:
        path: a .npz, .safetensors or .weights.h5 file; a .keras or .safetensors with a config.
        arrays: by the names that `naming` tells of.
        config: Keras's JSON.

    Raises:
        ValidationError: another suffix.
        OSError: the file cannot be written; one that was there before is unharmed.
    """
    file_format = _format_of(path, OF_WEIGHTS if config is None else OF_MODELS)
    with replacing(path) as file:
        file_format.write(file, arrays, config)


def read(path: str | PathLike[str], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays in `path`, which must have the names, shapes and dtypes of `expected`.

    They are new, C-contiguous, and nobody else's. No more memory is taken than `expected` needs,
    whatever the file declares; for a .keras file that was compressed, nine times as much. What
    Keras stores beside the weights, such as an optimizer's state, is left out.

    Raises:
        ValidationError: a suffix of no weights file.
        WeightsError: the file is damaged, or holds anything but what is expected.
        OSError: there is no such file, or it cannot be read.
    """
    file_format = _format_of(path, FORMATS)
    with _opened(path) as file:
        found: dict[str, NDArray[Any]] = file_format.read(file, expected)
    return found


def naming(path: str | PathLike[str]) -> str:
    """Return how the file at `path` names weights.

    Returns:
        "own": `layer/weight`, by the layers' names; "keras": `layers/dense/vars/0`, by the
        layers' classes; "keras2": `3/0`, the first weight of the fourth layer that has weights.
    """
    file_format = _format_of(path, FORMATS)
    with _opened(path) as file:
        return str(file_format.naming(file))


def naming_to_write(path: str | PathLike[str]) -> str:
    """Return how `write` to `path` wants weights to be named: "own" or "keras"."""
    return "keras" if Path(path).name.endswith((".h5", ".keras")) else "own"


def config(path: str | PathLike[str]) -> str:
    """Return the config in a whole model: Keras's JSON.

    Raises:
        WeightsError: the file is damaged, or holds weights alone.
    """
    found = _config(path)
    if found is None:
        raise WeightsError(
            f"{path}: holds weights alone, no config; declare the network in YAML or JSON and "
            f"give it these weights"
        )
    return found


def is_bare(path: str | PathLike[str]) -> bool:
    """Tell whether a file holds weights alone, without a config."""
    return Path(path).name.endswith(tuple(FORMATS)) and _config(path) is None


def _config(path: str | PathLike[str]) -> str | None:
    file_format = _format_of(path, FORMATS)
    with _opened(path) as file:
        found: str | None = file_format.config(file)
    return found


def contents(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return all weights of a file of weights alone, by the names in it.

    They take no more memory than the file; of what is compressed, no more than 16 times that.

    Raises:
        WeightsError: the file is damaged, or holds what no weight is.
    """
    file_format = _format_of(path, [suffix for suffix in FORMATS if suffix != ".keras"])
    with _opened(path) as file:
        found: dict[str, NDArray[Any]] = file_format.contents(file)
    return found


def examples(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of the self-test in a whole model; none if it has none, as a config."""
    if not Path(path).name.endswith(tuple(FORMATS)):
        return {}
    file_format = _format_of(path, FORMATS)
    with _opened(path) as file:
        found: dict[str, NDArray[Any]] = file_format.examples(file)
    return found


@contextmanager
def _opened(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """Give a regular file to read; whatever goes wrong is told with its name."""
    path = Path(path)
    path.stat()
    if not path.is_file():
        raise WeightsError(f"{path}: not a regular file")
    try:
        with path.open("rb") as file:
            yield file
    except ImportError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # which zipfile gets when it seeks where no file is
            raise
        raise WeightsError(f"{path}: is damaged: it points to places that no file has") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except Exception as error:  # whatever a damaged file makes the parsers raise
        raise WeightsError(f"{path}: not a readable weights file: {shown(str(error))}") from error


def _format_of(path: str | PathLike[str], suffixes: Any) -> ModuleType:
    name = Path(path).name
    for suffix in suffixes:
        if name.endswith(suffix):
            return FORMATS[suffix]
    *others, last = suffixes
    raise ValidationError(
        f"a file of {'models' if suffixes == OF_MODELS else 'weights'} must end in "
        f"{', '.join(others)} or {last}, got {shown(str(path))}"
    )
