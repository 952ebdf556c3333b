"""`sepconv convert` and `diff`: models from one format to another, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv.cli import main

NETWORK = """\
Sequential:
  name: net
  input_shape: [9, 3]
  layers:
    - SeparableConv1D: {filters: 4, kernel_size: 3, bias_initializer: random_normal}
    - SeparableConv1D: {name: last, filters: 2, kernel_size: 1, activation: relu}
"""
MODELS = ["m.keras", "m.safetensors"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NETWORK)
    np.save("x.npy", np.random.default_rng(0).standard_normal((5, 9, 3)).astype("float32"))
    model: Any = sepconv.load("net.yaml")
    model.save("trained.keras")
    return tmp_path


def outputs(name: str, **arguments: Any) -> bytes:
    return np.asarray(sepconv.load(name, **arguments)(np.load("x.npy"))).tobytes()


@pytest.mark.parametrize("first", MODELS)
@pytest.mark.parametrize("second", MODELS)
def test_model_keeps_its_values_and_bytes_through_formats(
    first: str, second: str, folder: Path
) -> None:
    assert main(["convert", "trained.keras", f"1{first}"]) == 0
    assert main(["convert", f"1{first}", f"2{second}"]) == 0
    assert main(["convert", f"2{second}", "back.keras"]) == 0
    assert outputs(f"2{second}") == outputs("trained.keras")
    assert Path("back.keras").read_bytes() == Path("trained.keras").read_bytes()
    assert main(["diff", f"2{second}", "trained.keras"]) == 0


@pytest.mark.parametrize("config", ["c.yaml", "c.json"])
@pytest.mark.parametrize("weights", ["w.npz", "w.safetensors", "w.weights.h5"])
def test_model_goes_through_a_config_and_weights(config: str, weights: str, folder: Path) -> None:
    assert main(["convert", "trained.keras", config, "--save-weights", weights]) == 0
    assert outputs(config, weights=weights) == outputs("trained.keras")
    assert main(["convert", config, "again.keras", "--weights", weights]) == 0
    assert outputs("again.keras") == outputs("trained.keras")
    assert (
        main(["convert", "trained.keras", f"only-{weights}" if "saf" not in weights else "a.npz"])
        == 0
    )


def test_lost_and_made_up_weights_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", "trained.keras", "c.yaml"]) == 0
    assert "c.yaml holds no weights; --save-weights FILE writes them" in capsys.readouterr().err
    assert main(["convert", "net.yaml", "m.keras"]) == 0
    assert "no --weights: the layers have the values of" in capsys.readouterr().err
    Path("open.yaml").write_text(NETWORK.replace("  input_shape: [9, 3]\n", ""))
    assert main(["convert", "open.yaml", "m.keras"]) == 2
    assert "tells no input shape" in capsys.readouterr().err
    assert main(["convert", "open.yaml", "m.keras", "--input-shape", "9,3"]) == 0


def test_self_test_is_stored_and_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "trained.keras", "m.keras", "--verify"]) == 2
    assert "holds no self-test" in capsys.readouterr().err
    assert main(["convert", "trained.keras", "m.keras", "--example", "x.npy"]) == 0
    assert main(["convert", "m.keras", "m.safetensors", "--verify"]) == 0
    run = ["run", "m.keras", "--verify", "--input", "x.npy", "--output", "y.npy"]
    assert main(run) == 0
    assert "initializers" not in capsys.readouterr().err
    assert np.load("y.npy").tobytes() == outputs("trained.keras")
    assert main([*run, "--set", "layers.2.activation=tanh"]) == 2
    assert "the self-test gives other values: off by" in capsys.readouterr().err


def test_unknown_formats_and_missing_files_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
        ["convert", "trained.keras", "m.onnx"],
        ["convert", "trained.keras", "m.h5"],
        ["convert", "nowhere.keras", "m.keras"],
        ["diff", "trained.keras", "nowhere.keras"],
    ):
        assert main(command) == 2
    assert "a model ends with .keras, .safetensors" in capsys.readouterr().err
    Path("layer.yaml").write_text("SeparableConv1D: {filters: 2, kernel_size: 1}")
    assert main(["convert", "layer.yaml", "l.keras", "--input-shape", "4,3"]) == 2
    assert "put 'separable_conv1d' into a Sequential" in capsys.readouterr().err


def test_differences_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.yaml").write_text(NETWORK.replace("relu", "tanh").replace("size: 1", "size: 2"))
    assert main(["diff", "net.yaml", "other.yaml"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "config: layers[2].kernel_size: (1,) | (2,)",
        "config: layers[2].activation: 'relu' | 'tanh'",
        "2 differences in config",
    ]
    model: Any = sepconv.load("trained.keras")
    bias = model.layers[1].bias
    bias.assign(bias.numpy() + np.array([0, 0.5], "float32"))
    model.save("moved.safetensors")
    assert main(["diff", "trained.keras", "moved.safetensors"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "weights: last/bias: 1 of 2 values, by up to 0.5",
        "1 difference in config and weights",
    ]
    assert main(["diff", "trained.keras", "net.yaml"]) == 0
    assert capsys.readouterr().out == "the same in config\n"
