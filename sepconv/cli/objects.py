"""Python files of custom objects, named by the user on the command line and nowhere else."""

from __future__ import annotations

import runpy
from pathlib import Path

from sepconv.cli.errors import CommandError


def register(path: str) -> None:
    """Run the Python file at `path`; what it registers is known from then on."""
    if not Path(path).is_file():
        raise CommandError(f"--register {path}: no such file")
    try:
        runpy.run_path(path, run_name="sepconv_objects")
    except (Exception, SystemExit) as error:
        raise CommandError(f"--register {path}: {type(error).__name__}: {error}") from error
