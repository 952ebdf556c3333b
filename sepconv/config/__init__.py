"""Layers and networks from YAML and JSON: reading, checking, building, writing."""

from sepconv.config.findings import Finding, Note
from sepconv.config.loading import dump, training_of
from sepconv.config.nodes import Span
from sepconv.config.opening import load
from sepconv.config.plan import TrainingPlan
from sepconv.config.schema import schemas
from sepconv.config.validation import validate

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
