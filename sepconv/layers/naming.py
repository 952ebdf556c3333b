"""The names that a layer's weights have in files: sepconv's own, Keras 3's and Keras 2's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sepconv.errors import ValidationError
from sepconv.layers.module import Module
from sepconv.layers.operation import snake_case
from sepconv.layers.variable import Variable

Named = dict[str, Variable]


def named(layer: Module, scheme: str) -> Named:
    """Return the weights by their names in a file of one `scheme`: "own", "keras" or "keras2".

    Raises:
        ValidationError: two weights have one name, or one has none.
    """
    schemes = {"own": by_layer, "keras": by_class, "keras2": by_number}
    found = schemes[scheme](layer)
    have_names = {id(variable) for variable in found.values()}
    for variable in layer.weights:
        if id(variable) not in have_names:
            raise ValidationError(
                f"the weight `{variable.path}` has no name in such a file: keep the layers of a "
                f"layer of your own in attributes, alone or in lists"
            )
    return found


def by_layer(layer: Module) -> Named:
    """Return the weights by their layers' names: `separable_conv1d/bias`.

    The outermost layer's name stands before its own weights alone, so that a network can be
    renamed; the names of networks within it stand before those of their layers.

    Raises:
        ValidationError: two weights have one name.
    """
    found: Named = {}

    def walk(layer: Module, prefix: str, inner: str) -> None:
        for variable in layer._tracked.variables:
            name = prefix + variable.path
            if found.setdefault(name, variable) is not variable:
                raise ValidationError(
                    f"two weights are called `{name}`; give the layers names of their own"
                )
        for child in layer._tracked.layers:
            walk(child, inner, f"{inner}{child.name}/")

    walk(layer, "", "")
    return found


def by_class(layer: Module) -> Named:
    """Return the weights as Keras 3 names them: `layers/separable_conv1d_1/vars/2`.

    A layer in a list goes by its class and a counter, whatever its name is; one in an attribute
    by the attribute. A layer that stands at several places is at the first alone.
    """
    found: Named = {}
    seen: set[int] = set()

    def walk(layer: Module, path: str) -> None:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        found.update((f"{path}vars/{n}", v) for n, v in enumerate(layer._tracked.variables))
        for name, child in _children(layer):
            walk(child, f"{path}{name}/")

    walk(layer, "")
    return found


def by_number(layer: Module) -> Named:
    """Return the weights as Keras 2 orders them: `3/0`, of the fourth layer that has weights."""
    layers = getattr(layer, "layers", [layer])
    groups = [_trainable_first(inner) for inner in layers]
    groups.append(layer._tracked.variables if hasattr(layer, "layers") else [])
    groups = [group for group in groups if group]
    return {f"{n}/{i}": v for n, group in enumerate(groups) for i, v in enumerate(group)}


def _trainable_first(layer: Module) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _children(layer: Module) -> Iterator[tuple[str, Module]]:
    """Yield the layers within a layer, with their paths, in the order in which Keras finds them."""
    if hasattr(layer, "layers"):  # a network's come first
        yield from _in_container("layers", layer.layers)
    of_every_layer = vars(Module())
    for name in sorted(vars(layer), key=lambda name: (name.startswith("_"), name)):
        value = vars(layer)[name]
        if name not in of_every_layer and name != "layers":
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                yield from _in_container(name, value)


def _in_container(path: str, container: Any) -> Iterator[tuple[str, Module]]:
    items: Iterable[Any] = container.values() if isinstance(container, dict) else container
    counts: Counter[str] = Counter()
    for item in items:
        if not isinstance(item, (Module, list, tuple, dict)):
            continue
        base = snake_case(type(item).__name__) if isinstance(item, Module) else "container"
        number = counts[base]
        counts[base] += 1
        name = f"{path}/{base}_{number}" if number else f"{path}/{base}"
        if isinstance(item, Module):
            yield name, item
        else:
            yield from _in_container(name, item)
