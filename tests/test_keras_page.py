"""docs/keras.md line by line: what sepconv does where it differs from Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv import activations, constraints, initializers, regularizers
from sepconv.errors import ValidationError

SEED_GENERATOR = {"class_name": "SeedGenerator", "config": {"seed": 1}}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sepconv.SeparableConv1D(4, 3, 2, dilation_rate=2), "not supported in conjunction"),
        (lambda: sepconv.SeparableConv1D(3, 4, 3, 2), "did you mean `dilation_rate=2`"),
        (lambda: sepconv.SeparableConv1D(True, 3), "strictly positive integer"),
        (lambda: sepconv.SeparableConv1D(4, 3.0), "of type float"),
        (lambda: sepconv.SeparableConv1D(4, {3}), "of type set"),
        (lambda: sepconv.SeparableConv1D(2**31, 3), "at most 2147483647"),
        (lambda: sepconv.SeparableConv1D(4, 3, trainable=1), "must be True or False"),
        (
            lambda: sepconv.SeparableConv1D(4, 3, pointwise_regularizer="orthogonal_regularizer"),
            "takes tensors of rank 2",
        ),
        (lambda: sepconv.SeparableConv1D(4, 3)(np.ones((1, 2, 5))), "zero or negative"),
        (lambda: activations.get("threshold"), "missing a required argument"),
        (lambda: activations.Relu(max_value=6, threshold=-1), "threshold"),
        (lambda: activations.get({"class_name": "celu", "config": {"alpha": 0}}), "alpha"),
        (lambda: activations.get({"class_name": "squareplus", "config": {"b": -1}}), "at least 0"),
        (lambda: initializers.HeNormal(seed=SEED_GENERATOR), "seed"),
        (lambda: initializers.Constant(np.ones(3))((2, 3)), r"\(3,\)"),
        (lambda: initializers.get({"class_name": "STFT", "config": {"window": "x"}}), "window"),
        (lambda: constraints.MinMaxNorm(min_value=2, max_value=1), "max_value"),
        (
            lambda: initializers.get({"class_name": "Zeros", "registered_name": "no>Zeros"}),
            "no>Zeros",
        ),
        (lambda: sepconv.SeparableConv1D(4, 3, activation=abs).get_config(), "register it first"),
        (
            lambda: sepconv.Sequential([sepconv.SeparableConv1D(4, 3), sepconv.Input((9, 5))]),
            "Input must be the first",
        ),
    ],
)
def test_sepconv_refuses(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        call()


def test_argument_is_fixed_at_construction() -> None:
    layer = sepconv.SeparableConv1D(4, 3)
    with pytest.raises(AttributeError, match="`filters` of SeparableConv1D is fixed"):
        layer.filters = 5


def test_bias_of_no_initializer_is_zero() -> None:
    layer = sepconv.SeparableConv1D(4, 3, bias_initializer=None)
    layer.build((None, 9, 5))
    assert not layer.get_weights()[2].any()
    assert layer.get_config()["bias_initializer"]["class_name"] == "Zeros"


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_ints_and_bools_are_cast(dtype: str) -> None:
    layer = sepconv.SeparableConv1D(4, 3)
    x = np.random.default_rng(0).integers(0, 2, (2, 9, 5)).astype(dtype)
    np.testing.assert_array_equal(layer(x), layer(x.astype("float32")))


def test_no_steps_give_no_steps() -> None:
    assert sepconv.SeparableConv1D(4, 3, padding="same")(np.ones((2, 0, 5))).shape == (2, 0, 4)


def test_parameters_of_an_activation_are_honoured() -> None:
    relu = activations.get({"class_name": "relu", "config": {"negative_slope": 0.25}})
    assert relu(np.float32([-4])) == [-1]


def test_limits_at_infinity() -> None:
    for name in ("gelu", "silu", "mish", "hard_silu", "squareplus"):
        assert activations.get(name)(np.float32([-np.inf])) == [0]
    np.testing.assert_array_equal(activations.softsign(np.float32([-np.inf, np.inf])), [-1, 1])


def test_glu_halves_the_last_axis() -> None:
    layer = sepconv.SeparableConv1D(4, 3, activation="glu")
    assert layer.compute_output_shape((2, 9, 5)) == (2, 7, 2)


def test_gain_and_factors_stay_as_given() -> None:
    assert initializers.Identity(gain=3).get_config()["gain"] == 3
    assert regularizers.L1(0.1).get_config() == {"l1": 0.1}


def test_norms_of_float16_weights_do_not_overflow() -> None:
    weights = np.full((4, 1), 300, np.float16)  # 300**2 is no float16
    np.testing.assert_allclose(constraints.UnitNorm()(weights), 0.5, rtol=1e-3)


def test_activity_of_float16_does_not_overflow() -> None:
    layer = sepconv.SeparableConv1D(
        4, 1, dtype="float16", activity_regularizer="l2", depthwise_initializer="ones"
    )
    layer(np.full((1, 50, 64), 100, "float16"))
    assert np.isfinite(layer.losses[0])


def test_default_name_is_not_counted_up() -> None:
    names = [sepconv.SeparableConv1D(4, 3).name for _ in range(2)]
    assert names == ["separable_conv1d"] * 2
