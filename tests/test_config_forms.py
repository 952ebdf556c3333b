"""Short form, long form and anything between declare the same objects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import sepconv
from sepconv import config
from sepconv.config.loading import build, text
from sepconv.errors import ConfigError

ROOT = Path(__file__).parent.parent
CONFIGS = sorted(path for path in ROOT.glob("configs/*") if path.suffix in (".yaml", ".json"))


def load(document: str, name: str = "a.yaml") -> Any:
    return build(document.encode(), name)


def layer(*lines: str) -> Any:
    body = "".join(f"  {line}\n" for line in ("filters: 4", "kernel_size: 3", *lines))
    return load(f"SeparableConv1D:\n{body}")


@pytest.mark.parametrize(
    "form",
    [
        "he_normal",
        "HeNormal",
        "{HeNormal: {}}",
        "{he_normal: }",
        "{class_name: HeNormal}",
        "{class_name: he_normal, config: {}}",
        "{class_name: HeNormal, config: {seed: null}}",
        "{module: keras.initializers, class_name: HeNormal, config: {}, registered_name: null}",
        "{module: os, class_name: HeNormal, config: {}}",  # a module is never looked at
        "{x-why: because, HeNormal: {x-more: 1}}",
    ],
)
def test_every_form_of_an_object_declares_the_same(form: str) -> None:
    made = layer(f"depthwise_initializer: {form}").get_config()
    plain = sepconv.SeparableConv1D(4, 3, depthwise_initializer="he_normal").get_config()
    assert made == plain


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("activation: {LeakyReLU: {}}", {"negative_slope": 0.3}),
        ("activation: leaky_relu", {"negative_slope": 0.2}),
        ("activation: {class_name: Activation, config: {activation: elu}}", {"alpha": 1.0}),
        ("activation: {celu: {alpha: 2}}", {"alpha": 2}),
    ],
)
def test_activation_keeps_its_parameters(given: str, kept: dict[str, float]) -> None:
    assert layer(given).activation.get_config() == kept


def test_custom_object_is_found_by_its_registered_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from sepconv import registry

    monkeypatch.setitem(registry.registered, "mine>twice", lambda x: 2 * x)
    assert layer("activation: mine>twice").activation(np.ones(1)) == 2


# --- defaults ------------------------------------------------------------------------------------

DEFAULTS = """
defaults:
  SeparableConv1D:
    kernel_size: 5
    padding: same
    depthwise_initializer: {RandomNormal: {mean: 0.5, stddev: 2}}
Sequential:
  layers:
    - SeparableConv1D: {filters: 4}
    - SeparableConv1D: {filters: 4, kernel_size: 3, padding: valid}
    - SeparableConv1D: {filters: 4, depthwise_initializer: {RandomNormal: {mean: 1}}}
    - SeparableConv1D: {filters: 4, depthwise_initializer: {class_name: random_normal, config: {}}}
    - SeparableConv1D: {filters: 4, depthwise_initializer: {RandomUniform: {minval: -1}}}
    - SeparableConv1D: {filters: 4, depthwise_initializer: zeros}
    - Sequential: {layers: [{SeparableConv1D: {filters: 4}}]}
