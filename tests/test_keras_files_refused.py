"""Files of Keras, or made to look like one, that are refused."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from keras_files import (
    assert_same_weights,
    separable,
    stack,
)
from keras_oracle import keras

import sepconv
from sepconv.errors import ConfigError, WeightsError


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


@pytest.mark.parametrize("field", [20, 24], ids=["packed size", "size"])
@pytest.mark.parametrize("off", [-8, 8])
def test_stored_member_of_another_size_than_declared_is_refused(
    field: int, off: int, saved: Path
) -> None:
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        assert archive.getinfo("model.weights.h5").compress_type == zipfile.ZIP_STORED
    name = data.rindex(b"model.weights.h5")  # in the directory, behind 46 bytes
    at = name - 46 + field
    size = int.from_bytes(data[at : at + 4], "little") + off
    data[at : at + 4] = size.to_bytes(4, "little")
    saved.write_bytes(data)
    with pytest.raises(WeightsError):
        sepconv.load(saved)
