"""Files of real Keras: its models give the same values here, and ours give the same there."""

from __future__ import annotations

import functools
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_files import NETWORKS, example, outputs, separable, stack, trained, with_values
from keras_oracle import keras

import sepconv
from sepconv.config.opening import opened
from sepconv.errors import ConfigError, WeightsError

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


# --- Keras's files here --------------------------------------------------------------------------


@functools.cache
def made(name: str) -> tuple[Any, Any, Any]:
    """Return a network of Keras, inputs and its outputs for them."""
    model = with_values(NETWORKS[name]())
    inputs = example(model)
    return model, inputs, outputs(model, inputs)


@pytest.mark.parametrize("name", NETWORKS)
def test_model_of_keras_gives_its_values_here_and_back_there(name: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_go_onto_a_declared_network_and_back(name: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_model_as_keras_2_stored_it_gives_its_values(name: str, tmp_path: Path) -> None:
    theirs, inputs, expected = made(name)
    theirs.save(tmp_path / "theirs.h5")
    assert_close(outputs(sepconv.load(tmp_path / "theirs.h5"), inputs), expected, name)


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


# --- refusals ------------------------------------------------------------------------------------


def rewritten(path: Path, **members: bytes | None) -> Path:
    """Return a copy of a .keras file with members replaced, added or, for None, left out."""
    contents: dict[str, bytes | None] = {}
    with zipfile.ZipFile(path) as archive:
        contents.update({name: archive.read(name) for name in archive.namelist()})
    names = {"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}
    contents.update({names.get(name, name): data for name, data in members.items()})
    copy = path.with_name(f"copy{len(list(path.parent.iterdir()))}.keras")
    with zipfile.ZipFile(copy, "w") as archive:
        for name, data in contents.items():
            if data is not None:
                archive.writestr(name, data)
    return copy


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    stack(separable(), separable()).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_layers_that_do_not_exist_here_are_all_told_with_their_places(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((20, 6)),
            keras.layers.UnitNormalization(),
            separable(),
            keras.Sequential([keras.layers.GroupNormalization(1), separable()]),
            keras.layers.RandomFlip(),
        ]
    )
    config = keras.saving.serialize_keras_object(model)
    stack(separable()).save(tmp_path / "model.keras")
    path = rewritten(tmp_path / "model.keras", config=json.dumps(config).encode())
    with pytest.raises(ConfigError) as refused:
        sepconv.load(path)
    told = str(refused.value)
    assert f"{path}/config.json has 3 layers that this version of sepconv cannot build" in told
    for name, place in (
        ("UnitNormalization", "config.layers[1]"),
        ("GroupNormalization", "config.layers[3].config.layers[1]"),
        ("RandomFlip", "config.layers[4]"),
    ):
        assert f"`{name}`" in told
        assert f"({place})" in told


@pytest.mark.parametrize(
    "evil",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "print"}},
        {"module": "os", "class_name": "system", "config": {"command": "true"}},
        {"module": "builtins", "class_name": "function", "config": "print"},
        {"class_name": "SeparableConv1D", "config": {"activation": {"class_name": "exec"}}},
    ],
)
def test_code_and_modules_in_a_config_are_refused(evil: Any, saved: Path) -> None:
    config = json.loads(zipfile.ZipFile(saved).read("config.json"))
    config["config"]["layers"][1] = evil
    with pytest.raises(ConfigError):
        sepconv.load(rewritten(saved, config=json.dumps(config).encode()))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_holds_three_members_and_no_other(saved: Path) -> None:
    refused = [
        (rewritten(saved, more=b""), "holds 'more', which is not expected"),
        (rewritten(saved, config=None), "holds no 'config.json'"),
        (rewritten(saved, **{"../evil": b""}), "holds '../evil'"),
    ]
    twice = saved.with_name("twice.keras")
    twice.write_bytes(saved.read_bytes())
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("config.json", b"{}")
    many = saved.with_name("many.keras")
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(2000):
            archive.writestr(str(number), b"")
    refused += [(twice, "'config.json' twice"), (many, "no archive of three members")]
    for path, told in refused:
        with pytest.raises(WeightsError, match=told):
            sepconv.load(path)


def test_config_of_a_giant_takes_no_memory(saved: Path) -> None:
    """The weights are read against it, not allocated for it."""
    config = json.loads(zipfile.ZipFile(saved).read("config.json"))
    for filters, told in ((2**31 - 1, "must have shape"), (2**31 - 2, "must have shape")):
        config["config"]["layers"][2]["config"]["filters"] = filters
        path = rewritten(saved, config=json.dumps(config).encode())
        tracemalloc.start()
        with pytest.raises(WeightsError, match=told):
            sepconv.load(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000


def test_member_larger_than_the_model_is_not_unpacked(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    bomb = saved.with_name("bomb.keras")
    for name, told in (("model.weights.h5", "the model takes at most"), ("config.json", "at most")):
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in contents.items():
                archive.writestr(member, bytes(10**8) if member == name else data)
        tracemalloc.start()
        with pytest.raises(WeightsError, match=told):
            sepconv.load(bomb)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
        tracemalloc.stop()


def test_compressed_archive_is_read(saved: Path) -> None:
    """Keras stores members as they are; a zip that was packed again is a zip."""
    with zipfile.ZipFile(saved) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    packed = saved.with_name("packed.keras")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in contents.items():
            archive.writestr(member, data)
    assert_same_weights(sepconv.load(packed), sepconv.load(saved))