"""


def test_defaults_stand_between_the_class_and_the_layer() -> None:
    layers = load(DEFAULTS).layers
    assert [x.kernel_size for x in layers[:3]] == [(5,), (3,), (5,)]
    assert [x.padding for x in layers[:3]] == ["same", "valid", "same"]
    assert layers[0].strides == (1,)


def test_object_of_the_same_class_is_merged_and_of_another_replaced() -> None:
    configs = [x.depthwise_initializer.get_config() for x in load(DEFAULTS).layers[:6]]
    assert [(c.get("mean"), c.get("stddev")) for c in configs] == [
        (0.5, 2),
        (0.5, 2),
        (1, 2),  # merged
        (0.5, 2),  # merged, although its class is spelt in another way
        (None, None),  # replaced
        (None, None),
    ]
    assert configs[4]["minval"] == -1


def test_defaults_reach_layers_within_layers() -> None:
    assert load(DEFAULTS).layers[6].layers[0].kernel_size == (5,)


def test_defaults_can_give_a_required_argument() -> None:
    made = load("defaults: {SeparableConv1D: {kernel_size: 3}}\nSeparableConv1D: {filters: 4}\n")
    assert made.kernel_size == (3,)


# --- Keras ---------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable("example")
class Smoother(keras.initializers.Initializer):
    """What configs/custom_objects.py has, for Keras."""

    def __init__(self, width: float) -> None:
        self.width = width

    def get_config(self) -> dict[str, float]:
        return {"width": self.width}


@keras.saving.register_keras_serializable("example")
def square(x: Any) -> Any:
    return x * x


def expanded(path: Path) -> str:
    """Return what `sepconv expand` prints."""
    options = ["--register", str(ROOT / "configs" / "custom_objects.py")]
    command = [sys.executable, "-m", "sepconv", "expand", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_expanded_config_is_read_by_keras_and_comes_back_equal(path: Path, tmp_path: Path) -> None:
    written = expanded(path)
    theirs = keras.saving.deserialize_keras_object(json.loads(written))
    back = tmp_path / "keras.json"
    back.write_text(json.dumps(keras.saving.serialize_keras_object(theirs)))
    assert without_idle(expanded(back)) == without_idle(written)


def without_idle(text: str) -> Any:
    """Return a config without what Keras records of calls that were given nothing."""
    return json.loads(
        text, object_hook=lambda o: {k: v for k, v in o.items() if (k, v) != ("training", False)}
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"strides": 2, "padding": "same", "activation": "gelu", "use_bias": False},
        {"depthwise_initializer": keras.initializers.RandomNormal(stddev=0.1, seed=3)},
        {"pointwise_regularizer": keras.regularizers.L1L2(0.1, 0.2), "dtype": "mixed_float16"},
        {"depthwise_constraint": keras.constraints.MinMaxNorm(0.5, 2.0, axis=[0, 1])},
        {"activation": keras.layers.LeakyReLU(negative_slope=0.4)},
    ],
    ids=lambda arguments: "-".join(arguments) or "plain",
)
def test_config_that_keras_wrote_is_read(arguments: dict[str, Any]) -> None:
    theirs = keras.layers.SeparableConv1D(4, 3, name="a", **arguments)
    written = json.dumps(keras.saving.serialize_keras_object(theirs))
    ours = load(written, "keras.json")
    assert config.validate(written.encode(), "keras.yaml").findings == ()
    x = np.random.default_rng(0).standard_normal((2, 10, 12)).astype("float32")
    theirs.build(x.shape)
    ours.build(x.shape)
    ours.set_weights([np.asarray(w) for w in theirs.get_weights()])
    half = arguments.get("dtype") == "mixed_float16"
    np.testing.assert_allclose(
        np.asarray(ours(x), "float32"),
        np.asarray(theirs(x), "float32"),
        rtol=2e-2 if half else 1e-5,
        atol=2e-2 if half else 1e-5,
    )


# --- writing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ({}, ""),
        ({"strides": 2}, "  strides: 2\n"),
        ({"depthwise_initializer": "he_normal"}, "  depthwise_initializer: HeNormal\n"),
        ({"name": "no"}, '  name: "no"\n'),
        ({"name": "1e-3"}, '  name: "1e-3"\n'),
        ({"name": "a: b"}, '  name: "a: b"\n'),
        ({"name": "é"}, '  name: "\\u00e9"\n'),
        ({"dtype": "float32"}, ""),
        ({"dtype": "float64"}, "  dtype: float64\n"),
        (
            {"bias_regularizer": {"class_name": "L2", "config": {"l2": 1e-5}}},
            "  bias_regularizer: {L2: {l2: 1.0e-05}}\n",
        ),
        (
            {"activation": {"class_name": "LeakyReLU", "config": {}}},
            "  activation: {LeakyReLU: {}}\n",
        ),
    ],
)
def test_dump_writes_what_is_no_default(arguments: dict[str, Any], written: str) -> None:
    made = sepconv.SeparableConv1D(4, 3, data_format="channels_last", **arguments)
    head, *lines = text(made, as_json=False).splitlines(keepends=True)
    assert head == "SeparableConv1D:\n"
    kept = ("  filters: 4\n", "  kernel_size: 3\n", "  data_format: channels_last\n")
    assert "".join(line for line in lines if line not in kept) == written


def test_names_a_network_gives_are_not_written() -> None:
    three = [sepconv.SeparableConv1D(4, 3, name=name) for name in (None, "x", None)]
    written = text(sepconv.Sequential([sepconv.Input((20, 4)), *three], name="n"), as_json=False)
    assert written.count("name:") == 2  # the network's and x
    assert [x.name for x in load(written).layers] == [
        "separable_conv1d",
        "x",
        "separable_conv1d_1",
    ]


def test_dump_of_what_cannot_be_read_back_writes_nothing(tmp_path: Path) -> None:
    made = sepconv.SeparableConv1D(4, 3, activation=np.tanh)
    with pytest.raises(ValueError, match="cannot be written to a config"):
        config.dump(made, tmp_path / "a.yaml")
    assert list(tmp_path.iterdir()) == []


def test_dump_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("old")
    config.dump(sepconv.SeparableConv1D(4, 3), path)
    assert config.load(path).filters == 4
    assert list(tmp_path.iterdir()) == [path]


def test_load_takes_weights(tmp_path: Path) -> None:
    path, weights = tmp_path / "a.yaml", tmp_path / "w.npz"
    model = sepconv.Sequential([sepconv.Input((9, 4)), sepconv.SeparableConv1D(4, 3)])
    config.dump(model, path)
    model.save_weights(weights)
    again = config.load(path, weights=weights)
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_load_of_several_documents_is_refused() -> None:
    one = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"
    with pytest.raises(ConfigError, match="2 documents; one can be loaded"):
        load(f"{one}---\n{one}")
