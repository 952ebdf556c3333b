"""What a config declares, as data: objects, their arguments, and the calls between layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sepconv.config.kinds import LAYERS, class_names, declared
from sepconv.config.nodes import Node, Path, Scalar, Span, Table
from sepconv.declaration import Argument
from sepconv.registry import Registry, registered


@dataclass(frozen=True, slots=True)
class Given:
    """An argument that a config gives: where its key stands, and its value."""

    key: Span
    value: Node
    path: Path


@dataclass(frozen=True, slots=True)
class Ref:
    """A name of a layer, standing for one of its outputs: `a`, `a/call` or `a/call/output`."""

    name: str
    span: Span
    path: Path
    call: int | None = None  # None: the only one
    output: int | None = None  # None: the only one


Inputs: TypeAlias = Any  # a Ref, lists and dicts of Refs, or plain data


@dataclass(slots=True)
class Call:
    """One call of a layer in a Functional network."""

    span: Span
    path: Path
    args: list[Inputs]
    kwargs: dict[str, Inputs] = field(default_factory=dict)

    def refs(self) -> Iterator[Ref]:
        yield from refs_in([*self.args, *self.kwargs.values()])

    def is_plain(self) -> bool:
        """Tell whether the layer is called on one tensor or list, and on nothing else."""
        return len(self.args) == 1 and not any(self.kwargs.values())


def refs_in(inputs: Inputs) -> Iterator[Ref]:
    """Yield every Ref in nested lists and dicts."""
    if isinstance(inputs, Ref):
        yield inputs
    elif isinstance(inputs, list):
        for item in inputs:
            yield from refs_in(item)
    elif isinstance(inputs, dict):  # in the order of its keys, as Keras flattens it
        for key in sorted(inputs):
            yield from refs_in(inputs[key])


@dataclass(slots=True)
class Spec:
    """An object that a config declares."""

    registry: Registry[Any]
    name: str  # as written: a class, a function, or "package>Name"
    span: Span  # where the name stands
    path: Path  # of the object in its document
    config_path: Path  # of its arguments
    arguments: dict[str, Given] = field(default_factory=dict)
    inner: dict[str, Spec] = field(default_factory=dict)  # arguments that are objects themselves
    listed: dict[str, list[Any]] = field(default_factory=dict)  # lists of such, and lists in them
    layers: list[Spec] = field(default_factory=list)  # of a network
    graph: Graph | None = None  # of a Functional network
    label: str = ""  # the name of a layer in a Functional network
    calls: list[Call] = field(default_factory=list)  # of a layer there
    is_bare: bool = False  # a name alone, which has no place for arguments
    made: Any = None  # the object itself, once it was built to be checked

    @property
    def is_known(self) -> bool:
        return self.name in class_names(self.registry) or self.name in registered

    @property
    def declared(self) -> dict[str, Argument[Any, Any]]:
        return declared(self.registry, self.name) or {}

    def place(self, argument: str) -> tuple[Span, Path]:
        """Return where `argument` stands, or the object's name if it was left out."""
        given = self.arguments.get(argument)
        return (given.key, given.path) if given else (self.span, self.path)


@dataclass(slots=True)
class Graph:
    """What a Functional network has beside its layers: Refs in Keras's structure, or None."""

    inputs: Inputs = None
    outputs: Inputs = None
    unread: set[str] = field(default_factory=set)  # names of layers that the schema refused


def is_network(spec: Spec) -> bool:
    return is_sequential(spec) or is_functional(spec)


def is_sequential(spec: Spec) -> bool:
    return spec.registry is LAYERS and spec.name == "Sequential"


def is_functional(spec: Spec) -> bool:
    return spec.registry is LAYERS and spec.name == "Functional"


def givens(table: Table, path: Path) -> dict[str, Given]:
    """Return what stands in a mapping, but for the user's own `x-...` keys."""
    return {
        key: Given(entry.key, entry.value, (*path, key))
        for key, entry in table.entries.items()
        if not key.startswith("x-")
    }


def text(table: Table, key: str) -> str | None:
    node = table.get(key)
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None
