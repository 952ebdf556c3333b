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
from sepconv.layers.batch_normalization import BatchNormalization
from sepconv.layers.conv1d import Conv1D
from sepconv.layers.dense import Dense
from sepconv.layers.depthwise_conv1d import DepthwiseConv1D
from sepconv.layers.dropout import Dropout, SpatialDropout1D
from sepconv.layers.embedding import Embedding
from sepconv.layers.input_layer import Input, InputLayer
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.layer_normalization import LayerNormalization
from sepconv.layers.merging import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from sepconv.layers.operation import Operation
from sepconv.layers.pooling import (
    AveragePooling1D,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    MaxPooling1D,
)
from sepconv.layers.preprocessing import Normalization, Rescaling
from sepconv.layers.registry import registry
from sepconv.layers.reshaping import Flatten, Permute, Reshape
from sepconv.layers.resizing import Cropping1D, UpSampling1D, ZeroPadding1D
from sepconv.layers.separable_conv1d import SeparableConv1D
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.layers.variable import Variable

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
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPooling1D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "Operation",
    "PReLU",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "Softmax",
    "SpatialDropout1D",
    "Subtract",
    "SymbolicTensor",
    "UpSampling1D",
    "Variable",
    "ZeroPadding1D",
    "registry",
]
