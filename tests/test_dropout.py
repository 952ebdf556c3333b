"""Dropout, SpatialDropout1D: what is dropped, how often, and when again."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import Dropout, Sequential, SpatialDropout1D
from sepconv.errors import ValidationError
from sepconv.layers import Input

X = np.random.default_rng(0).normal(5, 1, (6, 200, 8)).astype(np.float32)


def sequence(layer: Any, calls: int = 3) -> list[bytes]:
    return [layer(X, training=True).tobytes() for _ in range(calls)]


@pytest.mark.parametrize("layer", [Dropout(0.5), SpatialDropout1D(0.5)], ids=["all", "spatial"])
def test_inference_is_the_identity(layer: Any) -> None:
    assert layer(X).tobytes() == X.tobytes()
    assert layer(X, training=False).tobytes() == X.tobytes()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_values_are_dropped_at_the_rate_and_the_others_grow(rate: float) -> None:
    y = Dropout(rate, seed=1)(X, training=True)
    kept = y != 0
    assert (y[kept] == (X / np.float32(1 - rate))[kept]).all()
    # Six standard deviations of a mean of that many draws: once in 10**9 seeds.
    spread = 6 * np.sqrt(rate * (1 - rate) / X.size)
    assert abs((1 - kept.mean()) - rate) <= spread


def test_draws_are_independent_along_each_axis() -> None:
    dropped = Dropout(0.5, seed=2)(X, training=True) == 0
    for axis in range(3):
        a, b = np.split(np.take(dropped, range(dropped.shape[axis] // 2 * 2), axis), 2, axis)
        assert abs((a == b).mean() - 0.5) <= 6 * np.sqrt(0.25 / a.size)


def test_rate_0_drops_nothing_and_rate_1_all() -> None:
    assert Dropout(0)(X, training=True).tobytes() == X.tobytes()
    assert not Dropout(1)(X, training=True).any()


def test_dropped_values_may_be_anything() -> None:
    x = np.full((1000,), np.inf)
    y = Dropout(0.5, seed=3)(x, training=True)
    assert set(y.tolist()) == {0.0, np.inf}


def test_every_training_call_differs_and_a_seed_repeats_the_sequence() -> None:
    first = sequence(Dropout(0.5, seed=7))
    assert len(set(first)) == 3
    assert sequence(Dropout(0.5, seed=7)) == first
    assert sequence(Dropout(0.5, seed=8)) != first


def test_without_a_seed_each_layer_has_a_sequence_of_its_own() -> None:
    assert sequence(Dropout(0.5)) != sequence(Dropout(0.5))
    assert Dropout(0.5).get_config()["seed"] is None


def test_inference_does_not_move_the_sequence() -> None:
    layer = Dropout(0.5, seed=7)
    first = sequence(layer, 1)
    layer(X)
    assert first + sequence(layer, 1) == sequence(Dropout(0.5, seed=7), 2)


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copy_goes_on_where_the_layer_is(copied: Any, seed: int | None) -> None:
    layer = Dropout(0.5, seed=seed)
    sequence(layer, 2)
    assert sequence(copied(layer)) == sequence(layer)


def test_calls_at_once_draw_each_of_the_sequence_once() -> None:
    layer = Dropout(0.5, seed=7)
    drawn: list[bytes] = []
    threads = [threading.Thread(target=lambda: drawn.extend(sequence(layer, 5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drawn) == sorted(sequence(Dropout(0.5, seed=7), 20))


@pytest.mark.parametrize("cls", [Dropout, SpatialDropout1D])
def test_gradient_passes_where_values_did(cls: Any) -> None:
    y, pullback = cls(0.5, seed=1).vjp(X, training=True)
    dx, grads = pullback(np.ones(X.shape))
    assert grads == {}
    assert (dx == np.where(y == 0, 0.0, 2.0)).all()
    assert pullback(np.ones(X.shape), input_gradient=False)[0] is None


# --- what is dropped together --------------------------------------------------------------------


def same_along(y: NDArray[Any], axis: int) -> bool:
    zero = y == 0
    return bool((zero == np.take(zero, [0], axis)).all())


def test_noise_shape_is_broadcast() -> None:
    y = Dropout(0.5, noise_shape=(None, 1, 8), seed=1)(X, training=True)
    assert same_along(y, 1)
    assert not same_along(y, 0)
    assert not same_along(y, 2)


def test_spatial_dropout_drops_channels_of_a_sample() -> None:
    y = SpatialDropout1D(0.5, seed=1)(X, training=True)
    assert same_along(y, 1)
    assert not same_along(y, 0)
    assert not same_along(y, 2)


@pytest.mark.parametrize("noise_shape", [(6, 200), (6, 3, 8), (1, 6, 200, 8)])
def test_noise_shape_that_does_not_fit_is_refused(noise_shape: Any) -> None:
    with pytest.raises(ValidationError, match="does not broadcast over inputs"):
        Dropout(0.5, noise_shape=noise_shape)(X, training=True)


def test_network_hands_training_down() -> None:
    network = Sequential([Input((200, 8)), Dropout(0.5, seed=1)])
    assert network(X).tobytes() == X.tobytes()
    assert network(X, training=True).tobytes() == Dropout(0.5, seed=1)(X, training=True).tobytes()


# --- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 1.5},
        {"rate": -0.1},
        {"rate": 0.5, "noise_shape": 3},
        {"rate": 0.5, "noise_shape": (None, 0)},
        {"rate": 0.5, "noise_shape": (None, -3)},
    ],
    ids=str,
)
def test_bad_argument_has_the_words_of_keras(arguments: Any) -> None:
    with pytest.raises(ValueError) as told:
        keras.layers.Dropout(**arguments)
    with pytest.raises(ValidationError) as refused:
        Dropout(**arguments)
    assert str(refused.value) == str(told.value)


@pytest.mark.parametrize("rate", ["x", None, float("nan"), True])
def test_rate_must_be_a_number(rate: Any) -> None:
    with pytest.raises(ValidationError, match="between 0 and 1"):
        Dropout(rate)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "x", True])
def test_seed_must_be_a_seed(seed: Any) -> None:
    with pytest.raises(ValidationError, match="`seed` must be an integer"):
        Dropout(0.5, seed=seed)


def test_spatial_dropout_keeps_its_policy_in_its_config() -> None:
    """Keras writes the weights' dtype there, and loses a mixed policy."""
    config = SpatialDropout1D(0.5, dtype="mixed_float16").get_config()
    assert config == {"rate": 0.5, "seed": None, "name": "spatial_dropout1d",
                      "dtype": "mixed_float16"}  # fmt: skip
    again = keras.layers.SpatialDropout1D.from_config(config)
    assert again.compute_dtype == "float16"
