"""Every kind of objects a config can declare, those of training too: a network alone needs none."""

from __future__ import annotations

from typing import Any

from sepconv import callbacks, losses, metrics, optimizers
from sepconv.config import kinds
from sepconv.optimizers import schedules
from sepconv.registry import Registry

OBJECTS: tuple[Registry[Any], ...] = (
    *kinds.OF_LAYERS,
    optimizers.registry,
    schedules.registry,
    losses.registry,
    metrics.registry,
    callbacks.registry,
)
