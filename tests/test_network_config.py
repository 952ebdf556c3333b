"""Configs of networks: Keras reads ours, we read Keras's, and nothing hostile gets far."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from network_cases import GRAPHS, SEPCONV, Build, as_json, inputs_for, said, twins

from sepconv import Model, Sequential, models
from sepconv.errors import ValidationError
from sepconv.layers.structure import flat

every_graph = pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)


def same(ours: Any, theirs: Any) -> bool:
    return all(np.allclose(a, b, atol=1e-4) for a, b in zip(flat(ours), flat(theirs), strict=True))


@every_graph
def test_config_is_what_keras_writes(build: Build) -> None:
    ours, theirs = twins(build)
    assert said(as_json(ours.get_config())) == said(as_json(theirs.get_config()))
    serialized = keras.saving.serialize_keras_object(theirs)
    assert said(as_json(models.serialize(ours))) == said(as_json(serialized))


@every_graph
def test_keras_reads_what_is_written(build: Build) -> None:
    ours, _ = twins(build)
    config = as_json(models.serialize(ours))
    theirs = keras.saving.deserialize_keras_object(copy.deepcopy(config))
    theirs.set_weights(ours.get_weights())
    x = inputs_for(ours)
    assert same(ours(x), theirs(x))
    assert said(as_json(keras.saving.serialize_keras_object(theirs))) == said(config)


@every_graph
def test_what_keras_writes_is_read(build: Build) -> None:
    _, theirs = twins(build)
    config = json.loads(theirs.to_json())
    before = copy.deepcopy(config)
    ours = models.deserialize(config)
    assert config == before
    ours.set_weights(theirs.get_weights())
    x = inputs_for(ours)
    assert same(ours(x), theirs(x))


def test_model_is_read_as_functional() -> None:
    config = models.serialize(GRAPHS[0](SEPCONV))
    again = models.deserialize({"class_name": "Model", "config": config["config"]})
    assert type(again) is Model


# --- Keras 2 -----------------------------------------------------------------------------------

KERAS2_CONV = {
    "name": "conv",
    "trainable": True,
    "dtype": "float32",
    "filters": 6,
    "kernel_size": (3,),
    "padding": "same",
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
}


def keras2_input(name: str) -> dict[str, Any]:
    config = {"batch_input_shape": (None, 10, 6), "dtype": "float32", "name": name}
    return {"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def keras2(name: str, *calls: Any, **config: Any) -> dict[str, Any]:
    return {
        "class_name": "SeparableConv1D",
        "config": {**KERAS2_CONV, "name": name, **config},
        "name": name,
        "inbound_nodes": list(calls),
    }


@pytest.mark.filterwarnings("ignore")
def test_keras_2_is_read() -> None:
    inner = {
        "class_name": "Functional",
        "name": "inner",
        "config": {
            "name": "inner",
            "layers": [keras2_input("i"), keras2("c", [["i", 0, 0, {}]])],
            "input_layers": [["i", 0, 0]],
            "output_layers": [["c", 0, 0]],
        },
        "inbound_nodes": [[["shared", 1, 0, {}]]],
    }
    config = {
        "name": "net",
        "layers": [
            keras2_input("a"),
            keras2_input("b"),
            keras2("shared", [["a", 0, 0, {}]], [["b", 0, 0, {}]]),
            inner,
            keras2("last", [["inner", 1, 0, {}]]),
        ],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["shared", 0, 0], ["last", 0, 0], ["inner", 1, 0]],
    }
    model = Model.from_config(config)
    a, b = inputs_for(model)
    first, last, middle = model([a, b])
    shared, within, top = (model.get_layer(name) for name in ("shared", "inner", "last"))
    assert (first == shared(a)).all()
    assert (middle == within(shared(b))).all()
    assert (last == top(middle)).all()


# --- hostile configs -----------------------------------------------------------------------------


def small() -> dict[str, Any]:
    made: dict[str, Any] = as_json(GRAPHS[2](SEPCONV).get_config())
    return made


def put(*path: Any, value: Any) -> Any:
    def change(config: dict[str, Any]) -> None:
        part: Any = config
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


HISTORY = ("layers", 1, "inbound_nodes", 0, "args", 0, "config", "keras_history")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("layers", value=None), "must have the lists 'layers'"),
        (put("layers", value=[3]), "'layers' must be a list of dicts"),
        (
            put("input_layer", value=[]),
            "config of Functional: 'input_layer'; did you mean `input_l",
        ),
        (put("input_layers", value=None), "'input_layers' is None"),
        (put("input_layers", value=[]), "`inputs` argument cannot be empty"),
        (put("output_layers", value=["stem", 0]), "expected a tensor"),
        (put("output_layers", value=["stme", 0, 0]), "Unknown layer: 'stme'; did you mean `stem`"),
        (put("output_layers", value=["stem", 7, 0]), "'stem' has 1 calls"),
        (put("output_layers", value=["stem", 0, 7]), "'stem' has 1 outputs"),
        (put("output_layers", value=["stem", -1, 0]), r"a tensor must be \[layer"),
        (put("output_layers", value=["stem", True, 0]), r"a tensor must be \[layer"),
        (put(*HISTORY, value=["y", 0, 0]), "Unknown layer: 'y'"),
        (put(*HISTORY, value=["head3", 0, 0]), "loops or disconnected nodes.*head3"),
        (put(*HISTORY, value=["stem", 0, 0]), "loops or disconnected nodes"),
        (put(*HISTORY, value=["stem", 1, 0]), "'stem' has 1 calls"),
        (put(*HISTORY, value=None), r"a tensor must be \[layer"),
        (put(*HISTORY[:6], value=[]), "a call of layer 'stem' must be"),
        (put(*HISTORY[:6], value={"class_name": "Other"}), "expected a tensor"),
        (put(*HISTORY[:4], value={}), "a call of layer 'stem' must be"),
        (put(*HISTORY[:4], value=[3]), "a call of layer 'stem' must be"),
        (put(*HISTORY[:4], "kwargs", value=3), "keyword arguments must be a dict"),
        (put(*HISTORY[:4], "kwargs", value={"trainig": True}), "takes no argument `trainig`"),
        (put(*HISTORY[:4], "kwargs", value={"training": []}), "only true, false, numbers"),
        (put("layers", 1, "inbound_nodes", value=[]), "'stem' has 0 calls"),
        (put("layers", 1, "inbound_nodes", value=3), "`inbound_nodes` a list"),
        (put("layers", 1, "name", value=3), "`name` must be text"),
        (put("layers", 1, "name", value="x"), r"layers\[1\]: another layer is called 'x'"),
        (
            put("layers", 1, "class_name", value="SeparableConv"),
            r"layers\[1\]: Could not interpret",
        ),
        (put("layers", 1, "config", "filters", value=0), r"layers\[1\]: .*`filters`"),
        (put("layers", 0, "inbound_nodes", value=[[["stem", 0, 0]]]), "InputLayer is not called"),
        (put("layers", 0, "config", "batch_shape", value=[None, 2, 6]), r"layers\[1\]: .*zero or"),
    ],
)
def test_bad_config_is_refused_with_its_place(change: Any, told: str) -> None:
    config = small()
    change(config)
    with pytest.raises(ValidationError, match=told):
        Model.from_config(config)


def nested_list(depth: int) -> Any:
    value: Any = ["x", 0, 0]
    for _ in range(depth):
        value = [value]
    return value


def test_deep_structure_is_refused() -> None:
    config = small() | {"input_layers": nested_list(100_000)}
    with pytest.raises(ValidationError, match="nested deeper"):
        Model.from_config(config)


@pytest.mark.parametrize("outer", ["Functional", "Sequential"])
def test_networks_nested_too_deep_are_refused(outer: str) -> None:
    config = models.serialize(GRAPHS[2](SEPCONV))
    for _ in range(1000):
        inner = {**config, "inbound_nodes": [], "name": "net"}
        config = {"class_name": outer, "config": {"name": "net", "layers": [inner]}}
        config["config"] |= {"input_layers": ["net", 0, 0], "output_layers": ["net", 0, 0]}
    with pytest.raises(ValidationError, match="nested deeper than"):
        models.deserialize(config)


def tensor(layer: str) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [layer, 0, 0]}}


def test_long_chain_in_reverse_is_read_without_delay() -> None:
    def layer(number: int) -> dict[str, Any]:
        below = f"n{number - 1}" if number else "x"
        return {
            "class_name": "UpSampling1D",
            "config": {"size": 1, "name": f"n{number}"},
            "name": f"n{number}",
            "inbound_nodes": [{"args": [tensor(below)]}],
        }

    config = small()
    config["layers"] = [layer(n) for n in reversed(range(3000))] + [config["layers"][0]]
    config |= {"input_layers": ["x", 0, 0], "output_layers": ["n2999", 0, 0]}
    assert Model.from_config(config)(np.ones((1, 10, 6))).shape == (1, 10, 6)


def test_sequential_still_reads_a_functional_first_layer() -> None:
    model = GRAPHS[9](SEPCONV)
    again = Sequential.from_config(as_json(model.get_config()))
    again.set_weights(model.get_weights())
    x = inputs_for(model)
    assert same(again(x), model(x))
