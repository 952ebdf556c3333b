"""Files of Keras 2: read, and what is dropped is noted."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_files import plain
from keras_networks import GRAPHS, LAYERS, STACKS
from keras_oracle import keras

import sepconv
from sepconv.config.importing import from_keras
from sepconv.config.opening import opened


def test_whole_model_of_keras_2_is_read_and_what_is_dropped_is_noted(tmp_path: Path) -> None:
    """As TensorFlow 2.12 wrote it: texts of fixed length, `:0` behind names, a Policy as dtype."""
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    layer = {
        **{"name": "front", "trainable": True, "batch_input_shape": [None, 20, 6]},
        **{"dtype": policy, "filters": 4, "kernel_size": [3], "groups": 1, "padding": "same"},
        **{"kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}}},
    }
    inner = {"class_name": "SeparableConv1D", "config": layer}
    config = {"name": "old", "layers": [inner]}
    rng = np.random.default_rng(0)
    weights = {
        f"front/{name}:0": rng.normal(size=shape).astype("float32")
        for name, shape in (
            ("depthwise_kernel", (3, 6, 1)), ("pointwise_kernel", (1, 6, 4)), ("bias", (4,))
        )
    }  # fmt: skip
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.12.0"
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Sequential", "config": config, "keras_version": "2.12.0"}
        ).encode()
        file.attrs["training_config"] = b"{}"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"front"]
        front = group.create_group("front")
        front.attrs["weight_names"] = np.array([name.encode() for name in weights])
        for name, value in weights.items():
            front.create_dataset(name, data=value)
        file.create_group("optimizer_weights")["iter:0"] = np.int64(3)
    ours, notes = opened(path)
    told = "; ".join(note.message for note in notes)
    assert "`keras_version` is no part of a config and dropped" in told
    assert "dropped keys of Keras 2 from the config: groups, kernel_initializer" in told
    assert ours.name == "old"
    assert ours.layers[0].dtype_policy.name == "mixed_float16"
    for weight, value in zip(ours.get_weights(), weights.values(), strict=True):
        assert (weight == value).all()


# --- configs as Keras 2 wrote them ---------------------------------------------------------------


def as_keras2(layer: dict[str, Any], nested: Collection[str] = ()) -> dict[str, Any]:
    """Return the config of a layer of Keras 3 as TensorFlow 2.12 wrote it.

    Arguments:
        nested: the names of networks beside it: Keras 2 numbers their calls from 1.
    """
    config = {key: _plain_policy(value) for key, value in layer["config"].items()}
    name = layer["class_name"]
    if "batch_shape" in config:
        config["batch_input_shape"] = config.pop("batch_shape")
    if name == "BatchNormalization":
        config["axis"] = [config["axis"]]
        for key in ("renorm", "virtual_batch_size", "synchronized"):
            config.pop(key, None)
    if name == "LeakyReLU":
        config["alpha"] = config.pop("negative_slope")
    if name in ("SeparableConv1D", "DepthwiseConv1D"):
        config["groups"] = 1
    if name == "SpatialDropout1D":
        config["noise_shape"] = None
    if "layers" in config:
        inner = config["layers"]
        names = {one["config"]["name"] for one in inner if "layers" in one["config"]}
        config["layers"] = [as_keras2(one, names) for one in inner]
    modern = {"class_name": name, "config": config}
    if "inbound_nodes" in layer:
        nodes = [
            [[name, call + (name in nested), output, {}] for name, call, output in histories(node)]
            for node in layer["inbound_nodes"]
        ]
        modern |= {"name": layer["name"], "inbound_nodes": nodes}
    return modern


def _plain_policy(value: Any) -> Any:
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if value["class_name"] == "DTypePolicy":
        name = value["config"]["name"]
        policy = {"class_name": "Policy", "config": {"name": name}}
        return policy if name.startswith("mixed") else name
    return {"class_name": value["class_name"], "config": value["config"]}


def histories(node: Any) -> list[Any]:
    """Return the tensors that a node of Keras 3 names, in order."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            return [node["config"]["keras_history"]]
        return [found for value in node.values() for found in histories(value)]
    return [found for item in node for found in histories(item)] if isinstance(node, list) else []


OF_KERAS_2 = {
    **{name: make for name, make in LAYERS.items() if name != "adapted"},
    **{
        name: GRAPHS[name]
        for name in ("residual", "shared", "two_inputs", "siamese", "nested_functional")
    },
    **{name: STACKS[name] for name in ("named", "nested", "constrained", "regularised")},
}


@pytest.mark.parametrize("name", OF_KERAS_2)
def test_config_of_keras_2_is_read_as_that_of_keras_3(name: str, tmp_path: Path) -> None:
    with keras.StatelessScope():  # which makes no weights
        config = plain(keras.saving.serialize_keras_object(OF_KERAS_2[name]()))
    old = {**as_keras2(config), "keras_version": "2.12.0", "backend": "tensorflow"}
    (tmp_path / "new.json").write_text(json.dumps(config))
    (tmp_path / "old.json").write_text(json.dumps(old))
    new = sepconv.load(tmp_path / "new.json")
    assert plain(sepconv.load(tmp_path / "old.json").get_config()) == plain(new.get_config())
    assert from_keras((tmp_path / "old.json").read_bytes(), "old.json").yaml
    if old["class_name"] == "Functional":
        old["class_name"] = "Model"  # until TensorFlow 2.2
    else:
        old["config"] = old["config"]["layers"]  # until Keras 2.2.2
    (tmp_path / "older.json").write_text(json.dumps(old))
    older = sepconv.load(tmp_path / "older.json")
    assert [layer.get_config() for layer in older.layers] == [
        layer.get_config() for layer in new.layers
    ]


def test_function_that_changed_since_keras_2_is_told(tmp_path: Path) -> None:
    layer = {"class_name": "Dense", "config": {"units": 3, "activation": "hard_sigmoid"}}
    layer["config"]["batch_input_shape"] = [None, 4]
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
    _, notes = opened(path)
    assert "`hard_sigmoid` is x/6 + 1/2 since Keras 3" in "; ".join(n.message for n in notes)
    path.write_text(keras.Sequential([keras.layers.Dense(3, "hard_sigmoid")]).to_json())
    _, notes = opened(path)
    assert "hard_sigmoid" not in "; ".join(note.message for note in notes)
