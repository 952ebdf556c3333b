"""Configs, weights and whole models in and out."""

from __future__ import annotations

from os import PathLike

from sepconv.layers import Layer
from sepconv.models.saving import example_in, save, verify
from sepconv.saving.objects import deserialize, serialize
from sepconv.weights import FORMATS, config, contents, is_bare, naming, replacing

ONNX = ".onnx"  # a graph of operators, in which `sepconv.onnx` finds the layers

__all__ = [
    "ONNX",
    "config",
    "contents",
    "deserialize",
    "example_in",
    "is_bare",
    "is_model",
    "load_weights",
    "naming",
    "replacing",
    "save",
    "save_weights",
    "serialize",
    "verify",
]


def save_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Write the weights of a layer or network to `path`: `layer.save_weights(path)`."""
    layer.save_weights(path)


def load_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Set the weights of a layer or network from `path`: `layer.load_weights(path)`."""
    layer.load_weights(path)


def is_model(path: str) -> bool:
    """Tell whether a file's name is that of a whole model; some hold weights alone."""
    return path.endswith((*FORMATS, ONNX))
