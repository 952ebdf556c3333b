"""The registry of layers by name."""

from __future__ import annotations

from typing import Any

from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.registry import Registry


def _accept(obj: Any) -> Layer:
    if not isinstance(obj, Layer):
        raise ValidationError(
            f"Only instances of `sepconv.layers.Layer` are layers. "
            f"Received: {shown(obj)} (of type {type(obj).__name__})"
        )
    return obj


registry: Registry[Layer] = Registry("layer", "keras.layers", _accept)
