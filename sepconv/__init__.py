"""Keras's SeparableConv1D as a library of its own.

>>> import numpy as np
>>> import sepconv
>>> layer = sepconv.SeparableConv1D(4, 4, strides=2, activation="relu")
>>> layer(np.random.rand(4, 10, 12)).shape
(4, 4, 4)

Names are loaded when they are first used, so `sepconv validate` needs neither the compiled core
nor a second to start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> the module that holds it
_HOMES = {
    "Activation": "sepconv.layers",
    "Add": "sepconv.layers",
    "Average": "sepconv.layers",
    "AveragePooling1D": "sepconv.layers",
    "BatchNormalization": "sepconv.layers",
    "Concatenate": "sepconv.layers",
    "Conv1D": "sepconv.layers",
    "Cropping1D": "sepconv.layers",
    "Dense": "sepconv.layers",
    "DepthwiseConv1D": "sepconv.layers",
    "Dropout": "sepconv.layers",
    "ELU": "sepconv.layers",
    "Embedding": "sepconv.layers",
    "Flatten": "sepconv.layers",
    "Functional": "sepconv.models",
    "GlobalAveragePooling1D": "sepconv.layers",
    "GlobalMaxPooling1D": "sepconv.layers",
    "Input": "sepconv.layers",
    "InputLayer": "sepconv.layers",
    "Layer": "sepconv.layers",
    "LayerNormalization": "sepconv.layers",
    "LeakyReLU": "sepconv.layers",
    "MaxPooling1D": "sepconv.layers",
    "Maximum": "sepconv.layers",
    "Minimum": "sepconv.layers",
    "Model": "sepconv.models",
    "Multiply": "sepconv.layers",
    "Normalization": "sepconv.layers",
    "PReLU": "sepconv.layers",
    "Permute": "sepconv.layers",
    "ReLU": "sepconv.layers",
    "Rescaling": "sepconv.layers",
    "Reshape": "sepconv.layers",
    "SeparableConv1D": "sepconv.layers",
    "Sequential": "sepconv.models",
    "Softmax": "sepconv.layers",
    "SpatialDropout1D": "sepconv.layers",
    "Subtract": "sepconv.layers",
    "UpSampling1D": "sepconv.layers",
    "ZeroPadding1D": "sepconv.layers",
    "dump": "sepconv.config",
    "export": "sepconv.onnx",
    "get_num_threads": "sepconv.core",
    "kernel_info": "sepconv.core",
    "load": "sepconv.config",
    "register": "sepconv.registry",
    "set_num_threads": "sepconv.core",
}
# what `import sepconv` alone gives by attribute
_MODULES = (
    "activations",
    "callbacks",
    "config",
    "constraints",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "onnx",
    "ops",
    "optimizers",
    "regularizers",
    "saving",
    "training",
)

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Cropping1D",
    "Dense",
    "DepthwiseConv1D",
    "Dropout",
    "Embedding",
    "Flatten",
    "Functional",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "Maximum",
    "Minimum",
    "Model",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "Sequential",
    "Softmax",
    "SpatialDropout1D",
    "Subtract",
    "UpSampling1D",
    "ZeroPadding1D",
    "__version__",
    "dump",
    "export",
    "get_num_threads",
    "kernel_info",
    "load",
    "register",
    "set_num_threads",
]

if TYPE_CHECKING:
    from sepconv import (
        activations as activations,
        callbacks as callbacks,
        config as config,
        constraints as constraints,
        errors as errors,
        initializers as initializers,
        layers as layers,
        losses as losses,
        metrics as metrics,
        models as models,
        onnx as onnx,
        ops as ops,
        optimizers as optimizers,
        regularizers as regularizers,
        saving as saving,
        training as training,
    )
    from sepconv.config import dump, load
    from sepconv.core import get_num_threads, kernel_info, set_num_threads
    from sepconv.layers import (
        ELU,
        Activation,
        Add,
        Average,
        AveragePooling1D,
        BatchNormalization,
        Concatenate,
        Conv1D,
        Cropping1D,
        Dense,
        DepthwiseConv1D,
        Dropout,
        Embedding,
        Flatten,
        GlobalAveragePooling1D,
        GlobalMaxPooling1D,
        Input,
        InputLayer,
        Layer,
        LayerNormalization,
        LeakyReLU,
        Maximum,
        MaxPooling1D,
        Minimum,
        Multiply,
        Normalization,
        Permute,
        PReLU,
        ReLU,
        Rescaling,
        Reshape,
        SeparableConv1D,
        Softmax,
        SpatialDropout1D,
        Subtract,
        UpSampling1D,
        ZeroPadding1D,
    )
    from sepconv.models import Functional, Model, Sequential
    from sepconv.onnx import export
    from sepconv.registry import register


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"sepconv.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'sepconv' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
