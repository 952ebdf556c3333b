"""Configs and weights in and out."""

from __future__ import annotations

from os import PathLike

from sepconv.layers import Layer
from sepconv.saving.objects import deserialize, serialize
from sepconv.weights import replacing

__all__ = ["deserialize", "load_weights", "replacing", "save_weights", "serialize"]


def save_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Write the weights of a layer or network to `path`: `layer.save_weights(path)`."""
    layer.save_weights(path)


def load_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Set the weights of a layer or network from `path`: `layer.load_weights(path)`."""
    layer.load_weights(path)
