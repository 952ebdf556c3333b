"""Layers: what Keras calls them, with Keras's arguments, results and configs."""

from __future__ import annotations

from sepconv.layers.base import Layer
from sepconv.layers.input_layer import Input, InputLayer
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.operation import Operation
from sepconv.layers.registry import registry
from sepconv.layers.separable_conv1d import SeparableConv1D
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.layers.variable import Variable

__all__ = [
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "Operation",
    "SeparableConv1D",
    "SymbolicTensor",
    "Variable",
    "registry",
]
