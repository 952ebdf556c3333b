"""Layers built for values that come from a file: none is drawn, and none takes memory before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError, shown

_deferred: ContextVar[bool] = ContextVar("deferred", default=False)


@contextmanager
def values_to_come() -> Iterator[None]:
    """Build layers whose weights are set before anybody uses them."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


def is_deferred() -> bool:
    """Tell whether the layers that are built now get their values from a file."""
    return _deferred.get()


def placeholder(shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros of `shape` that take the memory of one.

    Raises:
        ValidationError: larger than any array can be.
    """
    try:
        return np.broadcast_to(np.zeros((), dtype), shape)
    except ValueError as error:
        raise ValidationError(f"no array can have the shape {shown(tuple(shape))}") from error
