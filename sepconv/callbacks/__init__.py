"""Callbacks with Keras's names, arguments and effects: what `fit` calls while it trains.

>>> get({"class_name": "EarlyStopping", "config": {"patience": 2}})
EarlyStopping(patience=2)
"""

from __future__ import annotations

from sepconv.callbacks.base import Callback, CallbackList, Logs, registry
from sepconv.callbacks.checkpoint import BackupAndRestore
from sepconv.callbacks.files import CSVLogger, ModelCheckpoint
from sepconv.callbacks.history import History
from sepconv.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from sepconv.callbacks.monitor import Monitor
from sepconv.callbacks.stopping import EarlyStopping, TerminateOnNaN

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "Monitor",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "deserialize",
    "get",
    "registry",
    "serialize",
]
