"""Weights files: what is written is read back, and nothing else is."""

from __future__ import annotations

import io
import json
import os
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import sepconv
from sepconv import Input, SeparableConv1D, Sequential, saving, weights
from sepconv.errors import ValidationError, WeightsError

OWN = [".npz", ".safetensors"]  # named by layers
SUFFIXES = [*OWN, ".weights.h5"]
NAMES = [f"separable_conv1d/{part}" for part in ("depthwise_kernel", "pointwise_kernel", "bias")]


def built(**arguments: Any) -> SeparableConv1D:
    layer = SeparableConv1D(
        **{"filters": 4, "kernel_size": 3, "bias_initializer": "random_normal", **arguments}
    )
    layer.build((None, 10, 6))
    return layer


def values(layer: SeparableConv1D) -> dict[str, Any]:
    return dict(zip(NAMES, layer.get_weights(), strict=True))


def assert_refused(path: Path, told: str) -> None:
    """Loading `path` is refused with `told`, and changes nothing."""
    layer = built()
    before = [w.tobytes() for w in layer.get_weights()]
    with pytest.raises(WeightsError, match=told) as refused:
        layer.load_weights(path)
    assert str(path) in str(refused.value)
    assert [w.tobytes() for w in layer.get_weights()] == before


def npz(
    path: Path, members: dict[str, Any] | list[tuple[str, Any]], compress: bool = False
) -> Path:
    """Write an archive of arrays, or of raw bytes, whatever their names."""
    pairs = members.items() if isinstance(members, dict) else members
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, value in pairs:
            data = io.BytesIO()
            if isinstance(value, bytes):
                data.write(value)
            else:
                np.save(data, value, allow_pickle=True)
            archive.writestr(f"{name}.npy", data.getvalue())
    return path


# --- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "policy", ["float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"]
)
def test_weights_go_round_bit_for_bit(policy: str, suffix: str, tmp_path: Path) -> None:
    ours, other = built(dtype=policy), built(dtype=policy)
    saving.save_weights(ours, tmp_path / f"w{suffix}")
    saving.load_weights(other, tmp_path / f"w{suffix}")
    assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in ours.get_weights()]


@pytest.mark.parametrize("suffix", OWN)
def test_array_without_axes_stays_one(suffix: str, tmp_path: Path) -> None:
    held = {"a/scale": np.array(3, np.float32)}
    weights.write(tmp_path / f"w{suffix}", held)
    assert weights.read(tmp_path / f"w{suffix}", held)["a/scale"].shape == ()


@pytest.mark.parametrize("suffix", OWN)
def test_network_goes_round_under_its_layers_names(suffix: str, tmp_path: Path) -> None:
    inner = Sequential([SeparableConv1D(4, 3)], name="inner")
    model = Sequential([Input((10, 6)), inner, SeparableConv1D(2, 3, name="last")], name="net")
    path = tmp_path / f"w{suffix}"
    model.save_weights(path)
    names = np.load(path).keys() if suffix == ".npz" else safetensors.numpy.load_file(path)
    assert sorted(names) == sorted(
        [f"inner/{name}" for name in NAMES]
        + [name.replace("separable_conv1d", "last") for name in NAMES]
    )
    twin = Sequential.from_config({**model.get_config(), "name": "renamed"})
    twin.load_weights(path)
    x = np.ones((1, 10, 6))
    assert (twin(x) == model(x)).all()


def test_numpy_and_safetensors_read_and_write_the_same_files(tmp_path: Path) -> None:
    ours, other = built(), built()
    ours.save_weights(tmp_path / "w.npz")
    ours.save_weights(tmp_path / "w.safetensors")
    with np.load(tmp_path / "w.npz") as held:
        assert all((held[name] == value).all() for name, value in values(ours).items())
    held = safetensors.numpy.load_file(tmp_path / "w.safetensors")
    assert all((held[name] == value).all() for name, value in values(ours).items())
    np.savez_compressed(tmp_path / "theirs.npz", **values(ours))
    other.load_weights(tmp_path / "theirs.npz")
    assert (other.bias.value == ours.bias.value).all()


def test_array_in_fortran_order_or_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    ours, other = built(), built()
    arrays = {name: np.asfortranarray(v).astype(">f4") for name, v in values(ours).items()}
    other.load_weights(npz(tmp_path / "w.npz", arrays))
    assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in ours.get_weights()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_weights_give_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    layer = built()
    for name in "ab":
        layer.save_weights(tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["save_weights", "load_weights"])
def test_unbuilt_layer_has_no_weights_to_save_or_load(method: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"`{method}` on layer .* isn't built"):
        getattr(SeparableConv1D(4, 3), method)(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.h5", "w", "w.keras", "w.NPZ"])
def test_other_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"must end in \.npz, \.safetensors or \.weights\.h5"):
        built().save_weights(tmp_path / name)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        built().load_weights(tmp_path / "w.npz")


