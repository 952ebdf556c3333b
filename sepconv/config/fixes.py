"""The one certain edit of a finding, as data; where there are two, there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sepconv.config.nodes import Entry, Node, Scalar, Span
from sepconv.config.scalars import plain_value
from sepconv.errors import nearest

LIKE = 0.75  # of 1: how near a name must be
AHEAD = 0.05  # how much nearer than every other name
OLD_BOOLS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


@dataclass(frozen=True, slots=True)
class Fix:
    """What to write at a place; None takes an entry out, with its comma or its line."""

    span: Span
    replacement: str | None


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the nearest name; of `Constant` and `constant`, the one written like `name`."""
    known = list(known)
    guess = nearest(name, known)
    if guess is None:
        return None
    spellings = [other for other in known if _folded(other) == _folded(guess)]
    return max(spellings, key=lambda other: _ratio(name, other))


def certain_name(name: str, known: Iterable[str]) -> str | None:
    """Return the one name that `name` must have been meant to be, or None.

    >>> certain_name("kernal_size", ["kernel_size", "filters"])
    'kernel_size'
    >>> certain_name("l3", ["l1", "l2"])  # two are as near
    """
    known = list(known)
    guess = nearest_name(name, known)
    if guess is None or re.findall(r"\d", name) != re.findall(r"\d", guess):
        return None  # a wrong digit is another class: SeparableConv2D
    likeness = _likeness(name, guess)
    rivals = (other for other in known if _folded(other) != _folded(guess))
    is_ahead = all(_likeness(name, other) < likeness - AHEAD for other in rivals)
    return guess if likeness >= LIKE and is_ahead else None


def renaming(name: Any, span: Span, known: Iterable[str], taken: Iterable[str] = ()) -> Fix | None:
    """Return the fix of a misspelt name, which stays in its quotes.

    Arguments:
        span: where the name stands.
        taken: names that are there already, as keys beside it.
    """
    guess = certain_name(name, known) if isinstance(name, str) else None
    return None if guess is None or guess in taken else replacing_name(name, span, guess)


def replacing_name(name: str, span: Span, new: str) -> Fix | None:
    """Return the fix that writes `new` for a name that is known to be wrong."""
    width = _width(span)
    if width == len(name):
        return Fix(span, new)
    if width == len(name) + 2 and re.fullmatch(r"[ -~]*", name):
        inner = Span(span.line, span.column + 1, span.end_line, span.end_column - 1)
        return Fix(inner, new)
    return None  # an anchor, an escape or a line break is in it


def of_value(types: str | list[str], node: Node) -> Fix | None:
    """Return the fix of a scalar of the wrong type."""
    names = [types] if isinstance(types, str) else types
    if not isinstance(node, Scalar):
        return None
    text = node.plain if node.plain is not None else node.value
    quotes = 0 if node.plain is not None else 2
    if not isinstance(text, str) or _width(node.span) != len(text) + quotes:
        return None
    new = _plain_fix(text, node.value, names) if node.plain is not None else _unquoted(text, names)
    return None if new is None else Fix(node.span, new)


def removing(entry: Entry) -> Fix | None:
    """Return the fix that takes out a key and its value; None for the alias of a value."""
    key, value = entry.key, entry.value.span
    if value[:2] < (key.end_line, key.end_column):
        return None
    return Fix(Span(key.line, key.column, value.end_line, value.end_column), None)


def _plain_fix(text: str, value: Any, types: list[str]) -> str | None:
    word = text.lower()
    if isinstance(value, str):
        if "boolean" in types and word in OLD_BOOLS:
            return OLD_BOOLS[word]
        if "null" in types and word in ("none", "nil"):
            return "null"
        if word.endswith(","):
            return _unquoted(text[:-1], [name for name in types if name != "boolean"])
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return str(int(value))
    return None


def _unquoted(text: str, types: list[str]) -> str | None:
    """Return `text` if it is a value of one of the types without its quotes."""
    value = plain_value(text)
    is_meant = (
        ("boolean" in types and text in ("true", "false"))
        or ("integer" in types and type(value) is int)
        or ("number" in types and type(value) in (int, float))
    )
    return text if is_meant and not text.startswith(("+", ".")) else None


def _width(span: Span) -> int:
    return span.end_column - span.column if span.line == span.end_line else -1


def _likeness(one: str, other: str) -> float:
    return _ratio(_folded(one[:64]), _folded(other))


def _ratio(one: str, other: str) -> float:
    import difflib  # which a file without mistakes does not need

    return difflib.SequenceMatcher(None, one, other).ratio()


def _folded(name: str) -> str:
    """Return `name` as `nearest` compares it: case and separators do not count."""
    return re.sub(r"[-_ ]", "", name.lower())
