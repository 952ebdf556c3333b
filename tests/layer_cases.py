"""Every layer beside Keras's: what test_layers_parity.py and test_layers_contract.py run over.

To add a layer, append its cases as a family of its own, and the family to CASES.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator


def normal(rng: Rng, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.standard_normal(shape).astype(np.float32)


def with_ties(rng: Rng, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.integers(-2, 3, shape).astype(np.float32)


def indices(rng: Rng, shape: tuple[int, ...]) -> NDArray[Any]:
    return rng.integers(0, 7, shape).astype(np.int32)


@dataclass(frozen=True)
class Case:
    """One layer, and the inputs it is called on.

    Arguments:
        layer: the name of its class, here and in Keras.
        config: its arguments.
        shape: of the input, the batch included; a list of shapes for several inputs; None for a
            layer that is not called.
        roundings: how far an output may lie from the exact one, in units of u * max|y|: the
            rounded operations on the longest way to it, times what cancellation makes of their
            errors. 0 for a layer that computes nothing.
        gradient_roundings: the same for gradients.
        draw: makes an input.
        smooth: whether it has a derivative wherever the inputs may lie.
        training: whether it does something else in training, and always the same.
        oracle: the dtype in which Keras computes it in a float64 layer.
        differs: the keys of its config that Keras writes in another way.
    """

    layer: str
    config: dict[str, Any] = field(default_factory=dict)
    shape: Any = (3, 10, 6)
    roundings: float = 0
    gradient_roundings: float = 0
    draw: Callable[[Rng, tuple[int, ...]], NDArray[Any]] = normal
    smooth: bool = True
    training: bool = False
    oracle: str = "float64"
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = ",".join(f"{key}={value}" for key, value in self.config.items())
        return f"{self.layer}({told})".replace(" ", "")

    @property
    def several(self) -> bool:
        return isinstance(self.shape, list)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return self.shape if self.several else [self.shape]

    def inputs(self, seed: int = 0) -> Any:
        """Return float32 values: an array, or a list of them."""
        rng = np.random.default_rng(seed)
        drawn = [self.draw(rng, shape) for shape in self.shapes]
        return drawn if self.several else drawn[0]


# An output of K=3 taps and C*M=6 or 12 products: fewer than 20 roundings, and sum|x||w| is below
# 8 times the largest output. A gradient by a weight sums 3*10 terms of 3 factors.
SEPARABLE_CONV1D = [
    Case("SeparableConv1D", {"filters": 4, "kernel_size": 3}, roundings=160,
         gradient_roundings=400),
    Case("SeparableConv1D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2,
                             "strides": 2, "padding": "same", "use_bias": False},
         roundings=160, gradient_roundings=400),
    Case("SeparableConv1D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2,
                             "data_format": "channels_first"},
         shape=(3, 6, 10), roundings=160, gradient_roundings=400),
]  # fmt: skip

# Sums of K*C = 18 or of K products, and of C = 6 for Dense, as above.
CONVOLUTIONS = [
    Case("Conv1D", {"filters": 4, "kernel_size": 3, "activation": "tanh"}, roundings=160,
         gradient_roundings=400, oracle="float32"),
    Case("Conv1D", {"filters": 4, "kernel_size": 5, "strides": 2, "padding": "same"},
         roundings=240, gradient_roundings=400),
    Case("Conv1D", {"filters": 4, "kernel_size": 2, "strides": 3, "use_bias": False},
         roundings=160, gradient_roundings=400),
    Case("Conv1D", {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "padding": "causal",
                    "groups": 3}, roundings=160, gradient_roundings=400),
    Case("Conv1D", {"filters": 4, "kernel_size": 3, "dilation_rate": 3, "padding": "same",
                    "data_format": "channels_first", "activation": "softmax",
                    "use_bias": False},
         shape=(3, 6, 10), roundings=160, gradient_roundings=400),
    Case("Conv1D", {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "causal",
                    "groups": 2, "data_format": "channels_first"},
         shape=(3, 6, 10), roundings=160, gradient_roundings=400),
    Case("Conv1D", {"filters": 70, "kernel_size": 1}, shape=(2, 7, 40), roundings=320,
         gradient_roundings=800),
    Case("DepthwiseConv1D", {"kernel_size": 3, "activation": "silu"}, roundings=60,
         gradient_roundings=400),
    Case("DepthwiseConv1D", {"kernel_size": 5, "strides": 2, "padding": "same",
                             "depth_multiplier": 3}, roundings=60, gradient_roundings=400),
    Case("DepthwiseConv1D", {"kernel_size": 3, "dilation_rate": 2, "padding": "same",
                             "use_bias": False, "data_format": "channels_first",
                             "depth_multiplier": 2},
         shape=(3, 6, 10), roundings=60, gradient_roundings=400),
]  # fmt: skip
DENSE = [
    Case("Dense", {"units": 5}, shape=(7, 6), roundings=80, gradient_roundings=200),
    Case(
        "Dense",
        {"units": 5, "activation": "tanh", "use_bias": False},
        roundings=80,
        gradient_roundings=400,
        oracle="float32",
    ),
    Case(
        "Dense",
        {"units": 70, "activation": "softmax"},
        shape=(2, 3, 4, 9),
        roundings=120,
        gradient_roundings=800,
    ),
]

INPUT = [
    Case("InputLayer", {"shape": (10, 12)}, shape=None),
    Case("InputLayer", {"batch_shape": (4, None, 2), "dtype": "int32"}, shape=None),
]

FLATTEN = [
    Case("Flatten"),
    Case("Flatten", {"data_format": "channels_first"}),
    Case("Flatten", {"data_format": "channels_first"}, shape=(3, 2, 4, 5)),
    Case("Flatten", shape=(3,)),
]
RESHAPE = [
    Case("Reshape", {"target_shape": (6, 10)}),
    Case("Reshape", {"target_shape": (-1, 4)}),
    Case("Reshape", {"target_shape": (60,)}),
    Case("Reshape", {"target_shape": (2, -1, 3), "dtype": "mixed_float16"}),
    Case("Permute", {"dims": (2, 1)}),
    Case("Permute", {"dims": (3, 1, 2)}, shape=(2, 3, 4, 5)),
]
# The gradient of a repeated step is a sum of `size` terms.
OVER_TIME = [
    Case("ZeroPadding1D"),
    Case("ZeroPadding1D", {"padding": (2, 0)}),
    Case("ZeroPadding1D", {"padding": (0, 3), "data_format": "channels_first"}),
    Case("Cropping1D"),
    Case("Cropping1D", {"cropping": 2}),
    Case("Cropping1D", {"cropping": (0, 3)}),
    Case("Cropping1D", {"cropping": (3, 0)}),
    Case("UpSampling1D", gradient_roundings=2),
    Case("UpSampling1D", {"size": 5}, gradient_roundings=8),
]

# The maximum rounds nothing; its gradient sums as many windows as an input step lies in.
MAX_POOLING = [
    Case("MaxPooling1D"),
    Case("MaxPooling1D", {"pool_size": 3, "strides": 1}, gradient_roundings=3),
    Case("MaxPooling1D", {"pool_size": 4, "strides": 3, "padding": "same"}, gradient_roundings=2),
    Case("MaxPooling1D", {"pool_size": 2, "strides": 5, "padding": "same"}),
    Case("MaxPooling1D", {"pool_size": 7, "strides": 2, "padding": "same"}, gradient_roundings=4),
    Case("MaxPooling1D", {"pool_size": 12, "padding": "same"}),
    Case("MaxPooling1D", {"pool_size": 3, "data_format": "channels_first"}, shape=(3, 6, 10)),
    Case("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, draw=with_ties,
         smooth=False, gradient_roundings=2),
    Case("GlobalMaxPooling1D"),
    Case("GlobalMaxPooling1D", {"keepdims": True}),
    Case("GlobalMaxPooling1D", {"data_format": "channels_first"}),
    Case("GlobalMaxPooling1D", {"data_format": "channels_first", "keepdims": True}),
    Case("GlobalMaxPooling1D", draw=with_ties, smooth=False, gradient_roundings=1),
]  # fmt: skip
# A mean of n values: n - 1 additions and a division; sum|x|/n is below 4 times the largest mean.
AVERAGE_POOLING = [
    Case("AveragePooling1D", {"pool_size": 2}, roundings=8, gradient_roundings=1),
    Case("AveragePooling1D", {"pool_size": 3, "strides": 1}, roundings=12, gradient_roundings=4),
    Case("AveragePooling1D", {"pool_size": 4, "strides": 3, "padding": "same"}, roundings=16,
         gradient_roundings=4),
    Case("AveragePooling1D", {"pool_size": 7, "strides": 2, "padding": "same"}, roundings=28,
         gradient_roundings=8),
    Case("AveragePooling1D", {"pool_size": 3, "padding": "same", "data_format": "channels_first"},
         shape=(3, 6, 10), roundings=12, gradient_roundings=4),
    Case("GlobalAveragePooling1D", roundings=40, gradient_roundings=1,
         oracle="float32"),
    Case("GlobalAveragePooling1D", {"keepdims": True}, roundings=40, gradient_roundings=1,
         oracle="float32"),
    Case("GlobalAveragePooling1D", {"data_format": "channels_first"}, roundings=40,
         gradient_roundings=1,
         oracle="float32"),
    Case("GlobalAveragePooling1D", {"data_format": "channels_first", "keepdims": True},
         roundings=40, gradient_roundings=1,
         oracle="float32"),
]  # fmt: skip

# An activation is within 4 ulp; x alone is at most 4 times as large as the largest output, and
# its derivative, of up to 3 terms, is a product more. Keras rounds tanh to float32.
ACTIVATIONS = [
    Case("Activation", {"activation": "gelu"}, roundings=16, gradient_roundings=32),
    Case("Activation", {"activation": "tanh"}, roundings=16, gradient_roundings=32,
         oracle="float32"),
    Case("Activation", {"activation": "linear"}, shape=(4,)),
    Case("Activation", {"activation": "relu6"}, smooth=False),
    Case("ReLU", smooth=False),
    Case("ReLU", {"max_value": 1.5, "negative_slope": 0.25, "threshold": 0.5}, smooth=False,
         roundings=4, gradient_roundings=4),
    Case("LeakyReLU", roundings=2, gradient_roundings=2, smooth=False),
    Case("LeakyReLU", {"negative_slope": 0.125}, draw=with_ties, smooth=False),
    Case("ELU", roundings=8, gradient_roundings=8),
    Case("ELU", {"alpha": 2.0}, shape=(2, 3, 4, 5), roundings=8, gradient_roundings=8,
         smooth=False),
    Case("Softmax", roundings=32, gradient_roundings=64),
    Case("Softmax", {"axis": 1}, roundings=32, gradient_roundings=64),
    Case("Softmax", {"axis": [1, 2]}, roundings=160, gradient_roundings=320),
]  # fmt: skip
# alpha's gradient adds up to 30 products, whose sizes sum to below 16 times the largest result.
PRELU = [
    Case("PReLU", roundings=2, gradient_roundings=64, smooth=False),
    Case("PReLU", {"shared_axes": [1]}, roundings=2, gradient_roundings=512, smooth=False),
    Case("PReLU", {"shared_axes": 2, "alpha_initializer": "ones"}, roundings=2,
         gradient_roundings=512, smooth=False),
    Case("PReLU", {"shared_axes": [1, 2], "alpha_regularizer": "l2",
                   "alpha_constraint": "non_neg"},
         draw=with_ties, roundings=2, gradient_roundings=512, smooth=False),
]  # fmt: skip
# A channel's mean and variance are sums of n = 30 values (8 rows of 12: 96), and a normalised value
# takes both, a square root, a division, gamma and beta: about 2n + 8 roundings of values up to 4.
# Its gradient subtracts two more such sums. In float64, too, Keras computes them in float32.
normalised = functools.partial(Case, roundings=80, gradient_roundings=400, oracle="float32")
BATCH_NORMALIZATION = [
    normalised("BatchNormalization", config, shape=shape, training=True)
    for config, shape in [
        ({}, (3, 10, 6)),
        ({"axis": 1, "momentum": 0.5, "epsilon": 1e-5}, (3, 10, 6)),
        ({"center": False}, (3, 10, 6)),
        ({"scale": False, "momentum": 0.0}, (3, 10, 6)),
        ({"trainable": False}, (3, 10, 6)),
        ({"axis": 2, "gamma_regularizer": "l2", "beta_constraint": "non_neg"}, (3, 4, 5, 2)),
        ({"beta_initializer": {"class_name": "Constant", "config": {"value": 0.5}}}, (8, 3)),
    ]
]
LAYER_NORMALIZATION = [
    normalised("LayerNormalization", config, shape=shape)
    for config, shape in [
        ({}, (3, 10, 6)),
        ({"axis": 1, "epsilon": 1e-5}, (3, 10, 6)),
        ({"axis": [1, 2], "center": False}, (3, 10, 3)),
        ({"axis": [-2, 1], "scale": False}, (2, 4, 5, 3)),
        ({"axis": [1, 3]}, (2, 4, 5, 3)),
        ({"scale": False, "center": False}, (5, 12)),
    ]
]
# The inputs, the mean, the deviation and the scale are rounded, and each operation on them.
PREPROCESSING = [
    Case("Normalization", roundings=16, gradient_roundings=4),
    Case("Normalization", {"axis": 1, "invert": True}, roundings=16, gradient_roundings=4),
    Case("Normalization", {"axis": None}, roundings=16, gradient_roundings=4),
    Case("Normalization", {"axis": (1, -1)}, roundings=16, gradient_roundings=4),
    Case("Normalization", {"mean": 2.0, "variance": 3.0}, roundings=16, gradient_roundings=4,
         oracle="float32"),
    Case("Normalization", {"axis": [1, 2], "mean": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
                           "variance": [2.0] * 6, "invert": True}, roundings=32,
         gradient_roundings=4, oracle="float32"),
    Case("Rescaling", {"scale": 0.1}, roundings=8, gradient_roundings=4, oracle="float32"),
    Case("Rescaling", {"scale": 1.0 / 255, "offset": -1}, roundings=8, gradient_roundings=4,
         oracle="float32"),
    Case("Rescaling", {"scale": np.arange(6.0), "offset": np.ones(6)}, roundings=8,
         gradient_roundings=4, oracle="float32"),
]  # fmt: skip
# What is dropped differs from call to call and from Keras's: see test_dropout.py.
DROPOUT = [
    Case("Dropout", {"rate": 0.3, "seed": 3}),
    Case("Dropout", {"rate": 0, "noise_shape": (None, 1, 6)}),
    Case("SpatialDropout1D", {"rate": 0.5, "seed": 3}),
]
# A sum or product of n values, and where inputs broadcast, gradients that are sums of 10 of them.
MERGING = [
    Case(layer, shape=shape, roundings=8, gradient_roundings=80)
    for layer in ("Add", "Average", "Multiply", "Maximum", "Minimum")
    for shape in (
        [(3, 10, 6), (3, 10, 6)],
        [(3, 10, 6), (3, 1, 6), (3, 10, 1)],
        [(3, 6), (3, 10, 6)],
        [(3, 10, 6)],
    )
]
MERGING += [
    Case("Maximum", shape=[(3, 10, 6)] * 3, draw=with_ties, smooth=False, gradient_roundings=4),
    Case("Minimum", shape=[(3, 10, 6)] * 3, draw=with_ties, smooth=False, gradient_roundings=4),
    Case("Subtract", shape=[(3, 10, 6), (3, 10, 6)], roundings=4, gradient_roundings=80),
    Case("Subtract", shape=[(3, 1, 6), (3, 10, 6)], roundings=4, gradient_roundings=80),
    Case("Concatenate", shape=[(3, 10, 6), (3, 10, 2), (3, 10, 1)]),
    Case("Concatenate", {"axis": 1}, shape=[(3, 10, 6), (3, 2, 6)]),
    Case("Concatenate", {"axis": 0}, shape=[(3, 10, 6), (2, 10, 6)]),
    Case("Concatenate", shape=[(3, 6)]),
]
# A row's gradient is the sum of its uses, 30 at most.
EMBEDDING = [
    Case("Embedding", {"input_dim": 7, "output_dim": 4}, shape=(3, 10), draw=indices,
         gradient_roundings=60),
    Case("Embedding", {"input_dim": 7, "output_dim": 1, "embeddings_initializer": "ones",
                       "embeddings_regularizer": "l2", "embeddings_constraint": "unit_norm"},
         shape=(3, 4, 2), draw=indices, gradient_roundings=60),
]  # fmt: skip

CASES = [
    *SEPARABLE_CONV1D,
    *CONVOLUTIONS,
    *DENSE,
    *INPUT,
    *FLATTEN,
    *RESHAPE,
    *OVER_TIME,
    *MAX_POOLING,
    *AVERAGE_POOLING,
    *ACTIVATIONS,
    *PRELU,
    *BATCH_NORMALIZATION,
    *LAYER_NORMALIZATION,
    *PREPROCESSING,
    *DROPOUT,
    *MERGING,
    *EMBEDDING,
]
CALLED = [case for case in CASES if case.shape is not None]
