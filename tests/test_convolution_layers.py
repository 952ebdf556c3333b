"""Conv1D, DepthwiseConv1D and Dense beside Keras's, and what they refuse."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv.errors import ValidationError
from sepconv.layers import Conv1D, Dense, DepthwiseConv1D

UNIT = np.finfo(np.float32).eps / 2


def geometries(count: int) -> list[dict[str, Any]]:
    """Return `count` configs of Conv1D, with "steps" and "channels" of an input besides."""
    rng = np.random.default_rng(11)
    found: list[dict[str, Any]] = []
    while len(found) < count:
        groups = int(rng.choice([1, 1, 2, 5]))
        config = {
            "filters": groups * int(rng.integers(1, 9)),
            "kernel_size": int(rng.integers(1, 9)),
            "strides": int(rng.integers(1, 5)),
            "padding": str(rng.choice(["valid", "same", "causal"])),
            "dilation_rate": int(rng.integers(1, 5)),
            "groups": groups,
            "data_format": "channels_last",
            "steps": int(rng.integers(8, 40)),
            "channels": groups * int(rng.integers(1, 9)),
        }
        if rng.integers(2):
            config["strides"] = 1
        else:
            config["dilation_rate"] = 1
        if (config["kernel_size"] - 1) * config["dilation_rate"] < config["steps"]:
            found.append(config)
    return found


def assert_as_keras(ours: Any, theirs: Any, x: np.ndarray[Any, Any], depth: int) -> None:
    """Assert equal outputs but for the roundings of 2 sums of `depth` products in float32."""
    theirs.build(x.shape)
    ours.build(x.shape)
    rng = np.random.default_rng(5)
    values = [rng.standard_normal(w.shape).astype(np.float32) for w in ours.weights]
    ours.set_weights(values)
    theirs.set_weights(values)
    y, expected = ours(x), np.asarray(theirs(x))
    assert y.shape == expected.shape == ours.compute_output_shape(x.shape)
    size = np.abs(values[0]).max() * np.abs(x).max(initial=0) * depth + np.abs(values[1]).max()
    assert np.abs(y - expected).max(initial=0) <= 2 * (depth + 1) * UNIT * size


@pytest.mark.parametrize("config", geometries(24), ids=str)
def test_conv1d_of_any_geometry_is_that_of_keras(config: dict[str, Any]) -> None:
    config = dict(config)
    shape = (2, config.pop("steps"), config.pop("channels"))
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    depth = config["kernel_size"] * shape[2] // config["groups"]
    assert_as_keras(Conv1D(**config), keras.layers.Conv1D(**config), x, depth)
    first = Conv1D(**{**config, "data_format": "channels_first"})
    last = Conv1D(**config)
    for layer in (first, last):
        layer.build((2, shape[2], shape[1]) if layer is first else shape)
        layer.set_weights([np.full(w.shape, 0.3) for w in layer.weights])
    turned = first(np.ascontiguousarray(x.transpose(0, 2, 1))).transpose(0, 2, 1)
    np.testing.assert_array_equal(turned, last(x))


@pytest.mark.parametrize("config", geometries(14), ids=str)
def test_depthwise_conv1d_of_any_geometry_is_that_of_keras(config: dict[str, Any]) -> None:
    names = ("kernel_size", "strides", "dilation_rate", "data_format")
    given = {name: config[name] for name in names}
    padding = "valid" if config["padding"] == "valid" else "same"
    given |= {"depth_multiplier": config["groups"], "padding": padding}
    shape = (2, config["steps"], config["channels"])
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    ours, theirs = DepthwiseConv1D(**given), keras.layers.DepthwiseConv1D(**given)
    assert_as_keras(ours, theirs, x, config["kernel_size"])


@pytest.mark.parametrize("shape", [(1, 3), (32, 64), (2, 5, 7), (2, 3, 4, 5), (0, 4), (2, 0, 4)])
def test_dense_of_any_rank_is_that_of_keras(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    assert_as_keras(Dense(12), keras.layers.Dense(12), x, shape[-1])


@pytest.mark.parametrize("make", [
    lambda **more: Conv1D(6, 3, groups=2, **more),
    lambda **more: Conv1D(6, 3, **more),
    lambda **more: DepthwiseConv1D(3, **more),
    lambda **more: Dense(5, **more),
])  # fmt: skip
@pytest.mark.parametrize("activation", [None, "tanh", "softmax"])
def test_out_is_filled_and_returned(make: Any, activation: str | None) -> None:
    layer = make(activation=activation)
    x = np.random.default_rng(2).standard_normal((2, 9, 4)).astype(np.float32)
    expected = layer(x)
    out = np.full_like(expected, np.nan)
    assert layer(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    with pytest.raises(ValueError, match="out"):
        layer(x, out=out[:, :-1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv1D(4, 3, strides=2, dilation_rate=2), "not supported in conjunction"),
        (lambda: DepthwiseConv1D(3, 2, dilation_rate=2), "not supported in conjunction"),
        (lambda: Conv1D(4, 3, groups=3), r"filters must be evenly divisible by the number of gr"),
        (lambda: Conv1D(4, 3, groups=0), "Invalid value for argument `groups`"),
        (lambda: Conv1D(4, 3, padding="full"), '`padding` must be "valid" or "same" or "causal"'),
        (lambda: DepthwiseConv1D(3, padding="causal"), '`padding` must be "valid" or "same"'),
        (lambda: DepthwiseConv1D(3, depth_multiplier=0), "argument `depth_multiplier`"),
        (lambda: Dense(0), "Invalid value for argument `units`"),
        (lambda: Dense(4, lora_rank=2), "`lora_rank=2` is not supported; leave it out"),
        (lambda: Dense(4, quantization_config={}), "`quantization_config={}` is not supported"),
        (
            lambda: Conv1D(4, 3, kernel_regularizer="orthogonal_regularizer"),
            "`kernel_regularizer` cannot be OrthogonalRegularizer",
        ),
        (lambda: Conv1D(4, 3, groups=2).build((None, 9, 3)), "input channels must be evenly div"),
        (lambda: Conv1D(4, 3).build((None, 9, None)), "number of input channels .* must be known"),
        (lambda: Conv1D(4, 3).build((None, 2, 3)), "output size would be zero or negative"),
        (lambda: Dense(4).build((None, None)), "last size of the input .* must be known"),
        (lambda: Dense(4).build((3,)), "expected min_ndim=2, found ndim=1"),
        (lambda: Dense(4)(np.zeros(3)), "expected min_ndim=2, found ndim=1"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()


def test_orthogonal_regularizer_suits_the_kernel_of_dense() -> None:
    layer = Dense(4, kernel_regularizer="orthogonal_regularizer")
    layer(np.ones((2, 3)))
    assert len(layer.losses) == 1


def test_causal_outputs_see_no_later_step() -> None:
    layer = Conv1D(4, 3, dilation_rate=2, padding="causal")
    x = np.random.default_rng(3).standard_normal((1, 20, 5)).astype(np.float32)
    before = layer(x)
    x[:, 11:] = 7
    after = layer(x)
    np.testing.assert_array_equal(after[:, :11], before[:, :11])
    assert (after[:, 11:] != before[:, 11:]).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv1D(48, 9, strides=2, activation="tanh"),
        lambda: Conv1D(48, 9, groups=4, data_format="channels_first", activation="relu"),
        lambda: DepthwiseConv1D(9, padding="same", activation="relu"),
        lambda: Dense(64),
    ],
)
def test_threads_do_not_change_a_bit_of_gradients(make: Any) -> None:
    layer, before = make(), sepconv.get_num_threads()
    x = np.random.default_rng(5).standard_normal((8, 64, 64)).astype(np.float32)
    found = set()
    try:
        for threads in (1, 2, 3, 8):
            sepconv.set_num_threads(threads)
            y, pullback = layer.vjp(x)
            dx, gradients = pullback(np.cos(y))
            arrays = [y, dx, *(gradients[weight] for weight in layer.weights)]
            found.add(b"".join(array.tobytes() for array in arrays))
    finally:
        sepconv.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.parametrize("name", ["SeparableConv1D", "DepthwiseConv1D", "Conv1D", "Dense"])
def test_nan_is_not_above_the_threshold_of_relu_as_in_keras(name: str) -> None:
    config = {"activation": "relu"} | {
        "SeparableConv1D": {"filters": 2, "kernel_size": 1},
        "DepthwiseConv1D": {"kernel_size": 1},
        "Conv1D": {"filters": 2, "kernel_size": 1},
        "Dense": {"units": 2},
    }[name]
    x = np.ones((1, 4, 2), np.float32)
    x[0, 1] = np.nan
    ours, theirs = (getattr(of.layers, name)(**config) for of in (sepconv, keras))
    ours.build(x.shape)
    theirs.build(x.shape)
    weights = [np.abs(weight) for weight in ours.get_weights()]  # y is above 0 but where it is NaN
    ours.set_weights(weights)
    y, pullback = ours.vjp(x, training=True)
    dx, gradients = pullback(np.ones_like(y))
    _, pull = jax.vjp(lambda x, w: theirs.stateless_call(w, [], x)[0], x, weights)
    expected_dx, expected = pull(np.ones_like(y))
    assert np.isfinite(dx).all()
    np.testing.assert_allclose(dx, expected_dx, rtol=10 * UNIT)
    np.testing.assert_allclose(gradients[ours.bias], expected[-1], rtol=10 * UNIT)


@pytest.mark.parametrize("make", [
    lambda: Conv1D(4, 3, padding="same"), lambda: DepthwiseConv1D(3, padding="same"),
    lambda: Dense(4),
])  # fmt: skip
def test_empty_batches_have_gradients_of_zero(make: Any) -> None:
    layer = make()
    y, pullback = layer.vjp(np.zeros((0, 5, 6)))
    dx, gradients = pullback(np.zeros(y.shape))
    assert dx.shape == (0, 5, 6)
    for weight in layer.weights:
        assert gradients[weight].shape == weight.shape
        assert not gradients[weight].any()


def test_small_network_of_a_file_computes() -> None:
    model = sepconv.Sequential(
        [sepconv.Input((98, 40)), sepconv.Conv1D(16, 10, strides=2, activation="relu"),
         sepconv.DepthwiseConv1D(9, padding="same"), sepconv.GlobalAveragePooling1D(),
         sepconv.Dense(12, activation="softmax")]
    )  # fmt: skip
    y = model.predict(np.random.default_rng(0).random((3, 98, 40)))
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=12 * UNIT)
