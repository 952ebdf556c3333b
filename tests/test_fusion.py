"""Fusion: what inference folds together gives the values of layer after layer, within rounding."""

from __future__ import annotations

import copy
import math
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sepconv
from sepconv import (
    Activation,
    BatchNormalization,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Input,
    Model,
    ReLU,
    SeparableConv1D,
    Sequential,
)
from sepconv.models.fusion import Folded
from sepconv.models.steps import called

SHAPE = (20, 6)
X = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)


def with_weights(network: Any, seed: int = 0) -> Any:
    """Give a network weights such as training leaves: positive variances, moved means."""
    rng = np.random.default_rng(seed)
    network.set_weights(
        [
            rng.uniform(0.5, 2, w.shape) if "variance" in w.path else rng.normal(size=w.shape)
            for w in network.weights
        ]
    )
    return network


def unfolded(network: Any, x: Any) -> Any:
    """Return the outputs of layer after layer."""
    program = network._program()
    (y,) = program.through([network.convert(x)], program.steps[False], called)
    return y


def folds(network: Any) -> int:
    """Return how many calls stand for several layers."""
    network(X)
    steps = network._program()._fused[None]
    return sum(isinstance(step.run, Folded) for step in steps)


def bound(conv: Any, norm: Any, x: NDArray[Any]) -> NDArray[Any]:
    """Return how far folded and unfolded values may be apart, value by value.

    Each is a sum of at most n rounded terms, 8 of them behind the kernels, so it is within
    gamma_n = n u / (1 - n u) of the sum of their absolute values; the folded kernel adds one more
    rounding (Higham, Accuracy and Stability, 3.1).
    """
    largest = copy.deepcopy(conv)
    largest.set_weights([np.abs(w) for w in conv.get_weights()])
    n = sum(math.prod(w.shape[:-1]) for w in conv.weights) + 9
    gamma = n * 2.0**-24 / (1 - n * 2.0**-24)
    scale, shift = norm.affine()
    moved = np.abs(shift) + 2 * np.abs(norm.moving_mean.value * scale)
    is_first = getattr(conv, "data_format", "") == "channels_first"
    shape = (1, -1, 1) if is_first else (1, 1, -1)
    sums = np.abs(scale).reshape(shape) * largest(np.abs(x)) + moved.reshape(shape)
    return np.asarray(2 * gamma * sums)


@pytest.mark.parametrize("behind", [[], [Activation("relu")], [ReLU(6.0)], [Activation("linear")]])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"use_bias": False, "strides": 2},
        {"padding": "same", "dilation_rate": 3, "depth_multiplier": 2},
        {"data_format": "channels_first"},
    ],
)
def test_values_are_those_of_layer_after_layer(arguments: dict[str, Any], behind: Any) -> None:
    conv = SeparableConv1D(5, 3, **arguments)
    norm = BatchNormalization(axis=1 if "data_format" in arguments else -1)
    network = with_weights(
        Sequential([Input(SHAPE), conv, norm, *[copy.deepcopy(layer) for layer in behind]])
    )
    assert folds(network) == 1
    assert len(network._program()._fused[None]) == 1
    assert (np.abs(network(X) - unfolded(network, X)) <= bound(conv, norm, X)).all()
    assert network.predict(X, 2).tobytes() == network(X).tobytes()


@pytest.mark.parametrize(
    "layer",
    [
        Conv1D(5, 3, strides=2),
        Conv1D(6, 3, groups=3, use_bias=False),
        DepthwiseConv1D(3, depth_multiplier=2, padding="same"),
        DepthwiseConv1D(3, data_format="channels_first"),
        Dense(5),
        Dense(5, use_bias=False),
    ],
    ids=lambda layer: layer.name,
)
def test_other_layers_with_kernels_fold_too(layer: Any) -> None:
    conv = copy.deepcopy(layer)
    is_first = getattr(conv, "data_format", "") == "channels_first"
    norm = BatchNormalization(axis=1 if is_first else -1)
    network = with_weights(Sequential([Input(SHAPE), conv, norm, ReLU()]))
    assert folds(network) == 1
    assert (np.abs(network(X) - unfolded(network, X)) <= bound(conv, norm, X)).all()


@pytest.mark.parametrize("name", ["gelu", "tanh", "relu", "sigmoid"])
def test_activation_alone_goes_into_the_epilogue(name: str) -> None:
    network = with_weights(Sequential([Input(SHAPE), SeparableConv1D(5, 3), Activation(name)]))
    twin = SeparableConv1D(5, 3, activation=name)
    twin.build((None, *SHAPE))
    twin.set_weights(network.get_weights())
    assert folds(network) == 1
    assert (network(X) == twin(X)).all()


