"""Metrics with Keras's names, results and configs: they gather over the batches of an epoch.

>>> get("accuracy")([1, 2, 3, 4], [1, 2, 3, 3])
0.75
"""

from __future__ import annotations

from sepconv.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from sepconv.metrics.auc import AUC
from sepconv.metrics.base import Mean, Metric, registry
from sepconv.metrics.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from sepconv.metrics.regression import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "deserialize",
    "get",
    "registry",
    "serialize",
]
