"""Keras's `.weights.h5` of version 3, and the `.h5` of Keras 2, without h5py."""

from __future__ import annotations

from typing import IO, Any

from numpy.typing import NDArray

from sepconv.errors import WeightsError, shown
from sepconv.weights import hdf5_writer
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
from sepconv.weights.hdf5_reader import Dataset, Tree, tree

# What Keras stores beside a model's weights, for training alone.
OF_TRAINING = ("optimizer", "metrics", "compile_metrics", "loss_tracker")
OF_RANDOMNESS = {"seed_generator", "_random_generator"}
KERAS_2_13 = "_layer_checkpoint_dependencies"  # what the group `layers` was called
LAYER_NAMES, WEIGHT_NAMES = "layer_names", "weight_names"


def write(file: IO[bytes], arrays: Arrays, config: str | None) -> None:
    """Write `arrays`, named by Keras's paths, and their checksum."""
    assert config is None, "an .h5 holds weights alone"
    hdf5_writer.write(file, arrays, {CHECKSUM: digest(arrays, None)})


def naming(file: IO[bytes]) -> str:
    """Return how the file names weights: "keras", or "keras2" with numbers alone."""
    return "keras" if _legacy_root(tree(file)) is None else "keras2"


def config(file: IO[bytes]) -> str | None:
    """Return the config in a whole model of Keras 2; None for weights alone."""
    found = tree(file).groups[""].get("model_config")
    return found if isinstance(found, str) else None


def read(file: IO[bytes], expected: Arrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file that holds exactly what is expected, optimizers aside."""
    held = tree(file)
    found = _weights(held)
    check_names(found, expected)
    for name, like in expected.items():
        same = found[name].dtype == like.dtype.name
        check_array(name, found[name].shape, found[name].dtype, like, same)
    arrays = {name: _array(name, file, found[name], like) for name, like in expected.items()}
    check_digest(held.groups[""].get(CHECKSUM), arrays, None)
    return arrays


def contents(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file, whatever they are; optimizers aside."""
    held = tree(file)
    arrays = {
        name: _array(name, file, dataset, virtual(dataset.shape, dataset.dtype or "unknown"))
        for name, dataset in _weights(held).items()
    }
    check_digest(held.groups[""].get(CHECKSUM), arrays, None)
    return arrays


def examples(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a self-test."""
    return {
        name: _array(name, file, dataset, virtual(dataset.shape, dataset.dtype))
        for name, dataset in tree(file).datasets.items()
        if name.startswith(EXAMPLE) and dataset.dtype
    }


def _array(name: str, file: IO[bytes], dataset: Dataset, like: NDArray[Any]) -> NDArray[Any]:
    file.seek(dataset.offset)
    return filled(name, file, dataset.size, like)


def _weights(held: Tree) -> dict[str, Dataset]:
    root = _legacy_root(held)
    return _modern(held) if root is None else _legacy(held, root)


def _modern(contents: Tree) -> dict[str, Dataset]:
    found = {}
    for path, dataset in contents.datasets.items():
        parts = path.split("/")
        if parts[0] in OF_TRAINING or path.startswith(EXAMPLE) or OF_RANDOMNESS & {*parts}:
            continue
        found["/".join("layers" if part == KERAS_2_13 else part for part in parts)] = dataset
    return found


def _legacy_root(contents: Tree) -> str | None:
    """Return the group that holds layers in Keras 2's way, or None."""
    for root in ("", "model_weights"):
        if _attributes(contents, root, LAYER_NAMES):
            return root
    return None


def _legacy(contents: Tree, root: str) -> dict[str, Dataset]:
    """Return the datasets named `3/0`: the first weight of the fourth layer that has weights."""
    found: dict[str, Dataset] = {}
    number = 0
    for layer in [*_attributes(contents, root, LAYER_NAMES), "top_level_model_weights"]:
        group = f"{root}/{layer}" if root else layer
        if group not in contents.groups:
            if layer == "top_level_model_weights":  # of Keras 3 alone
                continue
            raise WeightsError(f"names the layer {shown(layer)}, and holds no such group")
        names = _attributes(contents, group, WEIGHT_NAMES)
        for position, name in enumerate(names):
            path = f"{group}/{name}"
            if path not in contents.datasets:
                raise WeightsError(f"names the weight {shown(path)}, and holds no such dataset")
            found[f"{number}/{position}"] = contents.datasets[path]
        number += bool(names)
    return found


def _attributes(contents: Tree, group: str, name: str) -> list[str]:
    """Return a list of texts, which Keras splits into `name0`, `name1`, ... when it is long."""
    attributes = contents.groups.get(group, {})
    if isinstance(attributes.get(name), list):
        return list(attributes[name])
    texts: list[str] = []
    number = 0
    while isinstance(attributes.get(f"{name}{number}"), list):
        texts += attributes[f"{name}{number}"]
        number += 1
    return texts
