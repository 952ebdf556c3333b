"""Files of real Keras beside the matrix: of trained networks, older versions, own classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import keras_networks
import numpy as np
import pytest
from keras_files import (
    assert_close,
    assert_same_weights,
    example,
    made,
    outputs,
    plain,
    separable,
    stack,
    trained,
    with_values,
)
from keras_networks import NETWORKS
from keras_oracle import keras

import sepconv
from sepconv.errors import ConfigError


@pytest.mark.parametrize("name", ["named", "nested", "channels_first", "activations"])
def test_keras_computes_what_the_model_of_ours_does(name: str, tmp_path: Path) -> None:
    _, inputs, _ = made(name)
    ours = sepconv.saving.deserialize(keras.saving.serialize_keras_object(made(name)[0]))
    ours.save(tmp_path / "ours.keras")
    theirs = keras.models.load_model(tmp_path / "ours.keras")
    assert_close(outputs(ours, inputs), outputs(theirs, inputs), name)


def test_what_an_optimizer_and_metrics_left_is_ignored(tmp_path: Path) -> None:
    theirs = trained(with_values(stack(separable(), separable())))
    for name in ("model.keras", "model.h5"):
        theirs.save(tmp_path / name)
        inputs = example(theirs)
        ours = sepconv.load(tmp_path / name)
        assert_close(outputs(ours, inputs), outputs(theirs, inputs))


def test_weights_in_the_groups_of_keras_2_13_are_found(tmp_path: Path) -> None:
    theirs = with_values(stack(separable(), keras.Sequential([separable()])))
    theirs.save_weights(tmp_path / "new.weights.h5")
    with (
        h5py.File(tmp_path / "new.weights.h5") as new,
        h5py.File(tmp_path / "old.weights.h5", "w") as old,
    ):
        new.visititems(
            lambda path, item: (
                old.__setitem__(path.replace("layers", "_layer_checkpoint_dependencies"), item[()])
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    (tmp_path / "model.json").write_text(theirs.to_json())
    ours = sepconv.load(tmp_path / "model.json", weights=tmp_path / "old.weights.h5")
    assert_same_weights(ours, theirs)


@keras.saving.register_keras_serializable("test_keras_files")
class Doubled(keras.layers.Layer):
    """A layer of the user's own, around two of Keras's."""

    def __init__(self, filters: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.filters = filters
        self.last = separable(filters)
        self._first = separable(6)
        self.more = [separable(filters), separable(filters)]

    def build(self, input_shape: Any) -> None:
        self._first.build(input_shape)
        self.last.build(self._first.compute_output_shape(input_shape))
        for layer in self.more:
            layer.build((None, None, self.filters))

    def call(self, inputs: Any) -> Any:
        y = self.last(self._first(inputs))
        return 2 * self.more[1](self.more[0](y))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


def test_layer_of_the_users_own_goes_there_and_back(tmp_path: Path) -> None:
    class Ours(sepconv.layers.Layer):  # whose name is set below: files go by it
        def __init__(self, filters: int, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.filters = filters
            self.last = sepconv.SeparableConv1D(filters, 3)
            self._first = sepconv.SeparableConv1D(6, 3, name="first")
            self.more = [sepconv.SeparableConv1D(filters, 3, name=name) for name in "ab"]

        build = Doubled.build
        call = Doubled.call

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:1], shape[1] - 8, self.filters)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "filters": self.filters}

    Ours.__name__ = "Doubled"
    sepconv.register("test_keras_files")(Ours)
    theirs = with_values(stack(separable(), Doubled(4)))
    theirs.save(tmp_path / "theirs.keras")
    ours = sepconv.load(tmp_path / "theirs.keras")
    inputs = example(theirs)
    assert_close(outputs(ours, inputs), outputs(theirs, inputs))
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert_close(outputs(ours, inputs), outputs(again, inputs))


def _own_objects(module: Any, register: Any) -> tuple[Any, ...]:
    """Return an initializer, an activation, a regularizer and a constraint of the user's own.

    Arguments:
        module: keras or sepconv, whose bases they have.
        register: its decorator.
    """

    @register
    class Halves(module.initializers.Initializer):  # type: ignore[name-defined, misc]
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, 0.5, "float32")

        def get_config(self) -> dict[str, Any]:
            return {}

    @register
    class Largest(module.regularizers.Regularizer):  # type: ignore[name-defined, misc]
        def __init__(self, factor: float = 0.1) -> None:
            self.factor = factor

        def __call__(self, x: Any) -> Any:
            return self.factor * abs(x).max()

        def get_config(self) -> dict[str, Any]:
            return {"factor": self.factor}

    @register
    class Below(module.constraints.Constraint):  # type: ignore[name-defined, misc]
        def __init__(self, most: float) -> None:
            self.most = most

        def __call__(self, w: Any) -> Any:
            return w * (w < self.most)

        def get_config(self) -> dict[str, Any]:
            return {"most": self.most}

    @register
    def cube(x: Any) -> Any:
        return x * x * x

    return Halves, cube, Largest, Below


def test_objects_of_the_users_own_go_there_and_back(tmp_path: Path) -> None:
    halves, cube, largest, below = _own_objects(
        keras, keras.saving.register_keras_serializable("test_own")
    )
    theirs = stack(
        separable(
            depthwise_initializer=halves(),
            activation=cube,
            pointwise_regularizer=largest(0.2),
            bias_constraint=below(3.0),
        ),
        keras.layers.Activation(cube),
    )
    theirs = with_values(theirs)
    theirs.save(tmp_path / "theirs.keras")
    with pytest.raises(ConfigError, match="test_own>"):
        sepconv.load(tmp_path / "theirs.keras")
    _own_objects(sepconv, sepconv.register("test_own"))
    inputs = example(theirs)
    ours = sepconv.load(tmp_path / "theirs.keras")
    assert_close(outputs(ours, inputs), outputs(theirs, inputs))
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert plain(again.get_config()) == plain(theirs.get_config())
    assert_close(outputs(ours, inputs), outputs(again, inputs))


# --- the matrix ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["layers", "models", "initializers", "activations", "regularizers", "constraints"]
)
def test_matrix_has_every_class(kind: str) -> None:
    code = re.sub("#.*", "", Path(keras_networks.__file__).read_text())
    words = {*re.findall(r"\w+", code)}
    words |= {"InputLayer", "Functional"}  # which stand behind Input and Model
    registry = getattr(sepconv, kind).registry
    names: dict[type, set[str]] = {}
    for name in registry:
        names.setdefault(registry[name], set()).add(name)
    left_out = {"glu", "threshold"}  # of which keras_networks.py tells why
    assert [found for found in names.values() if not found & words and not found <= left_out] == []


def test_matrix_has_at_least_forty_networks() -> None:
    assert len(NETWORKS) >= 40
