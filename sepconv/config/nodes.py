"""A document as a tree of nodes that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]  # keys and indices from the root of a document


class Span(NamedTuple):
    """A range of a text: lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    origin: str = ""  # the text, when it is an option of the command line and not the file


class Unread:
    """Stands for a value that the reader refused, so later passes leave it alone."""

    def __repr__(self) -> str:
        return "<refused>"


UNREAD = Unread()


@dataclass(slots=True, eq=False)
class Scalar:
    """A string, number, bool or null; `plain` is its text when it was not quoted."""

    span: Span
    value: str | int | float | bool | Unread | None
    plain: str | None = None
    size: int = 1
    height: int = 1

    def data(self) -> Any:
        return self.value


@dataclass(slots=True, eq=False)
class Items:
    """A list."""

    span: Span
    items: list[Node] = field(default_factory=list)
    size: int = 1  # nodes in it, each alias counted as often as it is used
    height: int = 1

    def data(self) -> list[Any]:
        return [item.data() for item in self.items]


@dataclass(slots=True, eq=False)
class Entry:
    """One key of a table with its value; `key` is where the key stands."""

    key: Span
    value: Node


@dataclass(slots=True, eq=False)
class Table:
    """A mapping with string keys."""

    span: Span
    entries: dict[str, Entry] = field(default_factory=dict)
    size: int = 1
    height: int = 1

    def data(self) -> dict[str, Any]:
        return {key: entry.value.data() for key, entry in self.entries.items()}

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return entry.value if entry else None


Node: TypeAlias = Scalar | Items | Table


def at(root: Node, path: Path) -> Node:
    """Return the node under `root` that `path` leads to."""
    node = root
    for step in path:
        if isinstance(node, Table):
            node = node.entries[str(step)].value
        elif isinstance(node, Items):
            node = node.items[int(step)]
    return node


def key_span(root: Node, path: Path) -> Span:
    """Return where the key that ends `path` stands, or the item itself in a list."""
    parent = at(root, path[:-1]) if path else root
    if path and isinstance(parent, Table):
        return parent.entries[str(path[-1])].key
    return at(root, path).span


def pointer(path: Path) -> str:
    """Return `path` as a JSON pointer (RFC 6901).

    >>> pointer(("Sequential", "layers", 0, "a/b"))
    '/Sequential/layers/0/a~1b'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """Yield the steps to the children of `node`, and the children."""
    if isinstance(node, Table):
        yield from ((key, entry.value) for key, entry in node.entries.items())
    elif isinstance(node, Items):
        yield from enumerate(node.items)
