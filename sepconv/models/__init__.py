"""Networks of layers."""

from __future__ import annotations

from sepconv.models.registry import deserialize, registry, serialize
from sepconv.models.sequential import Sequential

__all__ = ["Sequential", "deserialize", "registry", "serialize"]
