"""Whole models in one file, and the self-test that goes with them."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import weights
from sepconv.arrays import FLOATS
from sepconv.errors import ValidationError, WeightsError
from sepconv.layers import naming
from sepconv.layers.base import Layer
from sepconv.layers.module import check_built
from sepconv.models.registry import serialize

INPUT, OUTPUT = f"{weights.EXAMPLE}input_", f"{weights.EXAMPLE}output_"
# How far a self-test may be off, in roundings of the largest output. The order of sums depends on
# the CPU's vectors; 16-bit layers round their outputs, and may do so to either side.
ROUNDINGS = {4: 64, 8: 64, 2: 8}


def save(model: Layer, path: str | PathLike[str], example: Any = None) -> None:
    """Write a network with its weights: `model.save(path, example)`."""
    check_built(model, "save")
    _check_network(model)
    named = naming.named(model, weights.naming_to_write(path))
    arrays = {name: variable.value for name, variable in named.items()}
    if example is not None:
        arrays |= _numbered(INPUT, example) | _numbered(OUTPUT, model(example))
    weights.write(path, arrays, json.dumps(serialize(model)))


def _check_network(model: Layer) -> None:
    if not hasattr(model, "layers"):
        raise ValidationError(
            f"a file of a model holds a network; put '{model.name}' into a Sequential"
        )
    for network in model._flatten():
        stack = [id(layer) for layer in network._tracked.layers]
        if len(stack) != len({*stack}):
            raise ValidationError(
                f"a layer stands twice in '{network.name}', which no file can tell of a "
                f"Sequential; make it a Functional network"
            )


def example_in(path: str | PathLike[str]) -> list[NDArray[Any]]:
    """Return the inputs of the self-test that a file holds; none without one."""
    return _in_order(weights.examples(path), INPUT)


def verify(model: Layer, path: str | PathLike[str]) -> None:
    """Compare what a network computes with the self-test that a file holds.

    The largest difference may be 64 roundings of the largest output, 8 for a 16-bit network.

    Raises:
        ValidationError: the file holds no self-test.
        WeightsError: the outputs differ.
    """
    held = weights.examples(path)
    inputs, expected = _in_order(held, INPUT), _in_order(held, OUTPUT)
    if not inputs:
        raise ValidationError(
            f"{path}: holds no self-test; `model.save(path, example=x)` or "
            f"`sepconv convert IN OUT --example x.npy` makes one"
        )
    found = list(_numbered(OUTPUT, model(inputs[0] if len(inputs) == 1 else inputs)).values())
    if [y.shape for y in found] != [y.shape for y in expected]:
        raise WeightsError(
            f"{path}: the self-test expects outputs of shape {[y.shape for y in expected]}, "
            f"the network gives {[y.shape for y in found]}"
        )
    for ours, theirs in zip(found, expected, strict=True):
        _compare(ours, theirs, path)


def _compare(ours: NDArray[Any], theirs: NDArray[Any], path: str | PathLike[str]) -> None:
    if not ours.size:
        return
    precision = float(_epsilon(theirs.dtype)) * ROUNDINGS[theirs.itemsize]
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(theirs)
    allowed = precision * float(np.abs(theirs[finite]).max(initial=0.0))
    same_specials = np.array_equal(ours[~finite], theirs[~finite], equal_nan=True)
    off = float(np.abs(ours[finite] - theirs[finite]).max(initial=0.0))
    if not same_specials or not off <= allowed:
        raise WeightsError(
            f"{path}: the self-test gives other values: off by {off:.3g}, allowed {allowed:.3g}"
        )


def _epsilon(dtype: np.dtype[Any]) -> float:
    return 2.0**-7 if dtype.name == "bfloat16" else float(np.finfo(dtype).eps)


def _numbered(prefix: str, arrays: Any) -> dict[str, NDArray[Any]]:
    items = arrays if isinstance(arrays, (list, tuple)) else [arrays]
    found = [np.asarray(item) for item in items]
    return {
        f"{prefix}{number}": array if array.dtype.name in FLOATS else array.astype(np.float64)
        for number, array in enumerate(found)
    }


def _in_order(held: dict[str, NDArray[Any]], prefix: str) -> list[NDArray[Any]]:
    names = sorted((n for n in held if n.startswith(prefix)), key=lambda name: (len(name), name))
    return [held[name] for name in names]
