"""What holds of every network of Keras when it is saved and loaded: values, weights, configs."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from keras_networks import NETWORKS, separable, stack
from keras_oracle import keras
from numpy.typing import NDArray

import sepconv

__all__ = ["separable", "stack"]

EPSILON = {"float64": 2.0**-52, "bfloat16": 2.0**-7, "float16": 2.0**-10}


def roundings(name: str) -> float:
    """Return how far two right results may be apart, by the largest value.

    A sum of n terms is off by n roundings of the sum of their sizes; each layer here sums fewer
    than 40 terms, the largest output stands for those sizes. 16-bit layers round their outputs:
    one rounding more or less a layer.
    """
    for dtype, epsilon in EPSILON.items():
        if dtype in name:
            return 64 * epsilon if dtype == "float64" else 4 * epsilon
    return 64 * 2.0**-23


def assert_close(found: list[Any], expected: list[Any], name: str = "") -> None:
    assert len(found) == len(expected)
    for y, like in zip(found, expected, strict=True):
        assert y.shape == like.shape
        assert np.abs(y - like).max() <= roundings(name) * np.abs(like).max()


def plain(config: Any) -> Any:
    """Return a config as a file holds it."""
    return json.loads(json.dumps(config))


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Return the places where two configs differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [told for k in one for told in differences(one[k], other[k], f"{place}.{k}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [told for i, (a, b) in pairs for told in differences(a, b, f"{place}[{i}]")]
    return [] if one == other else [f"{place}: {one} | {other}"]


def assert_same_weights(one: Any, other: Any) -> None:
    for weight, like in zip(one.get_weights(), other.get_weights(), strict=True):
        assert (weight.dtype, weight.shape) == (like.dtype, like.shape)
        assert weight.tobytes() == like.tobytes()


@functools.cache
def made(name: str) -> tuple[Any, Any, Any]:
    """Return a network of Keras, inputs and its outputs for them."""
    model = with_values(NETWORKS[name]())
    inputs = example(model)
    return model, inputs, outputs(model, inputs)


def test_model_goes_here_and_back(name: str, tmp_path: Path) -> None:
    """A model of Keras gives its values here, and what is saved here is that model there."""
    theirs, inputs, expected = made(name)
    theirs.save(tmp_path / "theirs.keras")
    ours = sepconv.load(tmp_path / "theirs.keras")
    assert_close(outputs(ours, inputs), expected, name)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    ours.save(tmp_path / "ours.keras", example=inputs)
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert differences(plain(again.get_config()), plain(theirs.get_config())) == []
    assert_same_weights(again, theirs)  # so the same values: config and weights are all there is
    verified = sepconv.load(tmp_path / "ours.keras", verify=True)
    assert plain(verified.get_config()) == plain(ours.get_config())


def test_weights_go_here_and_back(name: str, tmp_path: Path) -> None:
    """Weights go onto a network that is declared in JSON, and from it back into Keras's."""
    theirs, inputs, expected = made(name)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    (tmp_path / "model.json").write_text(theirs.to_json())
    ours = sepconv.load(tmp_path / "model.json", weights=tmp_path / "theirs.weights.h5")
    assert_close(outputs(ours, inputs), expected, name)
    ours.set_weights([2 * weight for weight in ours.get_weights()])
    ours.save_weights(tmp_path / "ours.weights.h5")
    before = theirs.get_weights()
    try:
        theirs.load_weights(tmp_path / "ours.weights.h5")
        assert_same_weights(theirs, ours)
    finally:
        theirs.set_weights(before)


def test_legacy_model_gives_its_values(name: str, tmp_path: Path) -> None:
    """A whole model in one .h5, as Keras 2 stored it, gives its values here."""
    theirs, inputs, expected = made(name)
    theirs.save(tmp_path / "theirs.h5")
    assert_close(outputs(sepconv.load(tmp_path / "theirs.h5"), inputs), expected, name)


def with_values(model: Any, seed: int = 0) -> Any:
    """Return the network with weights that are all different, as after training."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(0.1, 0.5, weight.shape) for weight in model.get_weights()]
    if any(weight.name == "count" for weight in model.weights):
        return model  # it has learned
    positive = [np.abs(v) + 0.1 for v in values]  # as a variance is
    names = [weight.name for weight in model.weights]
    model.set_weights(
        [p if "var" in name else v for v, p, name in zip(values, positive, names, strict=True)]
    )
    return model


def trained(model: Any) -> Any:
    """Return the network compiled and with an optimizer's state."""
    model.compile("adam", "mse", metrics=["mae"])
    inputs = example(model)
    model.fit(inputs, np.zeros(np.shape(model(inputs))), verbose=0)
    return model


def example(model: Any, seed: int = 0) -> Any:
    """Return inputs for a network of Keras: 3 samples, 20 where a size is open."""
    rng = np.random.default_rng(seed)
    found: list[Any] = [
        rng.normal(1.0, 2.0, (3, *(size or 20 for size in tensor.shape[1:]))).astype("float32")
        for tensor in model.inputs
    ]
    if found[0].ndim == 2:  # words
        found = [np.abs(array).astype("int32") for array in found]
    return found[0] if len(found) == 1 else found


def outputs(model: Any, inputs: Any) -> list[NDArray[Any]]:
    """Return what a network of Keras or of sepconv gives, as float64."""
    found = model(inputs)
    items = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(item).astype("float64") for item in items]
