"""A config's network, as a whole and layer by layer."""

from __future__ import annotations

import argparse
from typing import Any

import sepconv
from sepconv import config
from sepconv.cli import files
from sepconv.cli.bench.figures import duration, rate, threads
from sepconv.cli.errors import CommandError
from sepconv.layers.rules import sizes
from sepconv.models import Network, Sequential
from sepconv.models.timing import Part, Timing, timed

SECONDS = 1.0  # of the whole, and of its layers, if nobody says


def benched(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time calls on random inputs, print a table, and return the figures as JSON types."""
    loaded = config.load(arguments.file, overrides=arguments.set)
    network = loaded if isinstance(loaded, Network) else Sequential([loaded])
    shape = _shape(network, arguments)
    timing = timed(network, arguments.batch or 1, arguments.seconds or SECONDS, shape)
    _print(network, timing)
    return _as_json(network, timing)


def _shape(network: Network, arguments: argparse.Namespace) -> tuple[int, ...] | None:
    """Return the shape of a sample that the user gave, and build the network for it."""
    given = files.shape(arguments.input_shape) if arguments.input_shape else None
    if given is not None and not network.built:
        network.build((None, *given))
    known = [given] if given is not None else [t.shape[1:] for t in network._starts()]
    if not known or any(None in shape for shape in known):
        raise CommandError(
            f"{arguments.file} leaves the input's shape open: --input-shape 49,40 (time, channels)"
        )
    return None if given is None else sizes(given)


def _print(network: Network, timing: Timing) -> None:
    from rich.console import Console
    from rich.table import Table

    whole = sum(part.seconds for part in timing.parts)
    table = Table(title=f"{network.name} ({type(network).__name__})", title_justify="left")
    table.add_column("layer")
    for column in ("time", "share", "GFLOP/s"):
        table.add_column(column, justify="right")
    for part in timing.parts:
        table.add_row(
            _name(part),
            duration(part.seconds),
            f"{part.seconds / whole:.0%}",
            rate(part.flops, part.seconds),
        )
    table.add_section()
    table.add_row("call", duration(timing.median), "", rate(timing.flops, timing.median))
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"batch {timing.batch}, {threads(sepconv.get_num_threads())}: "
        f"{timing.samples_per_second:,.0f} samples/s; "
        f"median of {timing.calls:,} calls, best {duration(timing.best)}"
    )


def _as_json(network: Network, timing: Timing) -> dict[str, Any]:
    return {
        "format": "sepconv-timing/1",
        "network": network.name,
        "batch": timing.batch,
        "threads": sepconv.get_num_threads(),
        "kernel": sepconv.kernel_info(),
        "median_seconds": timing.median,
        "best_seconds": timing.best,
        "calls": timing.calls,
        "samples_per_second": timing.samples_per_second,
        "flops": timing.flops,
        "layers": [
            {
                "names": [layer.name for layer in part.layers],
                "classes": [type(layer).__name__ for layer in part.layers],
                "median_seconds": part.seconds,
                "flops": part.flops,
            }
            for part in timing.parts
        ],
    }


def _name(part: Part) -> str:
    """Return the names of what is computed as one."""
    first, *behind = part.layers
    return " + ".join([f"{first.name} ({type(first).__name__})", *(one.name for one in behind)])
