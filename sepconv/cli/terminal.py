"""What only a terminal gets: colours and progress bars."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from sepconv.config.rendering import Piece

T = TypeVar("T")
PATIENCE = 1.0  # seconds of work without a progress bar


def write(pieces: Iterable[Piece], stream: TextIO) -> None:
    """Write `pieces`, with their styles if `stream` is a terminal and NO_COLOR is not set."""
    if not (stream.isatty() and not os.environ.get("NO_COLOR")):
        stream.write("".join(piece.text for piece in pieces))
        return
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble(*((piece.text, piece.style) for piece in pieces))
    Console(file=stream, soft_wrap=True, highlight=False).print(text, end="")


def tracked(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`; a progress bar appears on a terminal once they have taken a while."""
    count = total if total is not None else len(items) if isinstance(items, Sized) else None
    started = time.monotonic()
    bar = None
    try:
        for done, item in enumerate(items):
            if bar is None and sys.stderr.isatty() and time.monotonic() - started > PATIENCE:
                from rich.console import Console
                from rich.progress import Progress

                bar = Progress(console=Console(stderr=True), transient=True)
                bar.start()
                task = bar.add_task(what, total=count)
            yield item
            if bar is not None:
                bar.update(task, completed=done + 1)
    finally:
        if bar is not None:
            bar.stop()
