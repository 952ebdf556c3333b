"""Networks of layers."""

from __future__ import annotations

from sepconv.models.functional import Functional, Functional as Model
from sepconv.models.network import Network
from sepconv.models.registry import deserialize, registry, serialize
from sepconv.models.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Network",
    "Sequential",
    "deserialize",
    "registry",
    "serialize",
]
