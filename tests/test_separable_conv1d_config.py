"""SeparableConv1D: configs out, configs in, and both through Keras."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv import SeparableConv1D, registry
from sepconv.errors import ValidationError

FULL: dict[str, Any] = {
    "filters": 8,
    "kernel_size": 5,
    "strides": 2,
    "padding": "same",
    "data_format": "channels_first",
    "depth_multiplier": 2,
    "activation": "gelu",
    "use_bias": False,
    "depthwise_initializer": {"class_name": "HeNormal", "config": {"seed": 3}},
    "pointwise_initializer": {"class_name": "Constant", "config": {"value": 0.5}},
    "bias_initializer": "ones",
    "depthwise_regularizer": {"class_name": "L2", "config": {"l2": 0.25}},
    "pointwise_regularizer": {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.125}},
    "bias_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
    "activity_regularizer": {"class_name": "L2", "config": {"l2": 0.5}},
    "depthwise_constraint": {"class_name": "MaxNorm", "config": {"max_value": 3.0, "axis": 0}},
    "pointwise_constraint": "unit_norm",
    "bias_constraint": "non_neg",
    "name": "front",
    "trainable": False,
    "dtype": "mixed_bfloat16",
}
PLAIN = {"filters": 4, "kernel_size": 3, "name": "plain"}


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("arguments", [PLAIN, FULL], ids=["plain", "full"])
def test_config_is_that_of_keras(arguments: dict[str, Any]) -> None:
    ours = SeparableConv1D(**arguments).get_config()
    assert ours == keras.layers.SeparableConv1D(**arguments).get_config()


@pytest.mark.parametrize("arguments", [PLAIN, FULL], ids=["plain", "full"])
def test_config_goes_round_alone_and_through_keras(arguments: dict[str, Any]) -> None:
    config = SeparableConv1D(**arguments).get_config()
    assert SeparableConv1D.from_config(as_json(config)).get_config() == config
    theirs = keras.layers.SeparableConv1D.from_config(as_json(config))
    assert SeparableConv1D.from_config(as_json(theirs.get_config())).get_config() == config


def test_config_is_json_but_for_the_tuples_of_sizes() -> None:
    config = SeparableConv1D(**FULL).get_config()
    tuples = [key for key, value in config.items() if isinstance(value, tuple)]
    assert tuples == ["kernel_size", "strides", "dilation_rate"]
    assert as_json(config) == {k: list(v) if k in tuples else v for k, v in config.items()}


@pytest.mark.parametrize(
    "form",
    [
        "HeNormal",
        "he_normal",
        {"class_name": "HeNormal"},
        {"class_name": "he_normal", "config": {}},
        {"class_name": "HeNormal", "config": {"seed": None}},
        {"module": "keras.initializers", "class_name": "HeNormal", "config": {}},
        {"module": "anything.at.all", "class_name": "HeNormal", "registered_name": None},
    ],
    ids=str,
)
def test_nested_object_has_many_forms(form: Any) -> None:
    layer = SeparableConv1D.from_config({**PLAIN, "depthwise_initializer": form})
    assert type(layer.depthwise_initializer) is sepconv.initializers.HeNormal


@pytest.mark.parametrize(
    "dtype", ["float64", {"class_name": "DTypePolicy", "config": {"name": "float64"}}]
)
def test_dtype_is_a_name_or_a_config(dtype: Any) -> None:
    assert SeparableConv1D.from_config({**PLAIN, "dtype": dtype}).dtype == "float64"


def test_keras_2_keys_are_dropped_with_a_warning() -> None:
    old = {
        **PLAIN,
        "groups": 1,
        "batch_input_shape": [None, 10, 12],
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
        "kernel_regularizer": None,
        "kernel_constraint": None,
    }
    with pytest.warns(UserWarning, match="dropped keys of Keras 2.*groups"):
        layer = SeparableConv1D.from_config(old)
    assert layer.get_config() == SeparableConv1D(**PLAIN).get_config()


def test_dtype_in_an_initializer_is_dropped_with_a_warning() -> None:
    old = {"class_name": "HeNormal", "config": {"seed": 3, "dtype": "float32"}}
    with pytest.warns(UserWarning, match="Keras 2"):
        layer = SeparableConv1D.from_config({**PLAIN, "depthwise_initializer": old})
    assert layer.depthwise_initializer.seed == 3


def test_groups_other_than_one_would_change_the_result() -> None:
    with pytest.raises(ValidationError, match="`groups` of SeparableConv1D must be 1, got 2"):
        SeparableConv1D.from_config({**PLAIN, "groups": 2})


@pytest.mark.filterwarnings("ignore:.*Keras 2")
def test_config_that_is_read_is_never_changed() -> None:
    config = {**copy.deepcopy(FULL), "groups": 1}
    config["depthwise_initializer"]["config"]["dtype"] = "float32"
    before = copy.deepcopy(config)
    SeparableConv1D.from_config(config)
    assert config == before


def test_config_does_not_share_state_with_the_layer() -> None:
    layer = SeparableConv1D(**FULL)
    layer.get_config()["depthwise_initializer"]["config"]["seed"] = 99
    assert layer.depthwise_initializer.seed == 3


def test_unknown_key_of_a_config_is_named() -> None:
    with pytest.raises(ValidationError, match=r"Unrecognized.*'kernel': 3.*`kernel_size`"):
        SeparableConv1D.from_config({**PLAIN, "kernel": 3})


def test_lambda_cannot_be_written() -> None:
    layer = SeparableConv1D(4, 3, activation=lambda x: x)
    with pytest.raises(ValidationError, match="register"):
        layer.get_config()


def test_registered_function_goes_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "registered", {})
    monkeypatch.setattr(sepconv.activations.base, "registered", registry.registered, raising=False)

    @sepconv.register(package="test")
    def halved(x: Any) -> Any:
        return x / 2

    layer = SeparableConv1D(4, 3, activation=halved)
    config = as_json(layer.get_config())
    assert config["activation"] == {
        "module": "builtins",
        "class_name": "function",
        "config": "test>halved",
        "registered_name": "function",
    }
    again = SeparableConv1D.from_config(config)
    x = np.ones((1, 5, 2))
    again.build(x.shape)
    layer.build(x.shape)
    again.set_weights(layer.get_weights())
    assert (again(x) == layer(x)).all()


@pytest.mark.parametrize(
    "evil",
    [
        {"module": "os", "class_name": "system", "config": {"command": "true"}},
        {"class_name": "__lambda__", "config": {"value": "e30="}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"class_name": "os.system", "config": {}, "registered_name": "os.system"},
        "os.system",
    ],
    ids=str,
)
@pytest.mark.parametrize("key", ["activation", "depthwise_initializer", "bias_constraint"])
def test_config_cannot_name_code(key: str, evil: Any) -> None:
    with pytest.raises(ValidationError, match="Could not interpret"):
        SeparableConv1D.from_config({**PLAIN, key: evil})
