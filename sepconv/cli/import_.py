"""`sepconv import`: Keras's JSON as the short YAML form."""

from __future__ import annotations

import argparse
import sys

from sepconv.cli import files
from sepconv.cli.errors import CommandError
from sepconv.config import importing, rendering
from sepconv.weights.atomic import replacing


def run(arguments: argparse.Namespace) -> int:
    """Write the YAML, and tell on standard error what of the JSON is not in it."""
    name = "<stdin>.json" if arguments.file == files.STDIN else arguments.file
    if not name.lower().endswith(".json"):
        raise CommandError(
            f"{name}: import reads .json, such as Keras's model.to_json() returns; "
            f"`sepconv convert MODEL.keras OUT.yaml` reads a saved model"
        )
    imported = importing.from_keras(files.content(arguments.file), name)
    if arguments.output:
        with replacing(arguments.output) as file:
            file.write(imported.yaml.encode())
    else:
        print(imported.yaml, end="")
    for note in imported.notes:
        place = f"{name}:{note.span.line}:{note.span.column}: " if note.span else ""
        print(rendering.clean(f"{place}note: {note.message}"), file=sys.stderr)
    return 0
