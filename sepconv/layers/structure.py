"""Structures: one value, or lists, tuples and dicts of them, as a network's inputs and outputs.

The values of a dict stand in the order of its keys, sorted, as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def flat(structure: Any) -> list[Any]:
    """Return the values in a structure.

    >>> flat({"b": [1, 2], "a": 3})
    [3, 1, 2]
    """
    if isinstance(structure, (list, tuple)):
        return [value for part in structure for value in flat(part)]
    if isinstance(structure, dict):
        return [value for key in sorted(structure) for value in flat(structure[key])]
    return [structure]


def mapped(function: Callable[[Any], Any], structure: Any) -> Any:
    """Return the structure with `function` applied to each value, in the order of `flat`.

    >>> mapped(str, {"b": [1, 2], "a": 3})
    {'b': ['1', '2'], 'a': '3'}
    """
    if isinstance(structure, list):
        return [mapped(function, part) for part in structure]
    if isinstance(structure, tuple):
        return tuple(mapped(function, part) for part in structure)
    if isinstance(structure, dict):
        made = {key: mapped(function, structure[key]) for key in sorted(structure)}
        return {key: made[key] for key in structure}
    return function(structure)


def packed(structure: Any, values: list[Any]) -> Any:
    """Return `values`, in the order of `flat`, in the form of a structure.

    >>> packed({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    following = iter(values)
    return mapped(lambda _: next(following), structure)


def paths(structure: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with its place, in the order of `flat`.

    >>> list(paths({"b": [1, 2], "a": 3}))
    [('a', 3), ('b.0', 1), ('b.1', 2)]
    """
    if isinstance(structure, (list, tuple)):
        parts: list[tuple[Any, Any]] = list(enumerate(structure))
    elif isinstance(structure, dict):
        parts = [(key, structure[key]) for key in sorted(structure)]
    else:
        yield path, structure
        return
    for key, part in parts:
        yield from paths(part, f"{path}.{key}" if path else str(key))
