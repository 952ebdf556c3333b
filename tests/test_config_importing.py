"""`sepconv import`: what real Keras writes, as short YAML that says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import keras
import pytest

from sepconv import config, models
from sepconv.cli import main
from sepconv.config.importing import Imported, from_keras
from sepconv.config.loading import build
from sepconv.errors import ConfigError

L = keras.layers.SeparableConv1D
LAYERS: list[dict[str, Any]] = [
    {},
    {"name": "front", "strides": 2, "padding": "same", "use_bias": False},
    {"dilation_rate": 3, "depth_multiplier": 2, "data_format": "channels_first"},
    {"activation": "gelu", "trainable": False, "dtype": "float64"},
    {"activation": keras.activations.leaky_relu, "dtype": "mixed_bfloat16"},
    {"bias_initializer": keras.initializers.Constant(2.0), "depthwise_initializer": "he_normal"},
    {"pointwise_initializer": keras.initializers.VarianceScaling(2.0, "fan_out", "uniform", 3)},
    {"depthwise_regularizer": "l2", "bias_regularizer": keras.regularizers.L1L2(0.1, 0.2)},
    {"pointwise_constraint": keras.constraints.MaxNorm(3, axis=1), "bias_constraint": "non_neg"},
]


def imported(contents: str | dict[str, Any]) -> Imported:
    text = contents if isinstance(contents, str) else json.dumps(contents)
    return from_keras(text.encode(), "model.json")


def in_keras(yaml: str) -> Any:
    """Return what Keras makes of our reading of `yaml`."""
    return keras.saving.deserialize_keras_object(models.serialize(build(yaml.encode(), "a.yaml")))


@pytest.mark.parametrize("arguments", LAYERS, ids=lambda arguments: "-".join(arguments))
def test_layer_of_keras_comes_back_equal(arguments: dict[str, Any]) -> None:
    layer = L(8, 5, **arguments)
    found = imported(keras.saving.serialize_keras_object(layer))
    assert found.notes == ()
    assert in_keras(found.yaml).get_config() == layer.get_config()


def test_network_of_keras_comes_back_equal() -> None:
    layers = [L(8, 5, **arguments) for arguments in LAYERS if "data_format" not in arguments]
    network = keras.Sequential([keras.Input((98, 40)), *layers], name="kws")
    found = imported(network.to_json())
    again = in_keras(found.yaml)
    assert again.name == "kws"
    assert again.input_shape == network.input_shape
    ours = [layer.get_config() for layer in again.layers]
    assert ours == [layer.get_config() for layer in network.layers]


def test_nested_and_compiled_network_comes_back_equal() -> None:
    inner = keras.Sequential([L(4, 3, name="deep")], name="inner")
    network = keras.Sequential([keras.Input((20, 3)), inner, L(2, 3, name="last")])
    network.compile("sgd", "mse")
    found = imported(network.to_json())
    assert [note.message for note in found.notes] == [
        "`compile_config` is no part of a config and dropped"
    ] * len(found.notes)
    again = in_keras(found.yaml)
    assert [layer.name for layer in again.layers] == ["inner", "last"]
    assert again.layers[0].layers[0].get_config() == inner.layers[0].get_config()


def test_short_form_leaves_out_what_is_a_default() -> None:
    network = keras.Sequential([keras.Input((98, 40)), L(8, 5, name="separable_conv1d")], name="a")
    assert imported(network.to_json()).yaml == (
        "Sequential:\n"
        "  name: a\n"
        "  input_shape: [98, 40]\n"
        "  layers:\n"
        "    - SeparableConv1D: {filters: 8, kernel_size: 5, data_format: channels_last}\n"
    )


def keras_2_layer(**more: Any) -> dict[str, Any]:
    """Return a layer as TensorFlow 2.15 with Keras 2 wrote it."""
    glorot = {"class_name": "GlorotUniform", "config": {"seed": None}}
    arguments = {
        "name": "separable_conv1d", "trainable": True, "dtype": "float32", "filters": 8,
        "kernel_size": [3], "strides": [1], "padding": "valid", "data_format": "channels_last",
        "dilation_rate": [1], "groups": 1, "activation": "relu", "use_bias": True,
        "kernel_initializer": glorot, "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
        "kernel_constraint": None, "bias_constraint": None, "depth_multiplier": 1,
        "depthwise_initializer": glorot, "pointwise_initializer": glorot,
        "depthwise_regularizer": {"class_name": "L2", "config": {"l2": 0.5}},
        "pointwise_regularizer": None, "depthwise_constraint": None, "pointwise_constraint": None,
    }  # fmt: skip
    return {"class_name": "SeparableConv1D", "config": {**arguments, **more}}


def keras_2_network(*layers: dict[str, Any]) -> dict[str, Any]:
    network = {"name": "kws", "layers": list(layers)}
    versions = {"keras_version": "2.15.0", "backend": "tensorflow"}
    return {"class_name": "Sequential", "config": network, **versions}


KERAS_2_INPUT = {
    "class_name": "InputLayer",
    "config": {"batch_input_shape": [None, 98, 40], "dtype": "float32", "sparse": False,
               "ragged": False, "name": "input_1"},
}  # fmt: skip


@pytest.mark.parametrize(
    "layers",
    [
        [KERAS_2_INPUT, keras_2_layer()],
        [keras_2_layer(batch_input_shape=[None, 98, 40])],
        [KERAS_2_INPUT, keras_2_layer(batch_input_shape=[None, 98, 40])],
    ],
)
def test_network_of_keras_2_keeps_its_input(layers: list[dict[str, Any]]) -> None:
    found = imported(keras_2_network(*layers))
    assert found.yaml == (
        "Sequential:\n"
        "  name: kws\n"
        "  input_shape: [98, 40]\n"
        "  layers:\n"
        "    - SeparableConv1D:\n"
        "        filters: 8\n"
        "        kernel_size: 3\n"
        "        data_format: channels_last\n"
        "        activation: relu\n"
        "        depthwise_regularizer: {L2: {l2: 0.5}}\n"
    )
    told = " ".join(note.message for note in found.notes)
    for dropped in ("keras_version", "backend", "groups", "kernel_initializer"):
        assert f"`{dropped}`" in told


def test_groups_that_would_change_the_result_are_refused() -> None:
    with pytest.raises(ConfigError, match="`groups` of SeparableConv1D must be 1, got 2"):
        imported(keras_2_network(keras_2_layer(groups=2)))


def test_missing_layers_are_listed_in_one_error() -> None:
    none_of_ours = keras.layers.GroupNormalization(1), keras.layers.RandomFlip()
    inner = keras.Sequential([keras.Input((20, 4)), none_of_ours[0]], name="inner")
    network = keras.Sequential([keras.Input((20, 3)), L(4, 1), inner, none_of_ours[1]])
    config = keras.saving.serialize_keras_object(network)
    with pytest.raises(ConfigError) as caught:
        imported(config)
    told = str(caught.value)
    assert told.startswith("model.json has 2 layers that this version of sepconv cannot build: ")
    assert re.search(
        r"`GroupNormalization` at model.json:1:\d+ \(config.layers\[2\].config.layers\[1\]\)", told
    )
    assert re.search(r"`RandomFlip` at model.json:1:\d+ \(config.layers\[3\]\)", told)
    assert "; it builds " in told


@pytest.mark.parametrize("text", ["", "[]", "{}", "3", "{", '{"class_name": 3}', '{"config": {}}'])
def test_what_is_no_layer_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        imported(text)


def test_command_writes_the_file_and_tells_what_was_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "model.json", tmp_path / "model.yaml"
    source.write_text(json.dumps(keras_2_network(KERAS_2_INPUT, keras_2_layer())))
    assert main(["import", str(source), "--output", str(target)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "note: `groups` of SeparableConv1D is from Keras 2 and dropped" in shown.err
    assert config.load(target).name == "kws"
    assert main(["import", str(source)]) == 0
    assert capsys.readouterr().out == target.read_text()


def test_command_reads_json_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "model.keras"]) == 2
    message = capsys.readouterr().err
    assert "model.to_json()" in message
    assert "sepconv convert" in message
    assert main(["import", str(tmp_path / "nowhere.json")]) == 2
