"""Optimizers, losses, metrics, callbacks and the loop that trains a network with them.

A network that is not trained loads none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sepconv import callbacks, losses, metrics, optimizers
    from sepconv.callbacks.checkpoint import load_checkpoint, save_checkpoint
    from sepconv.optimizers import schedules
    from sepconv.training.seeding import seeded
    from sepconv.training.trainer import Trainer

__all__ = [
    "Trainer",
    "callbacks",
    "load_checkpoint",
    "losses",
    "metrics",
    "optimizers",
    "save_checkpoint",
    "schedules",
    "seeded",
]

_HOMES = {
    "Trainer": "sepconv.training.trainer",
    "load_checkpoint": "sepconv.callbacks.checkpoint",
    "save_checkpoint": "sepconv.callbacks.checkpoint",
    "schedules": "sepconv.optimizers",
    "seeded": "sepconv.training.seeding",
}


def __getattr__(name: str) -> Any:
    if name in ("callbacks", "losses", "metrics", "optimizers"):
        return importlib.import_module(f"sepconv.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sepconv.training' has no attribute {name!r}")
