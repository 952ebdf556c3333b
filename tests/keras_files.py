"""Networks of real Keras that tests save, load and compare: each is made anew by a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras_oracle import keras
from numpy.typing import NDArray

L = keras.layers
SHAPE = (20, 6)


def separable(filters: int = 5, kernel_size: int = 3, **arguments: Any) -> Any:
    return L.SeparableConv1D(filters, kernel_size, **arguments)


def stack(*layers: Any, shape: Sequence[int | None] = SHAPE, **arguments: Any) -> Any:
    return keras.Sequential([L.Input(shape), *layers], **arguments)


POLICIES = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")
NETWORKS: dict[str, Callable[[], Any]] = {
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
    **{
        policy: lambda policy=policy: stack(  # type: ignore[misc]
            separable(dtype=policy, activation="relu"), separable(dtype=policy)
        )
        for policy in POLICIES
    },
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


NETWORKS.update(
    {
        "functional": lambda: _graph(_two_ways),
        "residual": lambda: _graph(_residual, (None, 6)),
        "shared": lambda: _graph(_shared),
        "two_inputs": lambda: _graph(_two_inputs, SHAPE, SHAPE, name="both"),
        "nested_functional": lambda: _graph(_nested),
        "towers": lambda: _graph(_towers),
        "functional_bfloat16": lambda: _graph(lambda x: separable(dtype="bfloat16")(x)),
        "graph_in_stack": lambda: stack(_graph(_residual), separable()),
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
        "conv_bfloat16": lambda: stack(
            L.Conv1D(4, 3, dtype="bfloat16"), L.Dense(3, dtype="bfloat16")
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
        "batch_norm_mixed_float16": lambda: stack(
            separable(dtype="mixed_float16"), L.BatchNormalization(dtype="mixed_float16")
        ),
        "subtracted": lambda: _graph(
            lambda x, y: L.Average()([f()([x, y]) for f in (L.Subtract, L.Maximum, L.Minimum)]),
            SHAPE, SHAPE,
        ),
        "called": _called,
    }
)  # fmt: skip


def with_values(model: Any, seed: int = 0) -> Any:
    """Return the network with weights that are all different, as after training."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(0.1, 0.5, weight.shape) for weight in model.get_weights()]
    if any(weight.name == "count" for weight in model.weights):
        return model  # it has learned
    positive = [np.abs(v) + 0.1 for v in values]  # as a variance is
    names = [weight.name for weight in model.weights]
    model.set_weights(
        [p if "var" in name else v for v, p, name in zip(values, positive, names, strict=True)]
    )
    return model


def trained(model: Any) -> Any:
    """Return the network compiled and with an optimizer's state."""
    model.compile("adam", "mse", metrics=["mae"])
    inputs = example(model)
    model.fit(inputs, np.zeros(np.shape(model(inputs))), verbose=0)
    return model


def example(model: Any, seed: int = 0) -> Any:
    """Return inputs for a network of Keras: 3 samples, 20 where a size is open."""
    rng = np.random.default_rng(seed)
    found: list[Any] = [
        rng.normal(1.0, 2.0, (3, *(size or 20 for size in tensor.shape[1:]))).astype("float32")
        for tensor in model.inputs
    ]
    if found[0].ndim == 2:  # words
        found = [np.abs(array).astype("int32") for array in found]
    return found[0] if len(found) == 1 else found


def outputs(model: Any, inputs: Any) -> list[NDArray[Any]]:
    """Return what a network of Keras or of sepconv gives, as float64."""
    found = model(inputs)
    items = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(item).astype("float64") for item in items]
