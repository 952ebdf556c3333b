"""The registry of networks by name, and the configs of layers and networks alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepconv.layers.base import Layer
from sepconv.layers.registry import LayerRegistry, registry as layers
from sepconv.registry import unpack

# Keras has Sequential in `keras` itself.
registry = LayerRegistry("model", "keras", layers.accept)


def serialize(layer: Layer) -> Any:
    """Return the config of a layer or network in Keras's dict form."""
    config = (registry if type(layer).__name__ in registry else layers).serialize(layer)
    if config["class_name"] == "Functional" and config["registered_name"] is None:
        # What Keras 3 writes, and needs: `keras` itself has it as `Model` alone.
        config |= {"module": "keras.src.models.functional", "registered_name": "Functional"}
    return config


def deserialize(config: Mapping[str, Any]) -> Layer:
    """Return the layer or network that a config in Keras's dict form declares."""
    name, _ = unpack(config, "layer")
    return (registry if name in registry else layers).deserialize(config)
