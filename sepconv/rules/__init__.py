"""The rules that arguments are declared with: each checks, normalises and gives its JSON Schema."""

from __future__ import annotations

from sepconv.rules.base import Kept
from sepconv.rules.composed import Axes, List, ListOf, Nullable, ObjectOf, Values
from sepconv.rules.numbers import (
    MAX_AXIS,
    MAX_SEED,
    MAX_SIZE,
    Count,
    Integer,
    Number,
    Size1D,
    at_most,
    check_steps,
    is_int,
    is_real,
)
from sepconv.rules.words import Choice, FilePath, Flag, Label, Only

__all__ = [
    "MAX_AXIS",
    "MAX_SEED",
    "MAX_SIZE",
    "Axes",
    "Choice",
    "Count",
    "FilePath",
    "Flag",
    "Integer",
    "Kept",
    "Label",
    "List",
    "ListOf",
    "Nullable",
    "Number",
    "ObjectOf",
    "Only",
    "Size1D",
    "Values",
    "at_most",
    "check_steps",
    "is_int",
    "is_real",
]
