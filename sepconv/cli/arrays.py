"""Arrays out of .npy, .npz and .csv files, without pickles."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.cli.errors import CommandError
from sepconv.errors import shown, suggestion
from sepconv.layers import Layer


def read_array(path: Path, name: str | None, layer: Layer) -> NDArray[Any]:
    """Return the array in a file; an .npy is mapped into memory, so it may be larger than that.

    Arguments:
        path: .npy, .npz, or .csv with one sequence: a line a step of time, a column a channel.
        name: of the array in an .npz with several.
        layer: what the array is for: it decides about the axes.

    Raises:
        CommandError: no such file, another format, damaged, or no array of numbers.
    """
    if name is not None and path.suffix != ".npz":
        raise CommandError(f"--array {name}: only an .npz holds arrays by name")
    try:
        match path.suffix:
            case ".npy":
                mapped = np.load(path, mmap_mode=_mapping(path), allow_pickle=False)
                return _checked(mapped, path, layer)
            case ".npz":
                return _checked(_from_npz(path, name), path, layer)
            case ".csv":
                steps = _from_csv(path)
                last = getattr(_first(layer), "data_format", "") != "channels_first"
                return np.ascontiguousarray(steps if last else steps.T)[np.newaxis]
    except (ValueError, EOFError, KeyError, NotImplementedError) as error:
        raise CommandError(f"{path}: {shown(str(error))[1:-1]}") from error
    raise CommandError(f"{path}: an input ends with .npy, .npz or .csv")


def _mapping(path: Path) -> Any:
    """Return NumPy's `mmap_mode`: an array without values cannot be mapped."""
    with path.open("rb") as file:
        major = np.lib.format.read_magic(file)[0]
        read = (
            np.lib.format.read_array_header_1_0
            if major == 1
            else (np.lib.format.read_array_header_2_0)
        )
        shape, _, dtype = read(file)
    return "r" if all(shape) and not dtype.hasobject else None


def _first(layer: Layer) -> Layer:
    return next(iter(getattr(layer, "layers", ())), layer)


def _checked(array: NDArray[Any], path: Path, layer: Layer) -> NDArray[Any]:
    spec = _first(layer).input_spec
    needed = None if spec is None else spec.ndim or spec.min_ndim
    if array.ndim + 1 == needed:
        raise CommandError(
            f"{path}: shape {array.shape} has no batch axis; save it as x[np.newaxis], of shape "
            f"{(1, *array.shape)}"
        )
    return array


def _from_npz(path: Path, name: str | None) -> NDArray[Any]:
    import zipfile

    try:
        archive = np.load(path, allow_pickle=False)
    except zipfile.BadZipFile as error:
        raise CommandError(f"{path}: damaged: {error}") from error
    with archive:
        names = list(archive.files)
        if name is None and len(names) != 1:
            raise CommandError(
                f"{path}: name one with --array: {', '.join(names) or 'it has none'}"
            )
        chosen = name if name is not None else names[0]
        if chosen not in names:
            raise CommandError(f"{path}: no array `{chosen}`{suggestion(chosen, names)}")
        try:
            array: NDArray[Any] = archive[chosen]
        except zipfile.BadZipFile as error:
            raise CommandError(f"{path}: damaged: {error}") from error
        return array


def _from_csv(path: Path) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for fields in csv.reader(file):
            line = len(rows) + 1
            if not any(field.strip() for field in fields):
                continue
            values = _numbers(fields)
            if values is None:
                if not rows:
                    raise CommandError(
                        f"{path}:1: {shown(fields, 80)} are no numbers; is it a header? "
                        f"Take it out: a line is a step of time, a column a channel"
                    )
                raise CommandError(f"{path}:{line}: {shown(fields, 80)} are no numbers")
            if rows and len(values) != len(rows[0]):
                raise CommandError(
                    f"{path}:{line}: {len(values)} columns, line 1 has {len(rows[0])}"
                )
            rows.append(values)
    if not rows:
        raise CommandError(f"{path}: no numbers")
    return np.array(rows)


def _numbers(fields: list[str]) -> list[float] | None:
    try:
        return [float(field) for field in fields]
    except ValueError:
        return None
