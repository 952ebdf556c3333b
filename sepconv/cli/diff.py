"""`sepconv diff`: what differs between two models, in their configs and in their weights."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import config, models, saving
from sepconv.cli.errors import CommandError
from sepconv.config import rendering
from sepconv.errors import shown
from sepconv.layers import Layer, naming

# What a config tells only of a layer that is built: it follows from the input's shape.
_FOLLOWS = ("build_config", "build_input_shape")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each difference; exit 1 if there is one."""
    one, other = arguments.one, arguments.other
    bare = saving.is_bare(one), saving.is_bare(other)
    if all(bare):
        compared, found = "weights", _of_files(one, other)
    elif any(bare):
        model, weights = (other, one) if bare[0] else (one, other)
        compared, found = "weights", _of_model_and_file(model, weights)
    else:
        compared, found = _of_models(one, other)
    lines = list(found)
    for line in lines:
        print(rendering.clean(line))
    count = f"{len(lines)} difference{'' if len(lines) == 1 else 's'}" if lines else "the same"
    print(f"{count} in {compared}")
    return 1 if lines else 0


def _of_models(one: str, other: str) -> tuple[str, Iterator[str]]:
    first, second = config.load(one), config.load(other)
    of_configs = _of_configs(models.serialize(first), models.serialize(second), "")
    if not (saving.is_model(one) and saving.is_model(other)):
        return "config", of_configs  # a YAML or JSON holds no weights
    return "config and weights", chain(of_configs, _of_weights(_arrays(first), _arrays(second)))


def _of_files(one: str, other: str) -> Iterator[str]:
    """Compare the weights of two files that hold nothing else."""
    if saving.naming(one) != saving.naming(other):
        raise CommandError(
            f"{one} and {other} name weights in two ways, which only their network can tell: "
            f"`sepconv convert NETWORK OUT --weights {other}` first"
        )
    return _of_weights(saving.contents(one), saving.contents(other))


def _of_model_and_file(model: str, weights: str) -> Iterator[str]:
    if not saving.is_model(model):
        raise CommandError(f"{weights}: holds weights alone, and {model} none")
    return _of_weights(_arrays(config.load(model)), _arrays(config.load(model, weights)))


def _of_configs(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {**one, **other}:
            if key not in _FOLLOWS:
                inner = place if key == "config" else f"{place}.{key}" if place else str(key)
                yield from _of_configs(one.get(key), other.get(key), inner)
    elif _is_long(one) and _is_long(other):
        for number in range(max(len(one), len(other))):
            a, b = (items[number] if number < len(items) else None for items in (one, other))
            yield from _of_configs(a, b, f"{place}[{number}]")
    elif _plain(one) != _plain(other) or type(one) is not type(other) is bool:
        yield f"config: {place or 'the whole'}: {_told(one)} | {_told(other)}"


def _is_long(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _told(value: Any) -> str:
    if isinstance(value, Mapping) and "class_name" in value:
        return str(value["class_name"])
    return shown(value, 60)


def _arrays(layer: Layer) -> dict[str, NDArray[Any]]:
    return {name: variable.value for name, variable in naming.by_layer(layer).items()}


def _of_weights(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> Iterator[str]:
    for name in {**one, **other}:
        if name not in one or name not in other:
            yield f"weights: {name}: only in the {'first' if name in one else 'second'}"
            continue
        a, b = one[name], other[name]
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            yield f"weights: {name}: {a.dtype} {a.shape} | {b.dtype} {b.shape}"
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        differs = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        if differs.any():
            most = np.abs(a - b)[differs].max()
            yield f"weights: {name}: {differs.sum()} of {a.size} values, by up to {most:.3g}"