def block() -> Any:
    layers = [SeparableConv1D(5, 3), BatchNormalization(), Activation("relu")]
    return with_weights(Sequential([Input(SHAPE), *layers]))


def test_weights_that_are_set_later_count() -> None:
    network, fresh = block(), block()
    network(X)
    for target in (network, fresh):
        target.layers[1].gamma.assign(np.full(5, 3.0))
        target.layers[0].bias.assign(np.ones(5))
    y = network(X)
    assert (y == fresh(X)).all()
    network.layers[1].moving_mean.assign(np.full(5, 9.0))
    assert (network(X) != y).any()


def test_training_is_never_folded_and_moves_the_statistics() -> None:
    network, layers = block(), block().layers
    network(X)
    y = network(X, training=True)
    assert (y == layers[2](layers[1](layers[0](X), training=True))).all()
    assert (network.layers[1].moving_mean.value == layers[1].moving_mean.value).all()
    assert (np.abs(network(X) - unfolded(network, X)) <= bound(*network.layers[:2], X)).all()


def test_gradients_are_those_of_layer_after_layer() -> None:
    network = block()
    network(X)
    y, pullback = network.vjp(X)
    assert (y == unfolded(network, X)).all()
    dx, gradients = pullback(np.ones_like(y))
    assert dx.shape == X.shape
    assert set(gradients) == set(network.trainable_weights)


class Own(SeparableConv1D):
    """A layer of the user's own, which may do anything."""


@pytest.mark.parametrize(
    "layers",
    [
        [SeparableConv1D(5, 3, activation="relu"), BatchNormalization()],
        [SeparableConv1D(5, 3, activity_regularizer="l2"), BatchNormalization()],
        [SeparableConv1D(5, 3), BatchNormalization(axis=1)],
        [SeparableConv1D(5, 3, dtype="mixed_float16"), BatchNormalization(dtype="mixed_float16")],
        [SeparableConv1D(5, 3), BatchNormalization(dtype="float64")],
        [SeparableConv1D(5, 3), Activation("softmax")],
        [SeparableConv1D(5, 3), sepconv.Dropout(0.5), Activation("relu")],
        [Own(5, 3), BatchNormalization()],
    ],
)
def test_what_does_not_fit_stays_as_it_is(layers: Any) -> None:
    network = with_weights(Sequential([Input(SHAPE), *copy.deepcopy(layers)]))
    assert folds(network) == 0
    assert (network(X) == unfolded(network, X)).all()


def test_tensor_that_is_read_elsewhere_is_still_computed() -> None:
    x = Input(SHAPE)
    conv, norm = SeparableConv1D(5, 3), BatchNormalization()
    h = conv(x)
    y = norm(h)
    for outputs in ([y, h], [y, Activation("relu")(h)]):
        model = Model(x, outputs)
        assert folds(model) == 0
        assert (model(X)[0] == norm(conv(X))).all()
    model = Model(x, [y, Activation("relu")(y)])
    assert folds(model) == 1  # the convolution and its normalisation alone


def test_training_that_a_call_was_given_is_kept() -> None:
    x = Input(SHAPE)
    model = Model(x, BatchNormalization()(SeparableConv1D(5, 3)(x), training=True))
    assert folds(model) == 0


def test_shared_layers_are_folded_where_they_stand() -> None:
    x = Input(SHAPE)
    conv = SeparableConv1D(6, 3, padding="same")
    model = Model(x, Activation("tanh")(conv(Activation("relu")(conv(x)))))
    assert folds(model) == 2
    assert (model(X) == np.asarray(unfolded(model, X))).all()


def test_infinite_folded_weights_are_not_used() -> None:
    network = Sequential([Input(SHAPE), SeparableConv1D(5, 3), BatchNormalization(epsilon=0)])
    network(X)
    network.layers[1].moving_variance.assign(np.full(5, 1e-40))
    network.layers[1].gamma.assign(np.full(5, 1e30))
    with np.errstate(over="ignore"):
        assert network(X * 0).tobytes() == unfolded(network, X * 0).tobytes()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copy_of_a_network_in_use_has_weights_of_its_own(copied: Any) -> None:
    network = block()
    y = network(X)
    twin = copied(network)
    twin.layers[0].bias.assign(np.full(5, 7.0))
    assert (network(X) == y).all()
    assert (twin(X) != y).any()


def test_call_sees_the_old_or_the_new_weights() -> None:
    network, other = block(), with_weights(block(), seed=5)
    states = [network.get_weights(), other.get_weights()]
    expected = [network(X).tobytes(), other(X).tobytes()]
    stop = threading.Event()

    def swap() -> None:
        number = 0
        while not stop.is_set():
            number ^= 1
            network.set_weights(states[number])

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(200):
            assert network(X).tobytes() in expected
    finally:
        stop.set()
        thread.join()
