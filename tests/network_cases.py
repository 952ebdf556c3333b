"""Networks as one program for two libraries: `of(SEPCONV)` and `of(KERAS)` build the same one."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from keras_oracle import keras
from numpy.typing import NDArray

import sepconv

SEPCONV: Any = sepconv
KERAS: Any = SimpleNamespace(
    **{name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()},
    Model=keras.Model,
    Sequential=keras.Sequential,
)


class Given:
    """A library whose layers, or those of one class, get arguments more."""

    def __init__(self, library: Any, only: str = "", **arguments: Any) -> None:
        self.library, self.only, self.arguments = library, only, arguments

    def __getattr__(self, name: str) -> Any:
        made = getattr(self.library, name)
        if name in ("Model", "Sequential") or self.only not in ("", name):
            return made
        return functools.partial(made, **self.arguments)


Build = Callable[[Any], Any]
SHAPE = (10, 6)


def chain(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    h = k.SeparableConv1D(5, 3, activation="relu", name="first")(x)
    return k.Model(x, k.SeparableConv1D(2, 3, name="second")(h), name="net")


def listed(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    return k.Model([x], [k.SeparableConv1D(2, 3, name="c")(x)], name="net")


def two_outputs(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    h = k.SeparableConv1D(5, 3, name="stem")(x)
    heads = [k.SeparableConv1D(n, 2, name=f"head{n}")(h) for n in (3, 2)]
    return k.Model(x, [*heads, h], name="net")


def two_inputs(k: Any) -> Any:
    a, b = k.Input(SHAPE, name="a"), k.Input((None, 3), name="b")
    outputs = [k.SeparableConv1D(2, 3, name="of_b")(b), k.SeparableConv1D(2, 3, name="of_a")(a)]
    return k.Model([a, b], outputs, name="net")


def dicts(k: Any) -> Any:
    b, a = k.Input(SHAPE, name="b"), k.Input(SHAPE, name="a")
    outputs = {
        "z": k.SeparableConv1D(2, 3, name="of_b")(b),
        "y": k.SeparableConv1D(2, 3, name="of_a")(a),
    }
    return k.Model({"b": b, "a": a}, outputs, name="net")


def shared(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    layer = k.SeparableConv1D(6, 3, padding="same", activation="softplus", name="shared")
    return k.Model(x, layer(layer(layer(x))), name="net")


def shared_at_two_depths(k: Any) -> Any:
    a, b = k.Input(SHAPE, name="a"), k.Input(SHAPE, name="b")
    layer = k.SeparableConv1D(6, 3, padding="same", name="shared")
    between = k.SeparableConv1D(6, 3, padding="same", name="between")
    return k.Model([a, b], [layer(between(layer(a))), layer(b)], name="net")


def nested_sequential(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    inner = k.Sequential(
        [k.Input(SHAPE, name="i"), k.SeparableConv1D(4, 3, name="c")], name="inner"
    )
    return k.Model(x, k.SeparableConv1D(2, 3, name="c")(inner(x)), name="net")


def nested_functional(k: Any) -> Any:
    i = k.Input(SHAPE, name="i")
    h = k.SeparableConv1D(6, 3, padding="same", name="c")(i)
    inner = k.Model(i, [k.SeparableConv1D(3, 3, name="d")(h), h], name="inner")
    x = k.Input(SHAPE, name="x")
    small, large = inner(x)
    _, again = inner(large)
    return k.Model(x, {"small": small, "again": again}, name="net")


def functional_in_sequential(k: Any) -> Any:
    inner = chain(k)
    return k.Sequential(
        [k.Input(SHAPE, name="i"), inner, k.SeparableConv1D(3, 2, name="c")], name="outer"
    )


def unread_input(k: Any) -> Any:
    x, spare = k.Input(SHAPE, name="x"), k.Input((3,), name="spare")
    return k.Model([x, spare], k.SeparableConv1D(3, 2, name="c")(x), name="net")


def passed_through(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    return k.Model(x, [x, k.SeparableConv1D(3, 2, name="c")(x)], name="net")


def residual(k: Any) -> Any:
    x = h = k.Input(SHAPE, name="x")
    for number in range(2):
        y = k.SeparableConv1D(6, 3, padding="same", name=f"conv{number}")(h)
        y = k.Activation("relu", name=f"relu{number}")(
            k.BatchNormalization(name=f"norm{number}")(y)
        )
        h = k.Add(name=f"add{number}")([h, y])
    return k.Model(x, k.GlobalAveragePooling1D(name="mean")(h), name="net")


def merged(k: Any) -> Any:
    a, b = k.Input(SHAPE, name="a"), k.Input(SHAPE, name="b")
    shared = k.SeparableConv1D(4, 3, activation="softplus", name="shared")
    sides = [shared(a), shared(b)]
    both = k.Concatenate(name="both")(sides)
    product = k.Multiply(name="product")(sides)
    head = k.SeparableConv1D(8, 2, padding="same", name="head")(both)
    return k.Model([a, b], [k.Subtract(name="gap")([head, both]), product], name="net")


def one_tensor_often(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    h = k.Multiply(name="square")([x, x])
    y = k.SeparableConv1D(6, 3, padding="same", name="c")(h)
    return k.Model(x, [k.Add(name="sum")([h, y, h]), h], name="net")


def with_training(k: Any) -> Any:
    x = k.Input(SHAPE, name="x")
    norm = k.BatchNormalization(name="norm")
    return k.Model(x, [norm(x, training=False), norm(k.ReLU(name="relu")(x))], name="net")


GRAPHS: list[Build] = [
    chain,
    listed,
    two_outputs,
    two_inputs,
    dicts,
    shared,
    shared_at_two_depths,
    nested_sequential,
    nested_functional,
    functional_in_sequential,
    unread_input,
    passed_through,
    residual,
    merged,
    one_tensor_often,
    with_training,
]


def twins(build: Build, seed: int = 0) -> tuple[Any, Any]:
    """Return the network of sepconv and that of Keras, with the same weights."""
    ours, theirs = build(SEPCONV), build(KERAS)
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(0.2, 1, w.shape).astype(np.float32) for w in ours.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def inputs_for(network: Any, samples: int = 4, seed: int = 1) -> Any:
    """Return arrays that suit a network, in the structure of its inputs."""
    rng = np.random.default_rng(seed)

    def array(tensor: Any) -> NDArray[Any]:
        shape = (samples, *(size or 7 for size in tensor.shape[1:]))
        return rng.normal(size=shape).astype(np.float32)

    given = network.input
    if isinstance(given, dict):
        return {name: array(tensor) for name, tensor in given.items()}
    if isinstance(given, list):
        return [array(tensor) for tensor in given]
    return array(given)


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def said(config: Any) -> Any:
    """Return a config without what says nothing: nulls among arguments, empty build configs."""
    if isinstance(config, list):
        return [said(part) for part in config]
    if not isinstance(config, dict):
        return config
    kept = {key: said(value) for key, value in config.items() if key != "compile_config"}
    # Which are built from the start in Keras, so their configs name no shape.
    built = config.get("class_name") in ("Activation", "GlobalAveragePooling1D", "ReLU")
    if kept.get("build_config") == {"input_shape": None} or built:
        kept.pop("build_config", None)
    if "kwargs" in kept:
        kept["kwargs"] = {key: x for key, x in kept["kwargs"].items() if x is not None}
    return kept
