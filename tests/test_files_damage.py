"""Damaged files: cut anywhere or with any bit flipped, they are refused or change nothing.

SEPCONV_FLIPS=10000 python -m pytest -m fuzz tests/test_files_damage.py
flips as many bits of each file, and cuts it at as many bytes: at each, if it has no more.
"""

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
from keras_files import separable, stack, with_values
from onnx import TensorProto, numpy_helper
from onnx_drafts import FOREIGN

import sepconv
from sepconv import Input, SeparableConv1D, Sequential
from sepconv.errors import SepconvError, ValidationError, WeightsError
from sepconv.onnx import from_onnx, to_onnx

MODELS = [".keras", ".safetensors"]
FORMATS = [".npz", ".weights.h5", *MODELS]
FLIPS = int(os.environ.get("SEPCONV_FLIPS", "100"))  # 3,000 with `make fuzz`
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


def flips(raw: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    rng = random.Random(seed)
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


def assert_cut_is_refused(suffix: str, count: int, path: Path) -> None:
    raw, other = saved(suffix), network()
    for length in {*range(0, len(raw), max(1, len(raw) // count)), len(raw) - 1}:
        path.write_bytes(raw[:length])
        with pytest.raises(WeightsError):
            other.load_weights(path)
        if suffix in MODELS:
            with pytest.raises(WeightsError):
                sepconv.load(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_cut_file_is_refused(suffix: str, tmp_path: Path) -> None:
    assert_cut_is_refused(suffix, 150, tmp_path / f"m{suffix}")


@pytest.mark.fuzz
@pytest.mark.parametrize("suffix", FORMATS)
def test_file_cut_at_many_bytes_is_refused(suffix: str, tmp_path: Path) -> None:
    assert_cut_is_refused(suffix, FLIPS, tmp_path / f"m{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
def test_flipped_bit_is_noticed_or_changes_nothing(suffix: str, tmp_path: Path) -> None:
    for what, data in flips(saved(suffix), 250, 1):
        assert_refused_or_harmless(data, tmp_path / f"m{suffix}", what)


@pytest.mark.fuzz
@pytest.mark.parametrize("suffix", FORMATS)
def test_many_flipped_bits_are_noticed_or_change_nothing(suffix: str, tmp_path: Path) -> None:
    for what, data in flips(saved(suffix), FLIPS, 2):
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


THEIRS = ["theirs.keras", "theirs.h5", "theirs.weights.h5", "theirs.json"]


@functools.cache
def of_keras(name: str) -> tuple[bytes, Any]:
    """Return a file that Keras wrote, and the network that is read from it."""
    theirs = with_values(stack(separable(4, 3), separable(3, 2, dtype="bfloat16"), shape=(10, 6)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name.endswith(".weights.h5"):
            theirs.save_weights(path)
        elif name.endswith(".json"):
            path.write_text(theirs.to_json())
        else:
            theirs.save(path)
        return path.read_bytes(), loaded(path)


def loaded(path: Path) -> Any:
    if not path.name.endswith(".weights.h5"):
        return sepconv.load(path)
    model = network()
    model.load_weights(path)
    return model


def assert_one_byte_at_most_is_off(name: str, count: int, seed: int, path: Path) -> None:
    """Flip bits of a file of Keras: it is refused, or what is flipped is a value itself.

    An .h5 holds no checksum, so that a flipped value cannot be noticed. A .keras has one.
    """
    raw, intact = of_keras(name)
    for what, data in flips(raw, count, seed):
        path.write_bytes(data)
        try:
            found = loaded(path)
        except SepconvError:
            continue
        if name.endswith(".json"):
            continue  # whatever it declares now
        pairs = zip(values(found), values(intact), strict=True)
        off = sum(a != b for one, like in pairs for a, b in zip(one, like, strict=True))
        assert off <= (0 if name.endswith(".keras") else 1), what


@pytest.mark.parametrize("name", THEIRS)
def test_flipped_bit_in_a_file_of_keras_is_noticed_or_stays_alone(
    name: str, tmp_path: Path
) -> None:
    assert_one_byte_at_most_is_off(name, 150, 4, tmp_path / name)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", THEIRS)
def test_many_flipped_bits_in_a_file_of_keras_are_noticed_or_stay_alone(
    name: str, tmp_path: Path
) -> None:
    assert_one_byte_at_most_is_off(name, FLIPS, 5, tmp_path / name)


# --- ONNX ----------------------------------------------------------------------------------------


@functools.cache
def graph() -> bytes:
    x = Input((None, 6), name="x")
    h = SeparableConv1D(4, 3, strides=4, padding="same", activation="gelu")(x)
    h = sepconv.LayerNormalization()(sepconv.BatchNormalization()(h))
    y = sepconv.Dense(3, activation="softmax")(sepconv.GlobalAveragePooling1D()(h))
    return to_onnx(sepconv.Functional(x, y)).SerializeToString()


def assert_refused_or_computes(data: bytes) -> None:
    """No checksum is in the file: a flipped weight is another weight, and a name another name."""
    try:
        network: Any = from_onnx(data)
    except (ValidationError, WeightsError):
        return
    # Steps that are padded or repeated may be many, as the file says: no array is made of them.
    assert network.output is not None


def test_cut_graph_is_refused(tmp_path: Path) -> None:
    raw = graph()
    path = tmp_path / "m.onnx"
    for length in {*range(0, len(raw), 1 + len(raw) // 300), *range(len(raw) - 40, len(raw))}:
        path.write_bytes(raw[:length])
        with pytest.raises(WeightsError):
            sepconv.load(path)


@pytest.mark.parametrize(
    ("count", "seed"), [(300, 5), pytest.param(FLIPS, 6, marks=pytest.mark.fuzz)]
)
def test_flipped_bits_of_a_graph_are_refused_or_another_graph(count: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(graph())
        at = rng.randrange(8 * len(data))
        data[at // 8] ^= 1 << at % 8
        assert_refused_or_computes(bytes(data))


def test_overwritten_bytes_of_a_graph_are_refused_or_another_graph() -> None:
    rng = random.Random(7)
    for _ in range(200):
        data = bytearray(graph())
        for _ in range(rng.randrange(1, 5)):
            at, size = rng.randrange(len(data)), rng.choice([1, 2, 4, 8])
            data[at : at + size] = rng.choice([b"\xff", b"\0", rng.randbytes(1)]) * size
        assert_refused_or_computes(bytes(data))


NUMBERS = [0, 1, -1, 2, 3, 100, 2**31, 2**40, 2**63 - 1, -(2**63)]


def change(graph: Any, rng: random.Random) -> None:
    """Make one node or constant another that ONNX could hold, sensible or not."""
    node, names = rng.choice(graph.node), [name for one in graph.node for name in one.output]
    names += [told.name for told in (*graph.initializer, *graph.input)]
    told = rng.choice(node.attribute) if node.attribute else None
    kind = rng.randrange(7)
    if kind == 0 and told is not None and told.ints:
        told.ints[rng.randrange(len(told.ints))] = rng.choice(NUMBERS)
    elif kind == 1 and told is not None:
        told.i, told.f = rng.choice(NUMBERS), rng.choice([0.0, -1.0, np.nan, np.inf])
    elif kind == 2 and told is not None:
        node.attribute.remove(told)
    elif kind == 3 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice([*names, ""])
    elif kind == 4 and node.input:
        del node.input[-1]
    elif kind == 5:
        node.op_type = rng.choice(graph.node).op_type
    elif tensors := [t for t in graph.initializer if t.data_type == TensorProto.INT64]:
        tensor = rng.choice(tensors)
        values = [rng.choice([*NUMBERS, value]) for value in numpy_helper.to_array(tensor).ravel()]
        tensor.raw_data = np.array(values, np.int64).tobytes()


@pytest.mark.parametrize(
    ("count", "seed"), [(20, 8), pytest.param(FLIPS, 9, marks=pytest.mark.fuzz)]
)
def test_changed_nodes_are_refused_or_another_graph(count: int, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(count * len(FOREIGN)):
        model = FOREIGN[number % len(FOREIGN)].model()
        for _ in range(rng.randrange(1, 4)):
            change(model.graph, rng)
        assert_refused_or_computes(model.SerializeToString())
