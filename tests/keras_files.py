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


def with_values(model: Any, seed: int = 0) -> Any:
    """Return the network with weights that are all different, as after training."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0.1, 0.5, weight.shape) for weight in model.get_weights()])
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
    found = [
        rng.normal(size=(3, *(size or 20 for size in tensor.shape[1:]))).astype("float32")
        for tensor in model.inputs
    ]
    return found[0] if len(found) == 1 else found


def outputs(model: Any, inputs: Any) -> list[NDArray[Any]]:
    """Return what a network of Keras or of sepconv gives, as float64."""
    found = model(inputs)
    items = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(item).astype("float64") for item in items]
