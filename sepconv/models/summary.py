"""The table that `summary` prints."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sepconv.layers.variable import Variable
from sepconv.models.composite import Composite
from sepconv.models.costs import measured, total


def rendered(model: Composite, line_length: int) -> str:
    """Return the table of a network's layers, in at most `line_length` columns."""
    rows = measured(model)
    above = [row.layer.name for row in rows]
    branching = any(row.inputs != [name] for row, name in zip(rows[1:], above, strict=False))
    table = Table("Layer (type)", "Output Shape", width=line_length, show_lines=True)
    for column in ("Param #", "MACs", "Field"):
        table.add_column(column, justify="right")
    if branching:
        table.add_column("Connected to")
    for row in rows:
        cells = [
            escape(f"{row.layer.name} ({type(row.layer).__name__})"),
            told_shape(row.output),
            "0 (unbuilt)" if row.parameters is None else f"{row.parameters:,}",
            told_count(row.macs),
            "-" if row.field is None else f"{row.field:,}",
        ]
        table.add_row(*cells, *[escape(", ".join(row.inputs) or "-")] * branching)
    text = io.StringIO()
    console = Console(file=text, width=line_length, color_system=None, highlight=False)
    console.print(f'Model: "{escape(model.name)}"')
    console.print(table)
    for title, weights in (
        ("Total", model.weights),
        ("Trainable", model.trainable_weights),
        ("Non-trainable", model.non_trainable_weights),
    ):
        console.print(f" {title} params: {_size(weights)}")
    console.print(f" MACs for one sample: {told_count(total(row.macs for row in rows))}")
    return text.getvalue().rstrip()


def told_shape(shape: Any) -> str:
    """Return a shape, or each of several, as a table shows it."""
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        return ", ".join(f"{key}: {told_shape(one)}" for key, one in shape.items())
    if isinstance(shape, (list, tuple)) and any(isinstance(one, (list, tuple)) for one in shape):
        return ", ".join(told_shape(one) for one in shape)
    return str(tuple(shape))


def told_count(count: int | None) -> str:
    """Return a number, or a question mark for one that is open."""
    return "?" if count is None else f"{count:,}"


def _size(weights: Iterable[Variable]) -> str:
    weights = list(weights)
    count = sum(math.prod(variable.shape) for variable in weights)
    size: float = sum(variable.value.nbytes for variable in weights)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{count:,} ({size:.2f} {unit})"
