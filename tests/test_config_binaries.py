"""Models, weights and arrays where a config is expected: the error tells what they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from sepconv import Input, SeparableConv1D, Sequential, config
from sepconv.cli import main
from sepconv.config.limits import MAX_BYTES
from sepconv.errors import ConfigError

CONFIG = (
    "Sequential: {input_shape: [9, 3], layers: [{SeparableConv1D: {filters: 4, kernel_size: 3}}]}"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the same network as a config and in each other form."""
    monkeypatch.chdir(tmp_path)
    model = Sequential([Input((9, 3)), SeparableConv1D(4, 3)])
    for suffix in (".keras", ".safetensors"):
        model.save(f"m{suffix}")
    for suffix in (".npz", ".weights.h5"):
        model.save_weights(f"m{suffix}")
    assert main(["convert", "m.keras", "m.onnx"]) == 0
    np.save("m.npy", np.ones((2, 9, 3), "f4"))
    Path("m.yaml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        (".keras", "a Keras model"),
        (".safetensors", "a model or weights"),
        (".onnx", "an ONNX model"),
        (".npz", "weights or arrays"),
        (".weights.h5", "weights"),
        (".npy", "an array"),
    ],
)
def test_file_is_told_by_its_name_with_a_command_that_works(
    folder: Path, capsys: pytest.CaptureFixture[str], suffix: str, told: str
) -> None:
    name = f"m{suffix}"
    assert main(["validate", name]) == 1
    shown = capsys.readouterr().out
    assert f"{name}:1:1: error[SC001] the file holds {told}, not YAML or JSON text\n" in shown
    commands = re.findall(r"`sepconv ([^`]+)`", shown)
    assert commands
    for command in commands:
        written = command.replace("FILE.yaml", "m.yaml").replace(f"FILE{suffix}", name)
        assert main(shlex.split(written)) == 0


@pytest.mark.parametrize(
    ("suffix", "told"),
    [
        (".keras", "a zip archive, such as a Keras model"),
        (".weights.h5", "HDF5 data, such as a model of Keras 2"),
        (".npy", "an array"),
    ],
)
@pytest.mark.parametrize("name", ["m.yaml", "m", "<stdin>"])
def test_file_of_another_name_is_told_by_its_first_bytes(
    folder: Path, suffix: str, told: str, name: str
) -> None:
    (finding,) = config.validate(Path(f"m{suffix}").read_bytes(), name).findings
    assert finding.message == f"the file holds {told}, not YAML or JSON text"
    assert str(finding.help).startswith("name it FILE.")


def test_large_model_is_told_as_such(folder: Path) -> None:
    raw = Path("m.keras").read_bytes() + bytes(MAX_BYTES)
    (finding,) = config.validate(raw, "m.keras").findings
    assert finding.message.startswith("the file holds a Keras model")


def test_binary_file_is_not_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = Path("m.keras").read_bytes()
    assert main(["validate", "m.keras", "--fix"]) == 1
    assert "PK" not in capsys.readouterr().out
    assert Path("m.keras").read_bytes() == raw
    Path("m.json").write_bytes(raw)
    with pytest.raises(ConfigError, match="the file holds a zip archive") as refused:
        config.load("m.json")
    assert "PK" not in str(refused.value)


@pytest.mark.parametrize("name", ["m.keras", "m.onnx", "m.yaml"])
def test_text_is_read_whatever_its_name(name: str) -> None:
    assert config.validate(CONFIG.encode(), name).findings == ()


@pytest.mark.parametrize("raw", [b"name: \x07\n", b"a: \xff"])
def test_other_bytes_that_are_no_text_are_shown_where_they_stand(raw: bytes) -> None:
    (finding,) = config.validate(raw, "m.yaml").findings
    assert (finding.code, finding.span.line) == ("SC001", 1)
    assert "the file holds the character" in finding.message or "not UTF-8" in finding.message
