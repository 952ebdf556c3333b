"""Arguments that callbacks declare alike."""

from __future__ import annotations

from typing import Any

from sepconv.declaration import argument
from sepconv.rules import MAX_SIZE, Choice, Integer, Label


def monitor() -> Any:
    return argument(Label(), default="val_loss", doc="Name of the watched value in the logs.")


def mode() -> Any:
    return argument(
        Choice("auto", "min", "max"),
        default="auto",
        doc="Whether less is better, or more; auto knows it of losses and metrics.",
    )


def count(default: int, doc: str) -> Any:
    return argument(Integer(0, MAX_SIZE), default=default, doc=doc)


def verbose() -> Any:
    return argument(Integer(0, 2), default=0, doc="1 prints what the callback does.")
