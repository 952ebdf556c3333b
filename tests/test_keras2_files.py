"""Files of Keras 2: read, and what is dropped is noted."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np

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
