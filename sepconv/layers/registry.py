"""The registry of layers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.registry import Registry


class LayerRegistry(Registry[Layer]):
    """Layers by name; a config also holds the shape that a layer was built for."""

    def accept(self, obj: Any) -> Layer:
        if not isinstance(obj, Layer):
            raise ValidationError(
                f"Only instances of `sepconv.layers.Layer` are layers. "
                f"Received: {shown(obj)} (of type {type(obj).__name__})"
            )
        return obj

    def serialize(self, obj: Any) -> Any:
        """Return the config of a layer in Keras's dict form."""
        config = super().serialize(obj)
        build_config = None if obj is None else obj.get_build_config()
        return config if build_config is None else {**config, "build_config": build_config}

    def deserialize(self, config: Mapping[str, Any]) -> Layer:
        """Return the layer that a config declares, built if it says for which shape."""
        layer = super().deserialize(config)
        build_config = config.get("build_config")
        if isinstance(build_config, Mapping):
            layer.build_from_config(build_config)
        return layer


registry = LayerRegistry("layer", "keras.layers", Layer)
