"""The table that `summary` prints."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from sepconv.layers.base import Layer
    from sepconv.layers.variable import Variable
    from sepconv.models.network import Network


def rendered(model: Network, line_length: int) -> str:
    """Return the table of a network's layers, in at most `line_length` columns."""
    table = Table("Layer (type)", "Output Shape", width=line_length, show_lines=True)
    table.add_column("Param #", justify="right")
    for layer in model.layers:
        table.add_row(
            escape(f"{layer.name} ({type(layer).__name__})"),
            _output_shape(layer),
            f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
        )
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
    return text.getvalue().rstrip()


def _output_shape(layer: Layer) -> str:
    try:
        return str(layer.output.shape)
    except AttributeError:
        return "?"


def _size(weights: Iterable[Variable]) -> str:
    weights = list(weights)
    count = sum(math.prod(variable.shape) for variable in weights)
    size: float = sum(variable.value.nbytes for variable in weights)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            break
        size /= 1024
    return f"{count:,} ({size:.2f} {unit})"
