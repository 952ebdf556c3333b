"""Layers and networks from YAML and JSON: reading, checking, building, writing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sepconv.config.findings import Finding, Note
from sepconv.config.loading import dump, training_of
from sepconv.config.nodes import Span
from sepconv.config.opening import load
from sepconv.config.validation import validate

if TYPE_CHECKING:
    from sepconv.config.plan import TrainingPlan
    from sepconv.config.schema import schemas

__all__ = [
    "Finding",
    "Note",
    "Span",
    "TrainingPlan",
    "dump",
    "load",
    "schemas",
    "training_of",
    "validate",
]

_HOMES = {"TrainingPlan": "sepconv.config.plan", "schemas": "sepconv.config.schema"}


def __getattr__(name: str) -> Any:
    """Give what only training and schemas need when it is first asked for."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sepconv.config' has no attribute {name!r}")
