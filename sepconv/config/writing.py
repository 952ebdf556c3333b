"""Plain data to YAML that our reader, and any reader of YAML 1.1 or 1.2, reads back the same."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from sepconv.config.scalars import plain_value
from sepconv.errors import ValidationError, shown

WIDTH = 80
_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_./>-]*")
# Text to YAML 1.2, bools or null to YAML 1.1.
_OLD_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def yaml_text(data: Any) -> str:
    """Return `data`, of JSON's types, as YAML.

    >>> print(yaml_text({"SeparableConv1D": {"filters": 4, "activation": "relu"}}), end="")
    SeparableConv1D:
      filters: 4
      activation: relu
    """
    return "".join(f"{line}\n" for line in _block(data, 0))


def _block(data: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in data.items():
        line = f"{indent}{_scalar(key)}: {_flow(value)}"
        if _is_leaf(value) or (depth > 0 and len(line) <= WIDTH and not _is_list_of_tables(value)):
            yield line
            continue
        yield f"{indent}{_scalar(key)}:"
        yield from (_block if isinstance(value, dict) else _list)(value, depth + 1)


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, (dict, list)) or not value


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and isinstance(value[0], dict)


def _list(items: list[Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for item in items:
        flow = _flow(item)
        if not isinstance(item, dict) or not item or len(indent) + len(flow) + 2 <= WIDTH:
            if isinstance(item, dict) and len(item) == 1:
                flow = flow[1:-1]  # `- Class: {...}` needs no braces
            yield f"{indent}- {flow}"
            continue
        first, *rest = _block(item, depth + 1)
        yield f"{indent}- {first.lstrip()}"
        yield from rest


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        is_plain = (
            _SAFE.fullmatch(value)
            and plain_value(value) == value
            and value.lower() not in _OLD_WORDS
        )
        return value if is_plain else json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        text = repr(value)
        # YAML 1.1 takes 1e-05 for text: it wants a point.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    raise ValidationError(f"{shown(value)} cannot be written to a config")
