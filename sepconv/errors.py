"""The errors sepconv raises, and how a value or a misspelt name is shown in one."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterable
from typing import Any

MAX_SHOWN = 200  # characters of a refused value that an error text repeats


class SepconvError(Exception):
    """Any error that sepconv raises on purpose."""


class ValidationError(SepconvError, ValueError):
    """A value that breaks a rule: an argument, a config entry, a shape."""


class InputTypeError(SepconvError, TypeError):
    """Data of a kind that cannot be computed with: complex, object or text arrays."""


class ConfigError(ValidationError):
    """A config file that was refused; `findings` lists every reason."""

    def __init__(self, message: str, findings: Iterable[object] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class WeightsError(SepconvError, ValueError):
    """A weights file or array that does not fit the layer it is meant for."""


class TrainingError(SepconvError, RuntimeError):
    """Training that cannot go on: a loss that is no number. The weights are the last good ones."""


def shown(value: object, limit: int = MAX_SHOWN) -> str:
    """Return `repr(value)` on one line, without control characters, cut at `limit` characters.

    >>> shown("a\\nb")
    "'a\\\\nb'"
    """
    # Cut before it is formatted: the repr of a text of 1 GB, or of a deep tree, costs as much.
    text = repr(value[:limit]) if isinstance(value, (str, bytes)) else _brief.repr(value)
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name in `known` that `name` was probably meant to be, or None.

    Case and the separators `_`, `-` and space do not count, so `kernelSize` finds `kernel_size`.

    A name whose words some candidate has, and others, is meant to be the shortest of these.

    >>> nearest("kernal_size", ["filters", "kernel_size"])
    'kernel_size'
    >>> nearest("sparse_entropy", ["binary_entropy", "sparse_categorical_entropy"])
    'sparse_categorical_entropy'
    """
    known = list(known)
    words = set(name[:64].lower().split("_"))
    holding = [candidate for candidate in known if words <= set(candidate.split("_"))]
    if len(words) > 1 and holding:
        return min(holding, key=len)
    import difflib  # a quarter of a megabyte, which only a mistake costs

    plain = {_plain(candidate): candidate for candidate in known}
    found = difflib.get_close_matches(_plain(name[:64]), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for the nearest name, or the names there are."""
    known = sorted(known)
    guess = nearest(name, known)
    if guess is not None:
        return f"; did you mean `{guess}`?"
    return f"; there are: {', '.join(known)}" if known else ""


class _Brief(reprlib.Repr):
    """repr of the outer six levels and the first 50 items of each, keys in their own order."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxarray = 50
        self.maxstring = self.maxlong = self.maxother = MAX_SHOWN

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        items = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in itertools.islice(x.items(), 50)
        ]
        return "{" + ", ".join(items + ["..."] * (len(x) > 50)) + "}"


_brief = _Brief()


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c not in "_- ")
