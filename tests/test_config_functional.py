"""Functional networks in configs: what Keras writes, as short YAML and back; paths; costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from sepconv import models
from sepconv.config.importing import from_keras
from sepconv.config.loading import build
from sepconv.errors import ConfigError, ValidationError

L = keras.layers.SeparableConv1D


def chain() -> Any:
    x = keras.Input((20, 8), name="x")
    return keras.Model(x, L(4, 3, name="b")(L(8, 3, name="a")(x)), name="net")


def branches() -> Any:
    x, z = keras.Input((None, 8), name="x"), keras.Input((20, 3), dtype="float64", name="z")
    a, b = L(4, 3, name="a")(x), L(4, 3, name="b")(z)
    return keras.Model([x, z], {"second": b, "first": a})


def shared() -> Any:
    x, y = keras.Input((20, 8), name="x"), keras.Input((20, 8), name="y")
    encoder, head = L(8, 3, name="encoder"), L(2, 3, name="head")
    return keras.Model([x, y], [head(encoder(encoder(x))), encoder(y)])


def nested() -> Any:
    h = keras.Input((None, 8), name="h")
    inner = keras.Model(h, [L(8, 3, name="a")(h), L(5, 3, name="b")(h)], name="inner")
    x = keras.Input((20, 8), name="x")
    first, second = inner(x)
    third, _ = inner(first)
    return keras.Model(x, [L(4, 3, name="c")(second), third])


def in_a_sequential() -> Any:
    inner = chain()
    return keras.Sequential([keras.Input((20, 8)), inner, L(2, 3, name="last")], name="outer")


NETWORKS = [chain, branches, shared, nested, in_a_sequential]


def imported(network: Any) -> str:
    raw = json.dumps(keras.saving.serialize_keras_object(network)).encode()
    return from_keras(raw, "model.json").yaml


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_network_of_keras_computes_the_same(make: Callable[[], Any]) -> None:
    network = make()
    ours = build(imported(network).encode(), "net.yaml")
    ours.set_weights(network.get_weights())
    rng = np.random.default_rng(0)
    x = [rng.random((2, *[size or 30 for size in t.shape[1:]])) for t in network.inputs]
    given = x if len(x) > 1 else x[0]
    theirs = network(given)
    for one, other in zip(keras.tree.flatten(theirs), keras.tree.flatten(ours(given)), strict=True):
        np.testing.assert_allclose(other, np.asarray(one), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_expanded_network_is_keras_s(make: Callable[[], Any]) -> None:
    network = make()
    ours = build(imported(network).encode(), "net.yaml")
    again = keras.saving.deserialize_keras_object(models.serialize(ours))
    assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]
    assert again.input_shape == network.input_shape
    assert keras.tree.flatten(again.output_shape) == keras.tree.flatten(network.output_shape)


def test_short_form_leaves_out_the_layer_above() -> None:
    assert imported(chain()) == (
        "Functional:\n"
        "  name: net\n"
        "  inputs: {x: {shape: [20, 8]}}\n"
        "  layers:\n"
        "    a:\n"
        "      SeparableConv1D: {filters: 8, kernel_size: 3, data_format: channels_last}\n"
        "    b:\n"
        "      SeparableConv1D: {filters: 4, kernel_size: 3, data_format: channels_last}\n"
        "  outputs: b\n"
    )


def test_short_form_names_calls_and_outputs() -> None:
    assert 'from: [[x], [encoder/0], ["y"]]' in imported(shared())
    assert "outputs: [head, encoder/2]" in imported(shared())
    assert "from: inner/0/1" in imported(nested())
    assert "outputs: [c, inner/1/0]" in imported(nested())


def test_keras_2_s_network_is_read() -> None:
    def layer(name: str, source: str) -> dict[str, Any]:
        return {
            "class_name": "SeparableConv1D",
            "config": {"name": name, "filters": 8, "kernel_size": [3]},
            "name": name,
            "inbound_nodes": [[[source, 0, 0, {}]]],
        }

    x = {
        "class_name": "InputLayer",
        "config": {"batch_input_shape": [None, 20, 8], "dtype": "float32", "sparse": False,
                   "ragged": False, "name": "input_1"},
        "name": "input_1",
        "inbound_nodes": [],
    }  # fmt: skip
    network = {
        "class_name": "Functional",
        "config": {
            "name": "model",
            "trainable": True,
            "layers": [x, layer("a", "input_1"), layer("b", "a")],
            "input_layers": [["input_1", 0, 0]],
            "output_layers": [["b", 0, 0]],
        },
        "keras_version": "2.15.0",
        "backend": "tensorflow",
    }
    ours = build(from_keras(json.dumps(network).encode(), "model.json").yaml.encode(), "a.yaml")
    assert [layer.name for layer in ours.layers] == ["input_1", "a", "b"]
    assert ours(np.ones((2, 20, 8))).shape == (2, 16, 8)


# --- --set ---------------------------------------------------------------------------------------

TEXT = """\
Functional:
  inputs: {x: {shape: [20, 8]}}
  layers:
    a: {SeparableConv1D: {filters: 8, kernel_size: 3}}
    b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}
  outputs: [a, b]
"""


@pytest.mark.parametrize(
    ("override", "shapes"),
    [
        ("a.filters=5", [(None, 18, 5), (None, 18, 4)]),
        ("layers.b.filters=5", [(None, 18, 8), (None, 18, 5)]),
        ("Functional.layers.a.padding=same", [(None, 20, 8), (None, 18, 4)]),
        ("inputs.x.shape=[null, 2]", [(None, None, 8), (None, None, 4)]),
        ("x.shape=[9, 2]", [(None, 7, 8), (None, 7, 4)]),
        ("b.from=a", [(None, 18, 8), (None, 16, 4)]),
        ("outputs=[b, a]", [(None, 18, 4), (None, 18, 8)]),
    ],
)
def test_set_reaches_layers_inputs_and_the_graph(override: str, shapes: list[Any]) -> None:
    assert build(TEXT.encode(), "net.yaml", [override]).output_shape == shapes


def test_set_names_the_nearest_layer() -> None:
    with pytest.raises(ValidationError, match="there are x, a, b"):
        build(TEXT.encode(), "net.yaml", ["layers.encoder.filters=3"])


def test_set_is_checked_as_the_file_is() -> None:
    with pytest.raises(ConfigError, match="SC330"):
        build(TEXT.encode(), "net.yaml", ["b.from=c"])
