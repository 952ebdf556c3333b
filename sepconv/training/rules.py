"""The rules of arguments that only training has."""

from __future__ import annotations

import os
from typing import Any

from sepconv.errors import ValidationError, shown
from sepconv.rules import Kept


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
