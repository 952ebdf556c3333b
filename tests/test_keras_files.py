"""Files of real Keras beside the matrix: of trained networks, older versions, own classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest
from keras_files import (
    assert_close,
    assert_same_weights,
    example,
    made,
    outputs,
    separable,
    stack,
    trained,
    with_values,
)
from keras_oracle import keras

import sepconv


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
