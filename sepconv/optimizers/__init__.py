"""Update rules of weights, with Keras's arguments, arithmetic and configs.

>>> get("adam")
Adam(name='adam')
"""

from __future__ import annotations

from sepconv.optimizers import schedules
from sepconv.training.optimizers import (
    SGD,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    deserialize,
    get,
    registry,
    serialize,
)

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]
