"""Activations as layers: Keras's refusals, PReLU's axes, and the same names inside `activation`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv import Input, activations, layers, saving
from sepconv.errors import ValidationError


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("ReLU", {"max_value": -1.0}),
        ("ReLU", {"negative_slope": -1.0}),
        ("ReLU", {"negative_slope": None}),
        ("ReLU", {"threshold": -0.5}),
        ("ReLU", {"threshold": None}),
        ("LeakyReLU", {"negative_slope": -0.1}),
        ("LeakyReLU", {"negative_slope": None}),
        ("Activation", {"activation": "nope"}),
    ],
)
def test_refusal_is_worded_as_in_keras(name: str, config: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as theirs:
        getattr(keras.layers, name)(**config)
    with pytest.raises(ValidationError) as error:
        getattr(layers, name)(**config)
    assert str(error.value).startswith(str(theirs.value))


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("ReLU", {"max_value": "6"}, "`max_value` must be a finite number, got '6' (str)"),
        ("ReLU", {"negative_slope": True}, "`negative_slope` must be a finite number, got True"),
        ("ELU", {"alpha": None}, "`alpha` must be a finite number, got None"),
        ("Softmax", {"axis": 0.5}, "`axis` must be an integer from -64 to 63, got 0.5"),
        ("Softmax", {"axis": [1, 1]}, "`axis` names an axis twice: [1, 1]"),
        ("PReLU", {"shared_axes": 0}, "`shared_axes` must be an integer from 1 to 63, got 0"),
        ("PReLU", {"shared_axes": [-1]}, "`shared_axes` must be an integer from 1 to 63, got -1"),
        ("PReLU", {"alpha_initializer": "Zero"}, "did you mean `zero`?"),
    ],
)
def test_bad_argument_is_refused_at_construction(
    name: str, config: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as error:
        getattr(layers, name)(**config)
    assert told in str(error.value)


def test_activation_must_be_given() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'activation'"):
        layers.Activation()


def test_alpha_of_leaky_relu_is_read_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="Use `negative_slope` instead"):
        layer = layers.LeakyReLU(alpha=0.1)
    assert layer.negative_slope == 0.1


@pytest.mark.filterwarnings("ignore")
def test_leaky_relu_refuses_both_names_of_its_slope() -> None:
    with pytest.raises(ValidationError, match="pass one of the two, got alpha="):
        layers.LeakyReLU(alpha=0.1, negative_slope=0)


def test_axis_that_the_inputs_lack_is_refused_before_a_call() -> None:
    with pytest.raises(ValidationError, match="`axis` of softmax is 3, but its input has 3 dim"):
        layers.Softmax(axis=3)(Input((20, 8)))


# --- values --------------------------------------------------------------------------------------


def test_layer_keeps_a_callable_and_its_dtype() -> None:
    layer = layers.Activation(lambda x: np.asarray(x, np.float64) * 2)
    y = layer([[1.0, 2.0]])
    assert (y.dtype, y.tolist()) == (np.float32, [[2, 4]])
    with pytest.raises(NotImplementedError, match=r"define.*`vjp\(self, x\)`"):
        layer.vjp([[1.0]])


def test_activation_that_changes_the_shape_tells_it() -> None:
    layer = layers.Activation("glu")
    assert layer.compute_output_shape((None, 10, 6)) == (None, 10, 3)
    assert layer(np.ones((2, 10, 6))).shape == (2, 10, 3)
    dx, _ = layer.vjp(np.ones((2, 10, 6)))[1](np.ones((2, 10, 3)))
    assert dx.shape == (2, 10, 6)


def test_infinities_and_nan() -> None:
    x = np.array([[-np.inf, np.inf, np.nan]], np.float32)
    prelu = layers.PReLU(alpha_initializer="ones")
    np.testing.assert_array_equal(prelu(x), x)
    _, pullback = prelu.vjp(x)
    np.testing.assert_array_equal(pullback(np.ones((1, 3)))[0], [[1, 1, np.nan]])
    np.testing.assert_array_equal(layers.ReLU()(x), [[0, np.inf, np.nan]])


# --- PReLU ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared_axes", "shape"),
    [(None, (10, 6)), (1, (1, 6)), ([2], (10, 1)), ((1, 2), (1, 1)), ([], (10, 6))],
)
def test_alpha_has_one_number_along_shared_axes(shared_axes: Any, shape: tuple[int, ...]) -> None:
    layer = layers.PReLU(shared_axes=shared_axes)
    layer.build((None, 10, 6))
    assert layer.alpha.shape == shape


def test_shared_time_may_be_open_and_vary() -> None:
    layer = layers.PReLU(alpha_initializer="ones", shared_axes=[1])
    layer.build((None, None, 3))
    for steps in (2, 5):
        assert layer(np.ones((1, steps, 3))).shape == (1, steps, 3)
    with pytest.raises(ValidationError, match="expected axis 2 of input shape to have value 3"):
        layer(np.ones((1, 2, 4)))


def test_open_axis_names_the_way_out() -> None:
    with pytest.raises(ValidationError) as error:
        layers.PReLU(name="p").build((None, None, 3))
    assert str(error.value) == (
        "axis 1 of the input of layer 'p' must be known to build it, got shape (None, None, 3); "
        "or share alpha along it: `shared_axes=[1]`"
    )


def test_shared_axis_outside_the_input_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"the axes 0 to 2: shape \(2, 3, 4\)"):
        layers.PReLU(shared_axes=3).build((2, 3, 4))


def test_gradient_by_alpha_is_the_sum_over_what_it_is_shared_by() -> None:
    layer = layers.PReLU(shared_axes=[1])
    x = np.array([[[-1.0, 2.0], [-3.0, -4.0]], [[0.0, -5.0], [-6.0, 7.0]]])
    dy = np.ones_like(x)
    _, pullback = layer.vjp(x)
    _, gradients = pullback(dy)
    assert gradients[layer.alpha].tolist() == [[-10, -9]]


# --- the same names inside `activation` ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "config", "kind"),
    [
        ("ReLU", {"max_value": 3.0}, activations.Relu),
        ("LeakyReLU", {}, activations.LeakyRelu),
        ("ELU", {"alpha": 2.0}, activations.Elu),
        ("Softmax", {"axis": [1, 2]}, activations.Softmax),
    ],
)
def test_name_is_a_layer_in_a_network_and_an_activation_in_a_layer(
    name: str, config: dict[str, Any], kind: type[activations.Activation], tmp_path: Path
) -> None:
    declared = {"class_name": name, "config": config}
    conv = sepconv.SeparableConv1D(4, 3, activation=declared)
    assert type(conv.activation) is kind
    assert type(saving.deserialize(declared)) is getattr(layers, name)
    alone = layers.registry.get(declared)
    assert alone is not None
    x = np.random.default_rng(0).normal(0, 2, (2, 10, 4)).astype(np.float32)
    assert conv.activation(x).tobytes() == alone(x).tobytes()
    file = tmp_path / "network.yaml"
    file.write_text(f"Sequential: {{layers: [{{{name}: {json.dumps(config)}}}]}}")
    network = sepconv.load(file)
    assert network(x).tobytes() == alone(x).tobytes()


def test_layer_object_is_no_activation() -> None:
    with pytest.raises(ValidationError, match="Could not interpret activation function"):
        sepconv.SeparableConv1D(4, 3, activation=layers.ReLU())
