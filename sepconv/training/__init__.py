"""Optimizers, losses, metrics, callbacks and the loop that trains a network with them."""

from __future__ import annotations

from sepconv import callbacks, losses, metrics
from sepconv.callbacks.checkpoint import load_checkpoint, save_checkpoint
from sepconv.training.seeding import seeded
from sepconv.training.trainer import Trainer

__all__ = [
    "Trainer",
    "callbacks",
    "load_checkpoint",
    "losses",
    "metrics",
    "save_checkpoint",
    "seeded",
]
