"""Rules of strings and switches: choices, names, files, what is off."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sepconv.errors import ValidationError, shown
from sepconv.rules.base import Kept


class Choice(Kept):
    """One of a few strings; kept in lower case when `any_case`."""

    def __init__(self, *options: str, any_case: bool = False) -> None:
        self.options = options
        self.any_case = any_case

    def normalise(self, value: Any, name: str) -> str:
        text = value.lower() if isinstance(value, str) and self.any_case else value
        if not isinstance(text, str) or text not in self.options:
            listed = " or ".join(f'"{option}"' for option in self.options)
            case = " (case-insensitive)" if self.any_case else ""
            raise ValidationError(
                f"`{name}` must be {listed}{case}, got {shown(value)} ({type(value).__name__})"
            )
        return text

    def schema(self) -> dict[str, Any]:
        if self.any_case:
            # ECMA-262 has no inline flags, so each letter is spelt in both cases.
            spelt = (
                "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in o) for o in self.options
            )
            return {
                "type": "string",
                "pattern": f"^({'|'.join(spelt)})$",
                "patternErrorMessage": f"must be {' or '.join(self.options)}",  # in editors
                "examples": list(self.options),
            }
        return {"enum": list(self.options)}


class Flag(Kept):
    """A bool."""

    def normalise(self, value: Any, name: str) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise ValidationError(
                f"`{name}` must be True or False, got {shown(value)} ({type(value).__name__})"
            )
        return bool(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Label(Kept):
    """A name: a string that is not empty."""

    def normalise(self, value: Any, name: str) -> str:
        if not isinstance(value, str) or not value:
            raise ValidationError(
                f"`{name}` must be a string that is not empty, got {shown(value)} "
                f"({type(value).__name__})"
            )
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


class FilePath(Kept):
    """The name of a file, with one of some suffixes."""

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes

    def normalise(self, value: Any, name: str) -> str:
        path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
        if not isinstance(path, str) or not path or "\0" in path:
            raise ValidationError(f"`{name}` must be the name of a file, got {shown(value)}")
        if self.suffixes and not path.endswith(self.suffixes):
            raise ValidationError(
                f"`{name}` must end in {' or '.join(self.suffixes)}, got {shown(path)}"
            )
        return path

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


class Only(Kept):
    """An argument of Keras's that nothing here needs: the values that turn it off are accepted."""

    def __init__(self, *off: Any) -> None:
        self.off = off

    def normalise(self, value: Any, name: str) -> Any:
        if not any(value is one or (type(value) is type(one) and value == one) for one in self.off):
            raise ValidationError(f"`{name}={shown(value)}` is not supported; leave it out")
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.off)}
