"""Networks of real Keras that tests save and load: each is made anew by a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras_oracle import keras

L = keras.layers
SHAPE = (20, 6)


def separable(filters: int = 5, kernel_size: int = 3, **arguments: Any) -> Any:
    return L.SeparableConv1D(filters, kernel_size, **arguments)


def stack(*layers: Any, shape: Sequence[int | None] = SHAPE, **arguments: Any) -> Any:
    return keras.Sequential([L.Input(shape), *layers], **arguments)


# With one shape for all: an identity needs a square matrix, a fourier transform one channel.
INITIALIZERS = (
    "zeros", "ones", "random_normal", "random_uniform", "truncated_normal",
    "variance_scaling", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
    "lecun_normal", "lecun_uniform", "orthogonal", "identity",
)  # fmt: skip
# All but threshold, whose name alone lacks its arguments, and glu, which halves the channels: no
# layer of Keras tells that shape.
ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu",
    "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink",
)  # fmt: skip
DTYPES = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
# SeparableConv1D with every argument, in stacks of stacks.
STACKS: dict[str, Callable[[], Any]] = {
    "one": lambda: stack(separable()),
    "named": lambda: stack(separable(name="front"), separable(name="back"), name="kws"),
    "counted": lambda: stack(*[separable(4) for _ in range(12)], shape=(40, 4)),
    "nested": lambda: stack(
        separable(), keras.Sequential([separable(), separable(4)], name="inner"), separable()
    ),
    "deep": lambda: stack(keras.Sequential([keras.Sequential([separable()]), separable()])),
    "channels_first": lambda: stack(
        separable(data_format="channels_first"),
        separable(data_format="channels_first", strides=2),
        shape=(6, 20),
    ),
    "strides": lambda: stack(separable(strides=2, padding="same"), separable(dilation_rate=3)),
    "multiplier": lambda: stack(separable(depth_multiplier=3, use_bias=False), separable()),
    "any_length": lambda: stack(separable(), shape=(None, 6)),
    "activations": lambda: stack(
        *[separable(activation=name, padding="same") for name in ("relu", "gelu", "softmax")],
        separable(activation=keras.activations.leaky_relu),
    ),
    "regularised": lambda: stack(
        separable(
            depthwise_regularizer="l2",
            pointwise_regularizer=keras.regularizers.L1L2(0.1, 0.2),
            activity_regularizer=keras.regularizers.L1(0.3),
        )
    ),
    "constrained": lambda: stack(
        separable(
            depthwise_constraint=keras.constraints.MaxNorm(3, axis=1),
            pointwise_constraint="unit_norm",
            bias_constraint="non_neg",
        )
    ),
    "initialized": lambda: stack(
        separable(
            depthwise_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "uniform", 3),
            bias_initializer=keras.initializers.Constant(2.0),
        )
    ),
    "frozen": lambda: stack(separable(trainable=False), separable()),
    "same_objects": lambda: (
        lambda made, kept: stack(
            separable(depthwise_initializer=made, depthwise_constraint=kept),
            separable(pointwise_initializer=made, bias_constraint=kept),
        )
    )(keras.initializers.HeNormal(1), keras.constraints.NonNeg()),
}


def _graph(make: Callable[..., Any], *shapes: Sequence[int | None], **arguments: Any) -> Any:
    """Return the network of what `make` does with inputs of these shapes."""
    inputs = [keras.Input(shape) for shape in shapes or [SHAPE]]
    return keras.Model(inputs if shapes[1:] else inputs[0], make(*inputs), **arguments)


def _two_ways(x: Any) -> Any:
    return L.Add()([separable(padding="same")(x), separable(padding="same")(x)])


def _residual(x: Any) -> Any:
    """Layers of one class whose order in the config is not that of their calls."""
    h = separable(6, padding="same", activation="relu")(x)
    for _ in range(3):
        h = L.Add()([h, separable(6, padding="same", activation="relu")(h)])
    return separable(2)(h)


def _shared(x: Any) -> Any:
    twice = separable(6, padding="same")
    return [twice(twice(x)), separable(3)(twice(x))]


def _two_inputs(x: Any, y: Any) -> Any:
    return L.Concatenate()([separable(3)(x), separable(3)(y)])


def _nested(x: Any) -> Any:
    inner = _graph(_residual, SHAPE, name="inner")
    stacked = keras.Sequential([separable(6), separable(6, padding="same")], name="stacked")
    return separable()(stacked(L.Concatenate()([inner(x), inner(x), separable(2)(x)])))


def _towers(x: Any) -> Any:
    """Many layers of one class and shape: a swapped pair would change the values."""
    low = [separable(4, 3, padding="same")(x) for _ in range(3)]
    high = [separable(4, 3, padding="same")(h) for h in reversed(low)]
    return separable(4)(L.Add()([high[1], L.Multiply()([low[2], high[0]]), high[2]]))


def _siamese(x: Any, y: Any) -> Any:
    tower = _graph(lambda z: L.GlobalAveragePooling1D()(_residual(z)), SHAPE, name="tower")
    return L.Dense(1, activation="sigmoid")(L.Subtract()([tower(x), tower(y)]))


def _two_outputs_inside(x: Any) -> Any:
    first, second = _graph(_shared, SHAPE, name="inside")(x)
    return [L.GlobalMaxPooling1D()(second), separable(2)(first), first]


def _adapted() -> Any:
    """A stack whose first layer has learned its numbers, and counts what it has seen."""
    first = L.Normalization()
    first.adapt(np.random.default_rng(5).normal(1.0, 2.0, (30, *SHAPE)).astype("float32"))
    return stack(first, separable())


def _called() -> Any:
    """A stack that was built by a call: it has no Input of its own."""
    model = keras.Sequential([separable(), separable()])
    model(np.zeros((1, *SHAPE), "float32"))
    return model


# What is no simple stack: branches, shared layers, several inputs and outputs, nested networks.
GRAPHS: dict[str, Callable[[], Any]] = {
    "functional": lambda: _graph(_two_ways),
    "residual": lambda: _graph(_residual, (None, 6)),
    "shared": lambda: _graph(_shared),
    "two_inputs": lambda: _graph(_two_inputs, SHAPE, SHAPE, name="both"),
    "nested_functional": lambda: _graph(_nested),
    "towers": lambda: _graph(_towers),
    "functional_bfloat16": lambda: _graph(lambda x: separable(dtype="bfloat16")(x)),
    "graph_in_stack": lambda: stack(_graph(_residual), separable()),
    "subtracted": lambda: _graph(
        lambda x, y: L.Average()([f()([x, y]) for f in (L.Subtract, L.Maximum, L.Minimum)]),
        SHAPE, SHAPE,
    ),
    "nested_normalized": lambda: stack(
        keras.Sequential([L.BatchNormalization(), separable(6), L.BatchNormalization()]),
        separable(),
    ),
    "nested_frozen": lambda: stack(
        keras.Sequential([separable(6), separable(6, trainable=False), L.BatchNormalization()]),
        keras.Sequential([separable(6), L.BatchNormalization(trainable=False), separable(6)]),
    ),
    "siamese": lambda: _graph(_siamese, SHAPE, SHAPE),
    "two_outputs_inside": lambda: _graph(_two_outputs_inside),
    "called": _called,
}  # fmt: skip

# The other layers.
LAYERS: dict[str, Callable[[], Any]] = {
    "activation_layers": lambda: stack(
        separable(), L.Activation("gelu"), L.ReLU(6.0), L.PReLU(), L.LeakyReLU(0.1), L.ELU()
    ),
    "shared_axes": lambda: stack(separable(), L.PReLU(shared_axes=[1]), L.Softmax()),
    "max_pooling": lambda: stack(separable(), L.MaxPooling1D(2), separable()),
    "average_pooling": lambda: stack(
        L.AveragePooling1D(3, 2, padding="same"), separable(), L.GlobalAveragePooling1D()
    ),
    "pooling_first": lambda: stack(
        separable(data_format="channels_first"),
        L.MaxPooling1D(2, data_format="channels_first"),
        L.GlobalMaxPooling1D(data_format="channels_first", keepdims=True),
        shape=(6, 20),
    ),
    "reshaping": lambda: stack(
        L.ZeroPadding1D(2), separable(), L.Cropping1D((1, 2)), L.UpSampling1D(2),
        L.Permute((2, 1)), L.Reshape((-1, 5)), separable(), L.Flatten(),
    ),
    "dense": lambda: stack(
        separable(), L.GlobalAveragePooling1D(), L.Dense(7, activation="relu"),
        L.Dense(3, use_bias=False, kernel_regularizer="l1"),
    ),
    "dense_over_time": lambda: stack(L.Dense(5, activation="softmax"), separable()),
    "conv": lambda: stack(
        L.Conv1D(4, 3, activation="relu"), L.Conv1D(6, 3, strides=2, padding="same"),
        L.Conv1D(6, 3, dilation_rate=2, groups=2), L.Conv1D(2, 2, padding="causal"),
    ),
    "conv_first": lambda: stack(
        L.Conv1D(4, 3, data_format="channels_first"),
        L.DepthwiseConv1D(3, data_format="channels_first"), shape=(6, 20),
    ),
    "depthwise": lambda: stack(
        L.DepthwiseConv1D(3, depth_multiplier=2, padding="same", activation="gelu"),
        L.DepthwiseConv1D(2, strides=2, depthwise_constraint="non_neg", use_bias=False),
    ),
    "batch_norm": lambda: stack(separable(), L.BatchNormalization(), L.ReLU(), separable()),
    "batch_norm_first": lambda: stack(
        separable(data_format="channels_first"), L.BatchNormalization(1, scale=False),
        L.BatchNormalization(axis=-2, center=False, epsilon=0.1), shape=(6, 20),
    ),
    "layer_norm": lambda: stack(
        L.LayerNormalization(), separable(), L.LayerNormalization([1, 2], rms_scaling=False)
    ),
    "dropouts": lambda: stack(
        L.Dropout(0.3, seed=3), separable(), L.SpatialDropout1D(0.2), separable()
    ),
    "text": lambda: stack(
        L.Embedding(50, 6, embeddings_regularizer="l2"), separable(), L.GlobalMaxPooling1D(),
        shape=(20,),
    ),
    "scaled": lambda: stack(L.Rescaling(0.5, 1.0), separable()),
    "adapted": _adapted,
    "normalized": lambda: stack(
        L.Normalization(mean=[0.1 * i for i in range(6)], variance=[1.0 + i for i in range(6)]),
        separable(),
    ),
    "orthogonal": lambda: stack(
        separable(), L.Dense(
            4, kernel_regularizer=keras.regularizers.OrthogonalRegularizer(0.1, "columns"),
            kernel_constraint=keras.constraints.MinMaxNorm(0.1, 2.0, 0.5, axis=0),
        ),
    ),
    "every_initializer": lambda: stack(
        *[L.Dense(6, kernel_initializer=name) for name in INITIALIZERS],
        L.Reshape((-1, 1)), L.Conv1D(2, 9, kernel_initializer=keras.initializers.STFT()),
    ),
    "every_activation": lambda: stack(
        *[L.Dense(6, activation=name) for name in ACTIVATIONS],
        L.Activation("leaky_relu"), separable(),
    ),
    "all_first": lambda: stack(
        L.ZeroPadding1D(1, data_format="channels_first"), separable(data_format="channels_first"),
        L.AveragePooling1D(2, data_format="channels_first"),
        L.GlobalAveragePooling1D("channels_first"), shape=(6, 20),
    ),
    "flatten_first": lambda: stack(
        L.DepthwiseConv1D(3, data_format="channels_first"), L.Flatten("channels_first"),
        shape=(6, 20),
    ),
}  # fmt: skip

# Every policy but float32.
POLICIES: dict[str, Callable[[], Any]] = {
    **{
        policy: lambda policy=policy: stack(  # type: ignore[misc]
            separable(dtype=policy, activation="relu"), separable(dtype=policy)
        )
        for policy in DTYPES
    },
    **{
        f"layers_{policy}": lambda policy=policy: stack(  # type: ignore[misc]
            L.LayerNormalization(dtype=policy), L.Conv1D(5, 3, dtype=policy, activation="gelu"),
            L.BatchNormalization(dtype=policy), L.PReLU(dtype=policy),
            L.DepthwiseConv1D(3, dtype=policy), L.AveragePooling1D(2, dtype=policy),
            L.Dense(4, activation="softmax", dtype=policy), L.GlobalMaxPooling1D(dtype=policy),
        )
        for policy in DTYPES if policy != "float64"  # Keras normalizes in float32, sepconv not
    },
    "conv_bfloat16": lambda: stack(
        L.Conv1D(4, 3, dtype="bfloat16"), L.Dense(3, dtype="bfloat16")
    ),
    "batch_norm_mixed_float16": lambda: stack(
        separable(dtype="mixed_float16"), L.BatchNormalization(dtype="mixed_float16")
    ),
}  # fmt: skip

NETWORKS = {**STACKS, **GRAPHS, **LAYERS, **POLICIES}
