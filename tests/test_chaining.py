"""Chaining: layers that the core does in one call have the bits of their own calls."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import sepconv
import sepconv.core
from sepconv import (
    Activation,
    Add,
    AveragePooling1D,
    BatchNormalization,
    Conv1D,
    Dense,
    DepthwiseConv1D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Input,
    MaxPooling1D,
    Model,
    ReLU,
    SeparableConv1D,
    Sequential,
)
from sepconv.errors import ValidationError
from sepconv.layers.structure import flat
from sepconv.models.chaining import Chained
from sepconv.models.steps import called

SHAPE = (30, 6)
X = np.random.default_rng(0).normal(size=(9, *SHAPE)).astype(np.float32)


def kinds(network: Any, x: Any = X) -> str:
    """Return for each call of the network whether it is a chain (c) or one layer (l)."""
    network(x)
    steps = network._program()._chained[None]
    return "".join("c" if isinstance(step.run, Chained) else "l" for step in steps)


def one_by_one(network: Any, *x: Any) -> list[Any]:
    program = network._program()
    arrays = [np.asarray(array, np.float32) for array in x]
    outputs: list[Any] = program.through(arrays, program.folded(None), called)
    return outputs


def chain_of(layers: Any, **kwargs: Any) -> Any:
    return Sequential([Input(SHAPE, **kwargs), *copy.deepcopy(layers)])


STACKS = [
    [SeparableConv1D(5, 3, activation="relu"), MaxPooling1D(3), Dropout(0.5), Conv1D(7, 2)],
    [Conv1D(5, 4, strides=2, padding="same"), BatchNormalization(), ReLU(), DepthwiseConv1D(3)],
    [DepthwiseConv1D(3, depth_multiplier=2), AveragePooling1D(4, 2, "same"), Dense(5)],
    [Activation("tanh"), Dense(4, activation="softmax"), GlobalMaxPooling1D(keepdims=True)],
    [SeparableConv1D(5, 3, dilation_rate=2), GlobalAveragePooling1D(), Dense(3), Dense(2)],
    [SeparableConv1D(5, 3, activation="softmax"), Activation("softmax"), Activation("linear")],
    [Conv1D(5, 3), MaxPooling1D(3), Flatten(), Dense(4, activation="relu"), Dense(2)],
    [Flatten(), Dense(4), Flatten()],
    [Conv1D(5, 3), Dropout(0.1), Flatten()],
    [Conv1D(5, 3, padding="causal"), Dropout(0.5), Activation("relu"), Dropout(0.1)],
]


@pytest.mark.parametrize("layers", STACKS, ids=range(len(STACKS)))
@pytest.mark.parametrize("batch", [1, 2, 9])
def test_stack_has_the_bits_of_its_layers(layers: Any, batch: int) -> None:
    network = chain_of(layers)
    assert kinds(network) == "c"
    (expected,) = one_by_one(network, X[:batch])
    np.testing.assert_array_equal(network(X[:batch]), expected, strict=True)
    np.testing.assert_array_equal(network.predict(X[:batch], 2), expected, strict=True)


def residual() -> Any:
    x, z = Input(SHAPE), Input((30, 4))
    h = Conv1D(4, 1)(x)
    total = Add()([h, SeparableConv1D(4, 3, padding="same")(h), z])
    y = ReLU()(total)
    return Model([x, z], [Dropout(0.5)(y), total, GlobalMaxPooling1D()(y), h])


def test_branches_several_inputs_and_outputs() -> None:
    network = residual()
    inputs = [X, X[..., :4].copy()]
    before = [x.copy() for x in inputs]
    expected = one_by_one(network, *inputs)
    for y, other in zip(network(inputs), expected, strict=True):
        np.testing.assert_array_equal(y, other, strict=True)
    assert kinds(network, inputs) == "c"
    for x, other in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, other)


@pytest.mark.parametrize(
    ("between", "operations"), [([], 3), ([Dropout(0.5)], 4), ([Activation("linear")], 4)]
)
@pytest.mark.parametrize("is_read", [False, True])
def test_activation_of_a_sum_is_made_with_it(
    between: Any, operations: int, is_read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    chain = sepconv.core.Chain
    monkeypatch.setattr(sepconv.core, "Chain", lambda *a: (found.append(a[1]), chain(*a))[1])
    x = Input(SHAPE)
    total = Add()([Conv1D(4, 1)(x), Conv1D(4, 1)(x)])
    h = total
    for layer in copy.deepcopy(between):
        h = layer(h)
    y = ReLU(negative_slope=0.5)(h)
    network = Model(x, [y, total] if is_read else y)
    for got, expected in zip(flat(network(X)), one_by_one(network, X), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)
    assert len(found[-1]) == (4 if is_read else operations)


def test_dense_with_a_large_kernel_is_left_to_the_whole_batch() -> None:
    x = np.ones((2, 600), np.float32)
    network = Sequential([Input((600,)), Activation("tanh"), Dense(600), Dense(4), Dense(4)])
    assert kinds(network, x) == "llc"


def test_outputs_are_arrays_of_their_own() -> None:
    network = chain_of(STACKS[0])
    first, second = network(X), network(X)
    first[:] = 7
    np.testing.assert_array_equal(network(X), second)


def test_text_is_looked_up_in_the_chain() -> None:
    layers = [Input((8,), dtype="int32"), Embedding(10, 3), Conv1D(4, 3), GlobalMaxPooling1D()]
    network = Sequential(layers)
    words = np.random.default_rng(0).integers(10, size=(5, 8))
    assert kinds(network, words) == "c"
    expected = layers[3](layers[2](layers[1](words)))
    np.testing.assert_array_equal(network(words), expected, strict=True)
    with pytest.raises(ValidationError, match=r"from 0 to 9 .*got 10 at \[0, 0\]"):
        network(words + 10 - words[0, 0])


class Own(sepconv.Layer):
    """A layer of the user's own."""

    def call(self, inputs: Any) -> Any:
        return inputs + 1

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([Conv1D(5, 3), ReLU(), Own(), Conv1D(5, 3), MaxPooling1D()], "llc"),
        ([Conv1D(5, 3), MaxPooling1D(), Own(), Own(), Dense(3), Dense(2)], "cllc"),
        ([Conv1D(6, 3, groups=2), Dense(3), Dense(3)], "lc"),
        ([Dense(3), Dense(3, activity_regularizer="l2"), Dense(3)], "lll"),
        ([Dense(3, dtype="float64"), Dense(3)], "ll"),
        ([Dense(3, dtype="mixed_float16"), Dense(3, dtype="mixed_float16")], "ll"),
        ([Dropout(0.5), Dropout(0.5)], "ll"),
        ([MaxPooling1D(data_format="channels_first"), Dense(3), Dense(3)], "lc"),
        ([Dense(3), Activation("softmax"), Activation(sepconv.activations.Softmax(1))], "cl"),
    ],
)
def test_what_the_core_does_not_do_stands_between_chains(layers: Any, expected: str) -> None:
    network = chain_of(layers)
    assert kinds(network) == expected
    np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)


