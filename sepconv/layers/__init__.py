"""Layers: what Keras calls them, with Keras's arguments, results and configs."""

from __future__ import annotations

from sepconv.layers.activation_layers import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from sepconv.layers.base import Layer
from sepconv.layers.input_layer import Input, InputLayer
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.operation import Operation
from sepconv.layers.pooling import (
    AveragePooling1D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
)
from sepconv.layers.registry import registry
from sepconv.layers.reshaping import (
    Cropping1D,
    Flatten,
    Permute,
    Reshape,
    UpSampling1D,
    ZeroPadding1D,
)
from sepconv.layers.separable_conv1d import SeparableConv1D
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.layers.variable import Variable

__all__ = [
    "ELU",
    "Activation",
    "AveragePooling1D",
    "Cropping1D",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LeakyReLU",
    "MaxPooling1D",
    "Operation",
    "PReLU",
    "Permute",
    "ReLU",
    "Reshape",
    "SeparableConv1D",
    "Softmax",
    "SymbolicTensor",
    "UpSampling1D",
    "Variable",
    "ZeroPadding1D",
    "registry",
]