def test_folder_and_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    assert_refused(tmp_path / "folder.npz", "not a regular file")
    assert_refused(tmp_path / "pipe.npz", "not a regular file")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_file_changes_nothing(suffix: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole{suffix}"
    built().save_weights(whole)
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    for length in range(0, len(data), 7):
        cut.write_bytes(data[:length])
        assert_refused(cut, "cut")


def test_flipped_byte_of_an_archive_is_noticed(tmp_path: Path) -> None:
    whole = tmp_path / "w.npz"
    built().save_weights(whole)
    data = bytearray(whole.read_bytes())
    data[data.index(b"\n") + 5] ^= 1  # a value of the first array
    whole.write_bytes(data)
    assert_refused(whole, "CRC")


@pytest.mark.parametrize("suffix", OWN)
def test_names_are_exactly_those_expected(suffix: str, tmp_path: Path) -> None:
    def write(arrays: dict[str, Any]) -> Path:
        path = tmp_path / f"w{suffix}"
        if suffix == ".npz":
            return npz(path, arrays)
        safetensors.numpy.save_file(arrays, path)
        return path

    held = values(built())
    assert_refused(write({**held, "more": np.ones(1)}), "'more(.npy)?', which is not expected")
    missing = {name: held[name] for name in NAMES[:2]}
    assert_refused(write(missing), "holds no 'separable_conv1d/bias")
    misspelt = {name.replace("bias", "bais"): value for name, value in held.items()}
    assert_refused(write(misspelt), "did you mean `separable_conv1d/bias")
    assert_refused(write({**held, NAMES[2]: np.ones(5, "f4")}), r"must have shape \(4,\)")
    assert_refused(write({**held, NAMES[2]: np.ones(4, "f8")}), "must have dtype float32")
    assert_refused(write({**held, NAMES[2]: np.ones(4, "i4")}), "must have dtype float32")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    held = [*values(built()).items()]
    assert_refused(npz(tmp_path / "w.npz", [*held, held[2]]), "bias.npy' twice")


def test_safetensors_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    built().save_weights(path)
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = data[8 : 8 + length].strip()
    entry = json.dumps({NAMES[2]: json.loads(header)[NAMES[2]]})[1:-1].encode()
    header = header[:-1] + b"," + entry + b"}"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + length :])
    assert_refused(path, "bias' twice")


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def test_pickle_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held = values(built())
    evil = np.array([Evil(), 1, 2, 3], dtype=object)
    assert_refused(npz(tmp_path / "w.npz", {**held, NAMES[2]: evil}), "must have dtype float32")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }",
        "{'descr': '<f4', 'fortran_order': 3, 'shape': (4,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }",
        "__import__('os').mkdir('executed')",
        "(" * 5000,
        "",
    ],
    ids=lambda header: header[:40],
)
def test_header_that_lies_is_refused(
    header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = header.encode() + b"\n"
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(12)  # 3 of 4 floats
    assert_refused(npz(tmp_path / "w.npz", {**values(built()), NAMES[2]: raw}), "w.npz")
    assert not (tmp_path / "executed").exists()


def test_more_bytes_than_declared_are_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.save(data, np.zeros(4, "f4"))
    held = {**values(built()), NAMES[2]: data.getvalue() + b"more"}
    assert_refused(npz(tmp_path / "w.npz", held), "must hold 16 bytes, the file declares 20")


def test_bomb_takes_no_more_memory_than_the_weights(tmp_path: Path) -> None:
    data = io.BytesIO()
    np.save(data, np.zeros(4, "f4"))
    bomb = data.getvalue() + bytes(200_000_000)
    path = npz(tmp_path / "w.npz", {**values(built()), NAMES[2]: bomb}, compress=True)
    del bomb, data
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    assert_refused(path, "must hold 16 bytes, the file declares 200000")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_file_larger_than_the_weights_can_be_is_not_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    built().save_weights(path)
    with path.open("r+b") as file:
        file.truncate(10**9)
    tracemalloc.start()
    assert_refused(path, "holds (1000000000|9999)|declares [0-9]* bytes")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_safetensors_header_that_lies_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for header in (b"[]", b"3", b"{", b"[" * 4000, b'{"a": 1}'):
        path.write_bytes(struct.pack("<Q", len(header)) + header)
        assert_refused(path, "w.safetensors")
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    assert_refused(path, "is truncated")


@pytest.mark.parametrize("suffix", [".keras", ".safetensors"])
def test_network_of_hundreds_of_layers_goes_round(tmp_path: Path, suffix: str) -> None:
    x = y = sepconv.Input((None, 2))
    for _ in range(150):  # 450 layers, as many as QuartzNet 15x5 has with its dropouts
        y = sepconv.SeparableConv1D(2, 3, padding="same")(y)
        y = sepconv.ReLU()(sepconv.BatchNormalization()(y))
    network = sepconv.Model(x, y)
    network.save(tmp_path / f"deep{suffix}")
    again = sepconv.load(tmp_path / f"deep{suffix}")
    assert again.get_config() == network.get_config()
