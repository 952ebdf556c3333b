"""serialize and deserialize: every kind of object, in Keras's form, both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv import SeparableConv1D, Sequential, saving
from sepconv.dtypes import DTypePolicy
from sepconv.errors import ValidationError

OBJECTS: dict[str, Any] = {
    "layer": lambda m: m.layers.SeparableConv1D(4, 3, activation="relu", name="front"),
    "network": lambda m: m.Sequential(
        [m.Input((10, 6), name="x"), m.layers.SeparableConv1D(4, 3, name="front")], name="net"
    ),
    "input": lambda m: m.layers.InputLayer((10, 6), name="x"),
    "initializer": lambda m: m.initializers.HeNormal(seed=3),
    "regularizer": lambda m: m.regularizers.L2(0.5),
    "constraint": lambda m: m.constraints.MaxNorm(3.0),
    "none": lambda m: None,
}


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("kind", OBJECTS)
def test_form_is_that_of_keras(kind: str) -> None:
    ours = as_json(saving.serialize(OBJECTS[kind](sepconv)))
    theirs = as_json(keras.saving.serialize_keras_object(OBJECTS[kind](keras)))
    for config in (ours, theirs):
        if kind == "network":
            config.pop("build_config", None)
            config.pop("compile_config", None)
    assert ours == theirs


@pytest.mark.parametrize("kind", OBJECTS)
def test_keras_reads_what_is_written_and_the_other_way_round(kind: str) -> None:
    config = as_json(saving.serialize(OBJECTS[kind](sepconv)))
    theirs = keras.saving.deserialize_keras_object(as_json(config))
    again = saving.deserialize(as_json(keras.saving.serialize_keras_object(theirs)))
    assert as_json(saving.serialize(again)) == config


def test_built_layer_comes_back_built() -> None:
    layer = SeparableConv1D(4, 3)
    layer.build((None, 10, 6))
    config = as_json(saving.serialize(layer))
    assert config["build_config"] == {"input_shape": [None, 10, 6]}
    assert saving.deserialize(config).built
    assert keras.saving.deserialize_keras_object(config).built


def test_activation_and_policy_go_round() -> None:
    celu = sepconv.activations.Celu(0.25)
    assert saving.deserialize(saving.serialize(celu)) == celu
    policy = DTypePolicy("mixed_float16")
    assert saving.deserialize(saving.serialize(policy)) == policy


def test_activation_that_keras_keeps_in_a_layer_comes_back_as_that_layer() -> None:
    config = saving.serialize(sepconv.activations.LeakyRelu(0.25))
    assert type(keras.saving.deserialize_keras_object(config)) is keras.layers.LeakyReLU
    layer = saving.deserialize(config)
    assert type(layer) is sepconv.layers.LeakyReLU
    assert layer.negative_slope == 0.25
    assert sepconv.activations.get(config) == sepconv.activations.LeakyRelu(0.25)


@pytest.mark.parametrize("bad", [3, "SeparableConv1D", [1], object(), {"a": 1}, {"class_name": 3}])
def test_what_is_no_config_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="class_name"):
        saving.deserialize(bad)


def test_config_that_is_nested_too_deeply_is_refused() -> None:
    config = saving.serialize(SeparableConv1D(4, 3))
    for _ in range(2000):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [config]}}
    with pytest.raises(ValidationError, match="networks are nested deeper than 16 levels"):
        saving.deserialize(config)


def test_unknown_class_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match=r"'SeparableConv1d'.*did you mean `SeparableConv1D`"):
        saving.deserialize({"class_name": "SeparableConv1d", "config": {}})


@pytest.mark.parametrize("bad", [3, object(), len, np.zeros(3)])
def test_what_is_no_object_of_ours_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="is no layer, initializer"):
        saving.serialize(bad)


@pytest.mark.parametrize(
    "evil",
    [
        {"module": "os", "class_name": "system", "config": "true", "registered_name": None},
        {"module": "builtins", "class_name": "exec", "config": {}, "registered_name": "exec"},
        {"class_name": "__lambda__", "config": {"value": "4wAAAAA="}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "float32"}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}},
        {"module": "keras.src.utils", "class_name": "get_file", "config": {"origin": "http://x"}},
    ],
    ids=lambda config: config["class_name"],
)
def test_config_names_no_code(evil: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        saving.deserialize(evil)
    nested = saving.serialize(Sequential([SeparableConv1D(4, 3)]))
    nested["config"]["layers"].append(evil)
    with pytest.raises(ValidationError, match=r"layers\[1\]"):
        saving.deserialize(nested)


def test_loading_a_config_imports_nothing_and_opens_nothing() -> None:
    code = """
import sys, json
import sepconv.saving
config = sepconv.saving.serialize(sepconv.Sequential([sepconv.SeparableConv1D(4, 3)]))
config["config"]["layers"][0]["module"] = "antigravity"
modules = set(sys.modules)
def hook(event, args):
    if event in ("import", "open", "exec", "compile", "os.system", "socket.connect"):
        raise SystemExit(f"{event} {args}")
sys.addaudithook(hook)
sepconv.saving.deserialize(config)
sys.exit(len(set(sys.modules) - modules))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_own_classes_go_round(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sepconv.registry.registered if n.startswith("test>")]:
        monkeypatch.delitem(sepconv.registry.registered, name)

    @sepconv.register(package="test")
    class Double(sepconv.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    try:
        config = as_json(saving.serialize(Sequential([Double(name="twice")])))
        assert config["config"]["layers"][0]["registered_name"] == "test>Double"
        assert (saving.deserialize(config)([[1.0]]) == 2).all()
    finally:
        sepconv.registry.registered.pop("test>Double")
