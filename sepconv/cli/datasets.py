"""Samples and labels out of the files that a `training:` section names."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sepconv.cli.errors import CommandError
from sepconv.errors import shown, suggestion

PARTS = ("x", "y", "sample_weight")


class Samples(NamedTuple):
    """What is trained on or validated with."""

    x: NDArray[Any]
    y: NDArray[Any]
    sample_weight: NDArray[Any] | None


def read_samples(source: str | Mapping[str, str], folder: Path) -> Samples:
    """Return the arrays that `source` names.

    Arguments:
        source: an .npz with `x`, `y` and perhaps `sample_weight`, or an .npy for each.
        folder: what relative names are relative to.

    Raises:
        CommandError: no such file, damaged, another format, or `x` or `y` is missing.
    """
    if isinstance(source, str):
        arrays = _from_npz(folder / source)
    else:
        arrays = {part: _from_npy(folder / name) for part, name in source.items()}
    for part in PARTS[:2]:
        if part not in arrays:
            raise CommandError(
                f"{source}: no array `{part}`{suggestion(part, list(arrays))}; samples are `x`, "
                f"their labels `y`; there is {', '.join(arrays) or 'nothing'}"
            )
    return Samples(*(arrays.get(part) for part in PARTS))  # type: ignore[arg-type]


def _from_npz(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix != ".npz":
        raise CommandError(
            f"{path}: a data file ends with .npz; write {{x: FILE.npy, y: FILE.npy}} for two files"
        )
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {part: archive[part] for part in PARTS if part in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _from_npy(path: Path) -> NDArray[Any]:
    if path.suffix != ".npy":
        raise CommandError(f"{path}: an array's file ends with .npy")
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise _damaged(path, error) from error
    return array


def _damaged(path: Path, error: Exception) -> CommandError:
    return CommandError(f"{path}: {shown(str(error))[1:-1]}")
