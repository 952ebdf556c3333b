"""BatchNormalization, LayerNormalization, Normalization, Rescaling: what the harness cannot say."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import BatchNormalization, LayerNormalization, Normalization, Rescaling, Sequential
from sepconv.errors import InputTypeError, ValidationError
from sepconv.layers import Input
from sepconv.layers.moments import by_channel, moments

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (8, 50, 6))


# --- statistics of the batch ---------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("shape", [(3, 5, 4), (70, 600, 3), (7, 2), (2, 3, 4, 5)], ids=str)
def test_moments_are_those_of_each_channel(shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(1).normal(5, 1, shape)
    over = tuple(n for n in range(x.ndim) if n != axis % x.ndim)
    mean, variance = moments(by_channel(x, axis))
    count = x.size // x.shape[axis]
    assert np.abs(mean - x.mean(over)).max() <= 2 * count * 2.0**-53 * np.abs(x).max()
    assert np.allclose(variance, x.var(over), rtol=2 * count * 2.0**-53)


@given(mean=st.floats(-1e4, 1e4), seed=st.integers(0, 999))
def test_large_mean_costs_no_digits_of_the_variance(mean: float, seed: int) -> None:
    x = np.float32(np.random.default_rng(seed).normal(mean, 1.0, (4, 64, 3)))
    _, variance = moments(by_channel(x, -1))
    exact = x.astype(np.float64).var((0, 1))
    # Sums of n = 256 terms: of deviations from a mean that may itself be n*u off.
    u = 2.0**-24
    assert (np.abs(variance - exact) <= 2 * 256 * u * (exact + (256 * u * mean) ** 2)).all()


def test_float64_is_computed_in_float64() -> None:
    layer = BatchNormalization(dtype="float64", epsilon=1e-9)
    y = layer(X, training=True)
    expected = (X - X.mean((0, 1))) / np.sqrt(X.var((0, 1)) + 1e-9)
    assert np.abs(y - expected).max() <= 2 * X[..., 0].size * 2.0**-53 * np.abs(expected).max()
    assert np.abs(LayerNormalization(dtype="float64")(X).mean(-1)).max() < 1e-14


# --- training and inference ----------------------------------------------------------------------


def test_moving_statistics_go_towards_the_batchs_as_in_keras() -> None:
    ours, theirs = BatchNormalization(momentum=0.8), keras.layers.BatchNormalization(momentum=0.8)
    for seed in range(5):
        x = np.random.default_rng(seed).normal(seed, 1 + seed, (4, 9, 3)).astype(np.float32)
        y, expected = ours(x, training=True), np.asarray(theirs(x, training=True))
        assert np.abs(y - expected).max() <= 100 * 2.0**-24 * np.abs(expected).max()
    for weight, other in zip(ours.weights, theirs.weights, strict=True):
        assert np.allclose(weight.value, np.asarray(other), rtol=100 * 2.0**-24)


def test_inference_moves_nothing_and_uses_what_was_moved() -> None:
    layer = BatchNormalization(momentum=0.0, epsilon=0.0)
    layer(X, training=True)
    before = layer.get_weights()
    y = layer(X)
    assert all((a == b).all() for a, b in zip(before, layer.get_weights(), strict=True))
    assert np.abs(y - layer(X, training=True)).max() < 1e-4


def test_frozen_layer_runs_in_inference_mode() -> None:
    layer = BatchNormalization()
    layer.build(X.shape)
    layer.trainable = False
    before = layer.get_weights()
    assert layer(X, training=True).tobytes() == layer(X).tobytes()
    assert all((a == b).all() for a, b in zip(before, layer.get_weights(), strict=True))
    _, pullback = layer.vjp(X, training=True)
    assert pullback(np.ones(X.shape))[1] == {}


def test_vjp_moves_the_statistics_once() -> None:
    layer, twin = BatchNormalization(momentum=0.5), BatchNormalization(momentum=0.5)
    _, pullback = layer.vjp(X, training=True)
    pullback(np.ones(X.shape))
    pullback(np.ones(X.shape))
    twin(X, training=True)
    assert layer.moving_mean.value.tobytes() == twin.moving_mean.value.tobytes()


def test_empty_batch_moves_nothing() -> None:
    layer = BatchNormalization()
    assert layer(np.zeros((0, 4, 3)), training=True).shape == (0, 4, 3)
    assert [w.value.tolist() for w in layer.non_trainable_weights] == [[0.0] * 3, [1.0] * 3]


def test_network_hands_training_down() -> None:
    network = Sequential([Input((50, 6)), BatchNormalization()])
    network(X)
    assert not network.layers[0].moving_mean.value.any()
    network(X, training=True)
    assert network.layers[0].moving_mean.value.all()


def test_16_bit_sums_do_not_overflow() -> None:
    x = np.full((4, 100, 2), 1000.0) + np.arange(4)[:, None, None] * 8
    y = BatchNormalization(dtype="float16")(x, training=True)
    assert np.isfinite(y).all()
    assert abs(float(y.mean())) < 1e-2


def test_calls_at_once_see_statistics_of_one_step() -> None:
    layer = BatchNormalization(momentum=0.0, epsilon=0.0, scale=False, center=False)
    layer.build((None, 2))
    seen: list[NDArray[Any]] = []
    stop = threading.Event()

    def infer() -> None:
        while not stop.is_set():
            seen.append(layer(np.array([[5.0, 5.0]])))

    reader = threading.Thread(target=infer)
    layer(np.array([[1.0, 1.0], [3.0, 3.0]]), training=True)  # mean 2, deviation 1: 5 -> 3
    reader.start()
    for _ in range(200):
        layer(np.array([[4.0, 4.0], [8.0, 8.0]]), training=True)  # mean 6, deviation 2: 5 -> -0.5
        layer(np.array([[1.0, 1.0], [3.0, 3.0]]), training=True)
    stop.set()
    reader.join()
    assert {float(value) for y in seen for value in y.ravel()} <= {3.0, -0.5}


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization"])
def test_axis_out_of_bounds_has_the_words_of_keras(name: str) -> None:
    ours = {"BatchNormalization": BatchNormalization, "LayerNormalization": LayerNormalization}
    with pytest.raises(ValueError) as told:
        getattr(keras.layers, name)(axis=3).compute_output_shape((2, 3, 4))
    for act in ("compute_output_shape", "build"):
        with pytest.raises(ValidationError) as refused:
            getattr(ours[name](axis=3), act)((2, 3, 4))
        assert str(refused.value) == str(told.value)


@pytest.mark.parametrize(
    ("cls", "arguments", "told"),
    [
        (BatchNormalization, {"renorm": True}, "`renorm=True` is not supported"),
        (BatchNormalization, {"synchronized": True}, "`synchronized=True` is not supported"),
        (BatchNormalization, {"renorm_clipping": {}}, "`renorm_clipping={}` is not supported"),
        (BatchNormalization, {"momentum": 1.5}, "`momentum` must be at most 1"),
        (BatchNormalization, {"epsilon": -1}, "`epsilon` must be at least 0"),
        (BatchNormalization, {"axis": 1.5}, "`axis` must be an integer"),
        (LayerNormalization, {"axis": "x"}, "`axis` must be an integer"),
        (LayerNormalization, {"rms_scaling": True}, "`rms_scaling=True` is not supported"),
    ],
)
def test_bad_argument_fails_at_construction(cls: Any, arguments: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        cls(**arguments)


def test_open_channels_cannot_be_built() -> None:
    with pytest.raises(ValidationError, match="must be known to build it"):
        BatchNormalization().build((None, 10, None))


def test_axis_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="each axis once"):
        LayerNormalization(axis=[1, -2])(X)


def test_other_channels_are_refused_once_built() -> None:
    layer = BatchNormalization()
    layer(X)
    with pytest.raises(ValidationError, match="expected axis -1 of input shape to have value 6"):
        layer(X[..., :5])


# --- Normalization -------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, None, (1, 2), 1])
@pytest.mark.parametrize("of", ["array", "batches", "pairs"])
def test_adapt_finds_what_keras_finds(axis: Any, of: str) -> None:
    x = X.astype(np.float32)
    batches = [x[:3], x[3:4], x[4:]]
    data: Any = {"array": x, "batches": batches, "pairs": ((b, 0) for b in batches)}[of]
    ours, theirs = Normalization(axis=axis), keras.layers.Normalization(axis=axis)
    ours.adapt(data)
    theirs.adapt(x)
    for weight, other in zip(ours.weights, theirs.weights, strict=True):
        assert np.allclose(weight.value, np.asarray(other), rtol=400 * 2.0**-24)
    expected = np.asarray(theirs(x))
    assert np.abs(ours(x) - expected).max() <= 400 * 2.0**-24 * np.abs(expected).max()


def test_adapted_layer_goes_through_files_and_copies(tmp_path: Path) -> None:
    layer = Normalization()
    layer.adapt(X)
    for suffix in ("npz", "safetensors"):
        twin = Normalization()
        twin.build(X.shape)
        layer.save_weights(tmp_path / f"w.{suffix}")
        twin.load_weights(tmp_path / f"w.{suffix}")
        assert twin(X).tobytes() == layer(X).tobytes()
        assert twin.count.value.dtype == np.int32
    assert pickle.loads(pickle.dumps(layer))(X).tobytes() == layer(X).tobytes()


def test_inverse_brings_inputs_back() -> None:
    given = {"mean": 2.0, "variance": 9.0, "dtype": "float64"}
    back = Normalization(invert=True, **given)(Normalization(**given)(X))
    assert np.abs(back - X).max() <= 8 * 2.0**-53 * np.abs(X).max()


def test_constant_data_divides_by_the_least_deviation() -> None:
    layer = Normalization()
    layer.adapt(np.full((4, 2), 3.0))
    assert (layer(np.full((1, 2), 3.0)) == 0).all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"mean": 1.0}, "both `mean` and `variance` must be set"),
        ({"mean": [1.0], "variance": 1.0}, "must have the same shape"),
        ({"mean": [[1.0]], "variance": [[1.0]]}, "The rank of `mean` must be less than or equal"),
    ],
)
def test_given_moments_that_do_not_suit_have_the_words_of_keras(arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        keras.layers.Normalization(**arguments)
    with pytest.raises(ValidationError, match=told):
        Normalization(**arguments)


def test_given_moments_must_suit_the_inputs() -> None:
    layer = Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])
    with pytest.raises(ValidationError, match=r"cannot be broadcast to the sizes \(6,\)"):
        layer(X)
    with pytest.raises(ValidationError, match="in the range"):
        Normalization(axis=3)(X)
    with pytest.raises(ValidationError, match="must have a known shape"):
        Normalization().build((None, 3, None))


def test_adapt_refuses_what_it_cannot_learn_from() -> None:
    with pytest.raises(ValidationError, match="empty iterable"):
        Normalization().adapt([])
    with pytest.raises(InputTypeError, match="Unsupported data type"):
        Normalization().adapt(3)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match=r"`\.shape` attribute"):
        Normalization().adapt([[1.0, 2.0]])
    with pytest.raises(ValidationError, match="were given"):
        Normalization(mean=1.0, variance=1.0).adapt(X)
    layer = Normalization()
    layer.adapt(X)
    with pytest.raises(ValidationError, match="incompatible shape"):
        layer.adapt(X[..., :3])


# --- Rescaling -----------------------------------------------------------------------------------


def test_rescaling_must_broadcast_over_its_inputs() -> None:
    with pytest.raises(ValidationError, match=r"`scale` of shape \(5,\) does not broadcast"):
        Rescaling(np.ones(5))(X)
    with pytest.raises(ValidationError, match=r"`offset` of shape \(1, 1, 1, 1\)"):
        Rescaling(1.0, np.ones((1, 1, 1, 1)))(X)


def test_rescaling_takes_ints() -> None:
    assert Rescaling(1 / 255)(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]
