"""Losses with Keras's names, values and configs, and their gradients by the predictions.

>>> get("mse")([[0.0, 1.0]], [[1.0, 1.0]])
0.5
"""

from __future__ import annotations

from sepconv.losses.base import Loss, registry
from sepconv.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from sepconv.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "deserialize",
    "get",
    "registry",
    "serialize",
]
