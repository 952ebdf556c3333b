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


@pytest.mark.parametrize("weights", ["w.npz", "w.safetensors", "w.weights.h5", "trained.keras"])
def test_config_without_an_input_shape_takes_weights_with_one(
    weights: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("open.yaml").write_text(NETWORK.replace("  input_shape: [9, 3]\n", ""))
    if not Path(weights).exists():
        sepconv.load("trained.keras").save_weights(weights)
    for command in (
        ["convert", "open.yaml", "m.keras", "--weights", weights],
        ["export", "open.yaml", "m.onnx", "--weights", weights],
    ):
        assert main(command) == 2
        assert "open.yaml: tells no input shape" in capsys.readouterr().err
        assert main([*command, "--input-shape", "9,3"]) == 0
        assert "initializers" not in capsys.readouterr().err
    assert outputs("m.keras") == outputs("trained.keras")
    assert outputs("open.yaml", weights=weights, input_shape=(9, 3)) == outputs("trained.keras")


def test_model_goes_to_onnx(folder: Path) -> None:
    assert main(["convert", "trained.keras", "c.onnx"]) == 0
    assert main(["export", "trained.keras", "e.onnx"]) == 0
    assert Path("c.onnx").read_bytes() == Path("e.onnx").read_bytes()
    assert main(["convert", "net.yaml", "f.onnx", "--weights", "trained.keras"]) == 0
    assert Path("f.onnx").read_bytes() == Path("e.onnx").read_bytes()


@pytest.mark.parametrize("weights", ["w.npz", "w.safetensors", "w.weights.h5"])
def test_weights_alone_are_no_model(
    weights: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sepconv.load("trained.keras").save_weights(weights)
    for command in (
        ["convert", weights, "m.keras"],
        ["show", weights],
        ["diff", weights, "net.yaml"],
    ):
        assert main(command) == 2
        assert f"{weights}: holds weights alone" in capsys.readouterr().err


def test_self_test_is_stored_and_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "trained.keras", "m.keras", "--verify"]) == 2
    assert "holds no self-test" in capsys.readouterr().err
    assert main(["convert", "net.yaml", "m.keras", "--verify"]) == 2
    assert "net.yaml: holds no self-test" in capsys.readouterr().err
    assert main(["convert", "trained.keras", "m.keras", "--example", "x.npy"]) == 0
    assert main(["convert", "m.keras", "m.safetensors", "--verify"]) == 0
    assert main(["convert", "m.safetensors", "n.keras"]) == 0  # the self-test goes along
    assert Path("n.keras").read_bytes() == Path("m.keras").read_bytes()
    run = ["run", "n.keras", "--verify", "--input", "x.npy", "--output", "y.npy"]
    assert main(run) == 0
    assert "initializers" not in capsys.readouterr().err
    assert np.load("y.npy").tobytes() == outputs("trained.keras")
    assert main([*run, "--set", "layers.2.activation=tanh"]) == 2
    assert "the self-test gives other values: off by" in capsys.readouterr().err


def test_unknown_formats_and_missing_files_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (
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


BARE = ["npz", "safetensors", "weights.h5"]


@pytest.mark.parametrize("suffix", BARE)
def test_weights_alone_are_compared(
    suffix: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model: Any = sepconv.load("trained.keras")
    model.save_weights(f"1.{suffix}")
    bias = model.layers[1].bias
    bias.assign(bias.numpy() + np.array([0, 0.5], "float32"))
    model.save_weights(f"2.{suffix}")
    model.save("2.keras")
    name = "layers/separable_conv1d_1/vars/2" if suffix == "weights.h5" else "last/bias"
    for one, other, named in (
        (f"1.{suffix}", f"2.{suffix}", name),
        ("trained.keras", f"2.{suffix}", "last/bias"),
        (f"1.{suffix}", "2.keras", "last/bias"),
    ):
        assert main(["diff", one, one]) == 0
        capsys.readouterr()
        assert main(["diff", one, other]) == 1
        assert capsys.readouterr().out.splitlines() == [
            f"weights: {named}: 1 of 2 values, by up to 0.5",
            "1 difference in weights",
        ]


def test_weights_that_are_named_in_two_ways_need_the_network(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = sepconv.load("trained.keras")
    for suffix in BARE:
        model.save_weights(f"w.{suffix}")
    assert main(["diff", "w.npz", "w.safetensors"]) == 0
    capsys.readouterr()
    assert main(["diff", "w.npz", "w.weights.h5"]) == 2
    assert "sepconv convert NETWORK" in capsys.readouterr().err


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("suffix", BARE)
def test_weights_of_any_dtype_are_compared(suffix: str, dtype: str, folder: Path) -> None:
    layers = [sepconv.Input((9, 3)), sepconv.Normalization(), sepconv.Dense(2, dtype=dtype)]
    sepconv.Sequential(layers).save_weights(f"w.{suffix}")  # its count is an int32
    assert main(["diff", f"w.{suffix}", f"w.{suffix}"]) == 0
