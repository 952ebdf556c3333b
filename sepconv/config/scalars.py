"""What a plain YAML scalar means: the core schema of YAML 1.2, without its ambiguities."""

from __future__ import annotations

import re
from typing import NamedTuple

from sepconv.errors import shown

MAX_INT = 2**53  # every JSON reader keeps ints exact up to here
_MAX_DIGITS = 17  # enough for MAX_INT; a longer one is refused before it is converted

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What YAML 1.1, YAML 1.2 and other readers take for different values.
_AMBIGUOUS = {
    "an octal number in YAML 1.1 and a decimal one in YAML 1.2": re.compile(
        r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
    ),
    "a hexadecimal, octal or binary number to some readers": re.compile(
        r"[-+]?0([xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)"
    ),
    "a number with separators in YAML 1.1": re.compile(
        r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
    ),
    "a number to base 60 in YAML 1.1": re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
    "a date in YAML 1.1": re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"),
}


class Refused(NamedTuple):
    """Why a scalar was refused: a code, a message and the way out."""

    code: str
    message: str
    help: str | None = None


def plain_value(text: str) -> str | int | float | bool | Refused | None:
    """Return the value of an unquoted YAML scalar, or why it is refused.

    >>> plain_value("no"), plain_value("1e-3"), plain_value("012").code
    ('no', 0.001, 'SC005')
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text) or _FLOAT.fullmatch(text):
        return number(text)
    if _NOT_FINITE.fullmatch(text):
        return not_finite(text)
    for what, pattern in _AMBIGUOUS.items():
        if pattern.fullmatch(text):
            return Refused(
                "SC005",
                f"ambiguous value {shown(text)}: {what}",
                "quote it if it is text, else write a plain decimal number",
            )
    return text


def number(text: str) -> int | float | Refused:
    """Return the value of a decimal number, or why it is refused."""
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS or abs(int(text)) > MAX_INT:
            return Refused("SC008", f"integer {shown(text)[1:-1]} is beyond ±2**53")
        return int(text)
    value = float(text)
    return not_finite(text) if value in (float("inf"), float("-inf")) else value


def not_finite(text: str) -> Refused:
    return Refused("SC007", f"{shown(text)[1:-1]} is not a finite number")


def text_value(text: str) -> str | Refused:
    """Return `text` with escaped surrogate pairs joined, or why it is refused."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return Refused("SC013", f"half a surrogate pair in {shown(text)}: no such character")
