"""`sepconv bench`: how long a config's network takes on this machine, or thirteen layers do."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from typing import Any

import sepconv
from sepconv.cli.errors import CommandError

OF_A_NETWORK = ("batch", "input_shape", "set")


def run(arguments: argparse.Namespace) -> int:
    """Time, print a table, and write it as JSON where that is asked for."""
    if arguments.file is None and (given := [n for n in OF_A_NETWORK if getattr(arguments, n)]):
        option = given[0].replace("_", "-")
        raise CommandError(f"--{option} needs a FILE: without one, bench times layers of its own")
    if arguments.threads is not None:
        sepconv.set_num_threads(arguments.threads)
    what = "layers" if arguments.file is None else "network"
    figures = import_module(f"sepconv.cli.bench.{what}").benched(arguments)
    if arguments.json:
        _write(figures, arguments.json)
    return 0


def _write(figures: dict[str, Any], path: str) -> None:
    from sepconv import saving

    text = json.dumps(figures, indent=1, ensure_ascii=False)
    with saving.replacing(path) as file:
        file.write(f"{text}\n".encode())
