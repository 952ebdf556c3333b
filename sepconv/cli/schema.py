"""`sepconv schema`: the JSON Schemas, the objects of --register included."""

from __future__ import annotations

import argparse
from pathlib import Path

from sepconv.cli.errors import CommandError
from sepconv.config import reference, schema
from sepconv.config.schema_objects import file_name
from sepconv.errors import suggestion


def run(arguments: argparse.Namespace) -> int:
    """Print one schema, or all of them as one; or write them to files, or as a page."""
    if arguments.markdown:
        print(reference.page(), end="")
        return 0
    known = schema.schemas()
    if arguments.write:
        folder = Path(arguments.write)
        folder.mkdir(parents=True, exist_ok=True)
        for name, contents in known.items():
            (folder / name).write_text(schema.text(contents), encoding="utf-8")
        print(f"{len(known)} schemas in {folder}")
        return 0
    if arguments.name is None:
        print(schema.text(schema.bundle(known)), end="")
        return 0
    name = file_name(arguments.name.removesuffix(".schema.json"))
    if name not in known:
        names = [file.removesuffix(".schema.json") for file in known]
        raise CommandError(f"no schema `{arguments.name}`{suggestion(arguments.name, names)}")
    print(schema.text(known[name]), end="")
    return 0
