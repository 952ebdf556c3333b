"""Damaged files: cut anywhere or with any bit flipped, they are refused or change nothing."""

from __future__ import annotations

import functools
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_files import separable, stack

import sepconv
from sepconv import Input, SeparableConv1D, Sequential
from sepconv.errors import SepconvError, WeightsError

MODELS = [".keras", ".safetensors"]
FORMATS = [".npz", ".weights.h5", *MODELS]
FLIPS = int(os.environ.get("SEPCONV_FUZZ", "100"))  # 10,000 with `make fuzz`
X = np.random.default_rng(0).normal(size=(2, 10, 6)).astype("float32")


def network(seed: int = 0) -> Sequential:
    layers = [
        SeparableConv1D(4, 3, bias_initializer="random_normal", activation="relu"),
        SeparableConv1D(3, 2, dtype="bfloat16"),
    ]
    model = Sequential([Input((10, 6)), *layers])
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    return model


def values(model: Any) -> list[bytes]:
    return [weight.tobytes() for weight in model.get_weights()]


@functools.cache
def saved(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"m{suffix}"
        if suffix in MODELS:
            network().save(path, example=X)
        else:
            network().save_weights(path)
        return path.read_bytes()


def flips(suffix: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    rng = random.Random(seed)
    raw = saved(suffix)
    for _ in range(count):
        data = bytearray(raw)
        at = rng.randrange(8 * len(data))
        data[at // 8] ^= 1 << at % 8
        yield f"bit {at}", bytes(data)


def assert_refused_or_harmless(data: bytes, path: Path, what: str) -> None:
    path.write_bytes(data)
    other = network(1)
    before = values(other)
    try:
        other.load_weights(path)
    except WeightsError:
        assert values(other) == before, what
    else:
        assert values(other) == values(network()), what
    if not path.name.endswith(tuple(MODELS)):
        return
    try:
        model = sepconv.load(path, verify=True)
    except SepconvError:
        return
    assert values(model) == values(network()), what
    assert model(X).tobytes() == network()(X).tobytes(), what


@pytest.mark.parametrize("suffix", FORMATS)
def test_cut_file_is_refused(suffix: str, tmp_path: Path) -> None:
    raw = saved(suffix)
    path = tmp_path / f"m{suffix}"
    for length in {*range(0, len(raw), 1 + len(raw) // 150), len(raw) - 1}:
        path.write_bytes(raw[:length])
        with pytest.raises(WeightsError):
            network().load_weights(path)
        if suffix in MODELS:
            with pytest.raises(WeightsError):
                sepconv.load(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_flipped_bit_is_noticed_or_changes_nothing(suffix: str, tmp_path: Path) -> None:
    for what, data in flips(suffix, 250, 1):
        assert_refused_or_harmless(data, tmp_path / f"m{suffix}", what)


@pytest.mark.fuzz
@pytest.mark.parametrize("suffix", FORMATS)
def test_many_flipped_bits_are_noticed_or_change_nothing(suffix: str, tmp_path: Path) -> None:
    for what, data in flips(suffix, FLIPS, 2):
        assert_refused_or_harmless(data, tmp_path / f"m{suffix}", what)


@pytest.mark.parametrize("suffix", FORMATS)
def test_several_bytes_overwritten_are_noticed_or_change_nothing(
    suffix: str, tmp_path: Path
) -> None:
    rng = random.Random(3)
    for number in range(150):
        data = bytearray(saved(suffix))
        for _ in range(rng.randrange(1, 5)):
            at, size = rng.randrange(len(data)), rng.choice([1, 2, 4, 8])
            data[at : at + size] = rng.choice([b"\xff", b"\0", rng.randbytes(1)]) * size
        data = data[: len(saved(suffix))]
        assert_refused_or_harmless(bytes(data), tmp_path / f"m{suffix}", str(number))


def test_damaged_file_of_keras_without_a_checksum_is_read_or_refused(tmp_path: Path) -> None:
    """Keras stores no checksum in an .h5: a flipped weight cannot be noticed, a crash could."""

    theirs = stack(separable(4, 3), separable(3, 2, dtype="bfloat16"))
    theirs.save(tmp_path / "theirs.h5")
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    raw = {name: (tmp_path / name).read_bytes() for name in ("theirs.h5", "theirs.weights.h5")}
    rng = random.Random(4)
    for name, contents in raw.items():
        path = tmp_path / name
        for _ in range(150):
            data = bytearray(contents)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            try:
                if name == "theirs.h5":
                    sepconv.load(path)
                else:
                    network().load_weights(path)
            except SepconvError:
                pass
