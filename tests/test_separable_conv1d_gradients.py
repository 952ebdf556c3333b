"""SeparableConv1D's gradients against those that JAX finds for Keras's layer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import pytest
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import SeparableConv1D
from sepconv.arrays import compute_dtype, float_dtype
from sepconv.regularizers import Regularizer

SHAPE = (3, 25, 6)


def keras_gradients(
    config: dict[str, Any], weights: list[NDArray[Any]], x: NDArray[Any], dy: NDArray[Any]
) -> list[NDArray[Any]]:
    """Return JAX's gradients of sum(dy * y), plus the activity penalty, by x and the weights."""
    layer = keras.layers.SeparableConv1D(**config)
    layer.build(x.shape)

    def loss(x: Any, weights: list[Any]) -> Any:
        y, _ = layer.stateless_call(weights, [], x)
        penalty = layer.activity_regularizer
        return (y * dy).sum() + (0 if penalty is None else penalty(y) / len(x))

    by_x, by_weights = jax.jit(jax.grad(loss, argnums=(0, 1)))(x, weights)
    return [np.asarray(by_x), *map(np.asarray, by_weights)]


def compare(
    config: dict[str, Any],
    shape: tuple[int, ...] = SHAPE,
    keras_config: dict[str, Any] | None = None,
) -> None:
    """Assert Keras's gradients; 16-bit layers have those of float32 for rounded weights and x."""
    layer = SeparableConv1D(**config)
    layer.build(shape)
    narrow = np.dtype(float_dtype(layer.compute_dtype))
    wide = compute_dtype(narrow)
    rng = np.random.default_rng(1)

    def draw(shape: tuple[int, ...]) -> NDArray[Any]:
        return rng.standard_normal(shape).astype(narrow).astype(wide)

    x, weights = draw(shape), [draw(w.shape) / 2 for w in layer.weights]
    layer.set_weights(weights)
    y, pullback = layer.vjp(x.astype(narrow))
    np.testing.assert_array_equal(y, layer(x.astype(narrow)))
    dy = rng.standard_normal(y.shape).astype(wide)
    dx, gradients = pullback(dy)
    assert list(gradients) == layer.trainable_weights
    expected = keras_gradients({**(keras_config or config), "dtype": wide.name}, weights, x, dy)
    for ours, theirs in zip([dx, *gradients.values()], expected, strict=True):
        assert ours.dtype == wide
        assert ours.shape == theirs.shape
        # sums of at most a few hundred terms, in another order
        bound = 300 * float(np.finfo(wide).eps) * max(float(np.abs(theirs).max()), 1)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)


GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"strides": 2},
    {"strides": 3, "padding": "same"},
    {"dilation_rate": 4, "padding": "same"},
    {"depth_multiplier": 3},
    {"use_bias": False},
    {"kernel_size": 13, "padding": "same", "filters": 70},
]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_gradients_are_those_of_keras(geometry: dict[str, Any], data_format: str) -> None:
    config = {"filters": 5, "kernel_size": 4, "data_format": data_format, **geometry}
    shape = SHAPE if data_format == "channels_last" else (3, 6, 25)
    if data_format == "channels_first" and "strides" not in geometry:
        config["activation"] = "relu"
    compare(config, shape)


@pytest.mark.parametrize("activation", ["relu", "relu6", "gelu", "softmax", None])
def test_gradients_go_through_the_activation(activation: str | None) -> None:
    compare({"filters": 5, "kernel_size": 3, "padding": "same", "activation": activation})


def test_gradients_of_relu_are_zero_where_it_is() -> None:
    layer = SeparableConv1D(2, 1, activation="relu", bias_initializer="zeros")
    layer.build((1, 3, 1))
    layer.set_weights([np.ones((1, 1, 1)), np.array([[[1.0, -1.0]]]), np.zeros(2)])
    _, pullback = layer.vjp([[[-1.0], [0.0], [2.0]]])
    dx, gradients = pullback(np.ones((1, 3, 2)))
    np.testing.assert_array_equal(dx[0, :, 0], [-1, 0, 1])
    np.testing.assert_array_equal(gradients[layer.bias], [1, 1])


class Squares(Regularizer):
    """The sum of squares, as Keras's L2(1.0)."""

    def __call__(self, x: NDArray[Any]) -> Any:
        return np.sum(x * x)

    def gradient(self, x: NDArray[Any]) -> NDArray[Any]:
        return 2 * x


def test_gradients_include_the_activity_penalty() -> None:
    config = {"filters": 5, "kernel_size": 3, "activation": "relu"}
    compare(
        {**config, "activity_regularizer": Squares()},
        keras_config={**config, "activity_regularizer": keras.regularizers.L2(1.0)},
    )


def test_gradients_in_float64() -> None:
    compare({"filters": 5, "kernel_size": 3, "dtype": "float64", "activation": "relu"})


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16"])
def test_gradients_of_16_bit_layers_are_float32s(dtype: str, activation: str) -> None:
    compare({"filters": 5, "kernel_size": 3, "dtype": dtype, "activation": activation})


def test_gradients_of_untrained_weights_are_left_out() -> None:
    layer = SeparableConv1D(2, 3)
    x = np.ones((1, 5, 2))
    layer.build(x.shape)
    layer.pointwise_kernel.trainable = False
    y, pullback = layer.vjp(x)
    dx, gradients = pullback(np.ones_like(y))
    assert list(gradients) == [layer.depthwise_kernel, layer.bias]
    layer.trainable = False
    dx, gradients = layer.vjp(x)[1](np.ones_like(y))
    assert gradients == {}
    assert dx.shape == x.shape


def test_gradient_by_the_inputs_can_be_left_out() -> None:
    layer = SeparableConv1D(2, 3, activation="relu")
    y, pullback = layer.vjp(np.ones((1, 5, 2)))
    dx, gradients = pullback(np.ones_like(y), input_gradient=False)
    assert dx is None
    assert len(gradients) == 3


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_pullback_keeps_the_weights_of_its_call(activation: str) -> None:
    layer = SeparableConv1D(2, 3, activation=activation)
    x = np.random.default_rng(0).random((2, 9, 3))
    y, pullback = layer.vjp(x)
    dx, gradients = pullback(np.ones_like(y))
    layer.set_weights([w * 0 for w in layer.get_weights()])
    again, same = pullback(np.ones_like(y))
    np.testing.assert_array_equal(again, dx)
    for variable, gradient in gradients.items():
        np.testing.assert_array_equal(same[variable], gradient)


def test_gradients_from_many_threads_are_the_same() -> None:
    layer = SeparableConv1D(33, 5, activation="relu", padding="same")
    x = np.random.default_rng(0).random((4, 60, 20), np.float32)
    layer(x)

    def step(_: int) -> bytes:
        y, pullback = layer.vjp(x)
        dx, gradients = pullback(y)
        return b"".join(a.tobytes() for a in (dx, *gradients.values()))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(step, range(40)))) == 1


def test_gradients_of_an_input_that_is_too_short_are_refused() -> None:
    with pytest.raises(ValueError, match="output size would be zero or negative"):
        SeparableConv1D(2, 3).vjp(np.ones((1, 2, 2)))


def test_gradients_of_a_function_without_one_say_so() -> None:
    layer = SeparableConv1D(2, 3, activation=lambda x: x)
    with pytest.raises(NotImplementedError, match="has no gradient"):
        layer.vjp(np.ones((1, 5, 2)))
