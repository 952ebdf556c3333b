"""The registry of networks by name, and the configs of layers and networks alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sepconv.errors import ValidationError, shown, suggestion
from sepconv.layers.base import Layer
from sepconv.layers.registry import LayerRegistry, registry as layers
from sepconv.registry import unpack

MAX_NESTING = 16  # networks within networks: each takes a dozen frames of Python's stack

# Keras has Sequential in `keras` itself.
registry = LayerRegistry("model", "keras", Layer)


def serialize(layer: Layer) -> Any:
    """Return the config of a layer or network in Keras's dict form."""
    config = (registry if type(layer).__name__ in registry else layers).serialize(layer)
    if config["class_name"] == "Functional" and config["registered_name"] is None:
        # What Keras 3 writes, and needs: `keras` itself has it as `Model` alone.
        config |= {"module": "keras.src.models.functional", "registered_name": "Functional"}
    return config


def deserialize(config: Mapping[str, Any]) -> Layer:
    """Return the layer or network that a config in Keras's dict form declares.

    Raises:
        ValidationError: an argument breaks its rule, or networks are nested deeper than 16.
    """
    name, _ = unpack(config, "layer")
    _check_nesting(config)
    return (registry if name in registry else layers).deserialize(config)


def refuse_unknown(config: Mapping[str, Any], known: Iterable[str], network: str) -> None:
    """Raise ValidationError for a key of a network's config that is none of `known`."""
    for key in config:
        if key not in known:
            told = f"Unrecognized key in the config of {network}: {shown(key)}"
            raise ValidationError(told + suggestion(str(key), known))


def _check_nesting(config: Any) -> None:
    """Raise ValidationError for networks nested too deep, before the first one is made."""
    level = [config]
    for _ in range(MAX_NESTING + 1):
        configs = [c.get("config") for c in level if isinstance(c, Mapping)]
        lists = [c.get("layers") for c in configs if isinstance(c, Mapping)]
        level = [layer for layers in lists if isinstance(layers, (list, tuple)) for layer in layers]
        if not level:
            return
    raise ValidationError(f"networks are nested deeper than {MAX_NESTING} levels")
