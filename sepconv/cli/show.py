"""`sepconv show`: the layers of a config, with their output shapes and costs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sepconv import config
from sepconv.cli import files
from sepconv.layers import InputLayer, Layer, SeparableConv1D
from sepconv.layers.geometry import span

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Row:
    """One layer: None stands for what the config leaves open."""

    layer: str
    output: Shape | None
    parameters: int | None
    macs: int | None  # multiply-adds for one example
    field: int | None  # steps of the network's input that one output step sees


def run(arguments: argparse.Namespace) -> int:
    """Print a table of the layers."""
    from rich.console import Console
    from rich.table import Table

    network = config.load(arguments.file, overrides=arguments.set)
    given = files.shape(arguments.input_shape) if arguments.input_shape else None
    shape = (None, *given) if given is not None else _own_shape(network)
    rows = list(measured(_leaves(network), shape))
    table = Table(title=f"{network.name} ({type(network).__name__})", title_justify="left")
    table.add_column("layer")
    for column in ("output shape", "parameters", "MACs", "receptive field"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            row.layer,
            _shape(row.output),
            *map(_count, (row.parameters, row.macs)),
            _count(row.field),
        )
    table.add_section()
    table.add_row(
        "total",
        "",
        _count(_sum([r.parameters for r in rows])),
        _count(_sum([r.macs for r in rows])),
        "",
    )
    console = Console(highlight=False)
    console.print(table)
    if shape is None:
        console.print("Shapes and costs need the input: --input-shape 49,40 (time, channels).")
    elif _sum([r.macs for r in rows]) is None:
        console.print("MACs need the number of steps: --input-shape 49,40 (time, channels).")
    return 0


def measured(layers: Iterator[Layer], shape: Shape | None) -> Iterator[Row]:
    """Yield a row for each layer that inputs of `shape`, the batch included, go through."""
    field, jump = 1, 1  # steps of the input: seen by one step here, between two steps here
    for layer in layers:
        name = f"{layer.name} ({type(layer).__name__})"
        before = shape
        if isinstance(layer, InputLayer):
            yield Row(name, shape, 0, 0, 1)
            continue
        try:
            # Channels do not change the number of steps, so they may be open.
            shape = layer.compute_output_shape(before or (None, None, None))
        except NotImplementedError:
            shape = None
        if not isinstance(layer, SeparableConv1D):
            yield Row(name, shape, None, None, None)
            continue
        field += (span(layer.kernel_size[0], layer.dilation_rate[0]) - 1) * jump
        jump *= layer.strides[0]
        yield Row(name, shape, *_costs(layer, before, shape or ()), field)


def _costs(layer: SeparableConv1D, x: Shape | None, y: Shape) -> tuple[int | None, int | None]:
    """Return the number of parameters, and of multiply-adds for one example."""
    is_first = layer.data_format == "channels_first"
    channels = x[1 if is_first else 2] if x else None
    steps = y[2 if is_first else 1]
    if channels is None:
        return None, None
    expanded = channels * layer.depth_multiplier
    weights = layer.kernel_size[0] * expanded + expanded * layer.filters
    parameters = weights + (layer.filters if layer.use_bias else 0)
    return parameters, None if steps is None else steps * weights


def _leaves(layer: Layer) -> Iterator[Layer]:
    inner = getattr(layer, "layers", None)
    if inner is None:
        yield layer
    else:
        for item in inner:
            yield from _leaves(item)


def _own_shape(network: Any) -> Shape | None:
    try:
        shape: Shape = network.input_shape
    except AttributeError:
        return None
    return shape


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _shape(shape: Shape | None) -> str:
    return "?" if shape is None else f"({', '.join('?' if s is None else str(s) for s in shape)})"
