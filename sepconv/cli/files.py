"""Which files the command line means, and their bytes."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sepconv.cli.errors import CommandError
from sepconv.config.limits import MAX_BYTES

STDIN = "-"
SUFFIXES = (".yaml", ".yml", ".json")


def configs(names: Sequence[str]) -> list[str]:
    """Return the files that `names` stand for: files, folders with all below them, globs.

    A name that stands for nothing stays in the list: reading it says so, like any other file
    that cannot be read.

    Raises:
        CommandError: a folder without config files.
    """
    found: dict[str, None] = {}  # in order, each once
    for name in names:
        expanded = list(_expanded(name))
        if not expanded and Path(name).is_dir():
            raise CommandError(f"{name}: no config files there")
        found.update(dict.fromkeys(expanded or [name]))
    return list(found)


def _expanded(name: str) -> Iterator[str]:
    path = Path(name)
    if name == STDIN or (path.exists() and not path.is_dir()):
        yield name
    elif path.is_dir():
        yield from (str(inside) for inside in sorted(path.rglob("*")) if _is_config(inside, path))
    elif glob.has_magic(name):
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - it may be absolute
        yield from (match for match in matches if Path(match).is_file())


def _is_config(path: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    is_schema = path.name.endswith(".schema.json")
    return path.suffix in SUFFIXES and path.is_file() and not is_hidden and not is_schema


def content(name: str) -> bytes:
    """Return the bytes of a file or of standard input, one more than a config may have."""
    if name == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def shape(text: str) -> tuple[int | None, ...]:
    """Return the shape that `49,40`, `null,40` or `[null, 40]` stands for."""
    sizes: list[int | None] = []
    for part in text.strip().strip("[]()").split(","):
        size = part.strip()
        if size in ("null", "None", "none", "?", "*"):
            sizes.append(None)
        elif size.isascii() and size.isdigit() and len(size) < 11:
            sizes.append(int(size))
        else:
            raise CommandError(
                f"--input-shape {text}: write sizes and null, such as 49,40 or null,40"
            )
    return tuple(sizes)