def test_channels_first_convolutions_are_chained() -> None:
    first = {"data_format": "channels_first"}
    convolutions = [SeparableConv1D(5, 3, **first), Conv1D(4, 3, activation="gelu", **first)]
    network = chain_of([*convolutions, ReLU()])
    assert kinds(network) == "c"
    np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)


def test_weights_that_are_set_later_count() -> None:
    network = chain_of(STACKS[1])
    network(X)
    for weight in network.weights:
        weight.assign(np.full(weight.shape, 0.3))
        np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)
    network.set_weights([np.full(w.shape, 0.2) for w in network.weights])
    np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)


def test_infinite_weights_and_what_comes_after_them() -> None:
    network = chain_of([Conv1D(4, 3, padding="same"), ReLU(), MaxPooling1D()])
    assert kinds(network) == "c"
    kernel = network.weights[0]
    finite = kernel.numpy()
    kernel.assign(np.where(np.arange(4) == 1, np.inf, finite))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)
    kernel.assign(finite)
    np.testing.assert_array_equal(network(X), one_by_one(network, X)[0], strict=True)


@pytest.mark.parametrize(
    "x", [X[:0], X.astype(np.float64), X[:, ::2][:, :20], np.asfortranarray(X), X.tolist()]
)
def test_inputs_that_a_chain_does_not_take_take_the_usual_way(x: Any) -> None:
    layers = [Conv1D(5, 3), MaxPooling1D(2), Dense(3)]
    network = Sequential([Input((None, 6)), *layers])
    network(X)
    expected = layers[2](layers[1](layers[0](x)))
    np.testing.assert_array_equal(network(x), expected, strict=True)


def test_errors_are_those_of_the_layers() -> None:
    network = Sequential([Input((None, 6)), Conv1D(5, 3), MaxPooling1D(4), Dense(3)])
    network(X)
    with pytest.raises(ValidationError, match="Computed output size would be zero"):
        network(X[:, :5])
    with pytest.raises(ValidationError, match="expected axis -1 of input shape"):
        network(X[..., :5])


def test_training_and_gradients_are_not_chained() -> None:
    network = chain_of([Conv1D(5, 3), Dropout(0.5, seed=1), Dense(3)])
    network(X)
    assert (network(X, training=True) != network(X)).any()
    y, pullback = network.vjp(X)
    np.testing.assert_array_equal(y, network(X))
    dx, _ = pullback(np.ones_like(y))
    assert dx.shape == X.shape


def test_layer_that_stands_twice_is_chained_twice() -> None:
    shared = Dense(6, activation="tanh")
    network = Sequential([Input(SHAPE), shared, shared, shared])
    assert kinds(network) == "c"
    np.testing.assert_array_equal(network(X), shared(shared(shared(X))), strict=True)
