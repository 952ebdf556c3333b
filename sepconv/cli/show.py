"""`sepconv show`: the layers of a config, with their output shapes and costs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from sepconv import config
from sepconv.cli import files
from sepconv.models import Network, Sequential
from sepconv.models.costs import Row, measured, total
from sepconv.models.summary import told_count, told_shape


def run(arguments: argparse.Namespace) -> int:
    """Print a table of the layers."""
    from rich.console import Console
    from rich.table import Table

    loaded = config.load(arguments.file, overrides=arguments.set)
    network = loaded if isinstance(loaded, Network) else Sequential([loaded])
    shape = _shape(network, arguments.input_shape)
    rows = list(_leaves(measured(network, shape)))
    table = Table(title=f"{loaded.name} ({type(loaded).__name__})", title_justify="left")
    table.add_column("layer")
    for column in ("output shape", "parameters", "MACs", "receptive field"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            f"{row.layer.name} ({type(row.layer).__name__})",
            told_shape(row.output).replace("None", "?"),
            *map(told_count, (row.parameters, row.macs, row.field)),
        )
    macs = total(row.macs for row in rows)
    table.add_section()
    table.add_row("total", "", told_count(_parameters(rows)), told_count(macs), "")
    console = Console(highlight=False)
    console.print(table)
    if not network.built:
        console.print("Shapes and costs need the input: --input-shape 49,40 (time, channels).")
    elif macs is None:
        console.print("MACs need the number of steps: --input-shape 49,40 (time, channels).")
    return 0


def _shape(network: Network, given: str | None) -> tuple[int | None, ...] | None:
    """Return the shape of the input that the user gave, and build the network for it."""
    if given is None:
        return None
    shape = (None, *files.shape(given))
    if not network.built:
        network.build(shape)
    return shape


def _leaves(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if row.inner:
            yield from _leaves(row.inner)
        else:
            yield row


def _parameters(rows: list[Row]) -> int | None:
    """Return the number of parameters, those of a layer that stands twice counted once."""
    return total({id(row.layer): row.parameters for row in rows}.values())
