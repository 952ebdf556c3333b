"""`sepconv run`, `show`, `expand` and `schema`: the command as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv import config
from sepconv.cli import main, run as run_module
from sepconv.models.costs import measured

ROOT = Path(__file__).parent.parent
NETWORK = """\
Sequential:
  name: net
  layers:
    - SeparableConv1D: {filters: 4, kernel_size: 3, depthwise_initializer: {HeNormal: {seed: 1}},
        pointwise_initializer: {HeNormal: {seed: 2}}}
    - SeparableConv1D: {filters: 2, kernel_size: 1, strides: 2, pointwise_initializer: ones,
        depthwise_initializer: ones}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NETWORK)
    np.save("x.npy", np.random.default_rng(0).standard_normal((5, 9, 3)).astype("float32"))
    return tmp_path


def run(source: str, *arguments: str, output: str = "y.npy") -> int:
    return main(["run", "net.yaml", "--input", source, "--output", output, *arguments])


def test_output_is_that_of_the_python_call(folder: Path) -> None:
    assert run("x.npy") == 0
    np.testing.assert_array_equal(np.load("y.npy"), config.load("net.yaml")(np.load("x.npy")))


@pytest.mark.parametrize("batch_bytes", [1, 3 * 9 * 3 * 4, 2**25])
def test_batches_change_no_bit(
    folder: Path, batch_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "BATCH_BYTES", batch_bytes)
    assert run("x.npy") == 0
    np.testing.assert_array_equal(np.load("y.npy"), config.load("net.yaml")(np.load("x.npy")))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_are_taken_from_a_file(folder: Path, suffix: str) -> None:
    model = config.load("net.yaml")
    x = np.load("x.npy")
    model(x)
    model.set_weights([w + 1 for w in model.get_weights()])
    model.save_weights(f"w{suffix}")
    assert run("x.npy", "--weights", f"w{suffix}") == 0
    np.testing.assert_array_equal(np.load("y.npy"), model(x))


def test_without_weights_it_says_what_the_values_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("x.npy")
    shown = capsys.readouterr()
    assert "no --weights: the layers have the values of their initializers" in shown.err
    assert "(5, 9, 3) -> (5, 4, 2)" in shown.err
    assert shown.out == ""


def test_csv_is_one_sequence(folder: Path) -> None:
    x = np.load("x.npy")[0]
    np.savetxt("x.csv", x, delimiter=",")
    assert run("x.csv") == 0
    expected = config.load("net.yaml")(x[np.newaxis])
    np.testing.assert_allclose(np.load("y.npy"), expected, rtol=1e-6)


def test_csv_has_time_down_for_channels_first_too(folder: Path) -> None:
    text = "SeparableConv1D: {filters: 4, kernel_size: 3, data_format: channels_first}"
    (folder / "net.yaml").write_text(text)
    np.savetxt("x.csv", np.zeros((9, 3)), delimiter=",")
    assert run("x.csv") == 0
    assert np.load("y.npy").shape == (1, 4, 7)


@pytest.mark.parametrize(("arrays", "name"), [("x", None), ("xy", "y")])
def test_npz_holds_one_array_or_the_named_one(folder: Path, arrays: str, name: str | None) -> None:
    x = np.load("x.npy")
    np.savez("x.npz", **{letter: x + index for index, letter in enumerate(arrays)})
    assert run("x.npz", *(("--array", name) if name else ())) == 0
    expected = config.load("net.yaml")(x + arrays.index(name or "x"))
    np.testing.assert_array_equal(np.load("y.npy"), expected)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int16", "uint8", "bool", ">f4"])
def test_numbers_of_any_dtype_are_taken(folder: Path, dtype: str) -> None:
    x = (np.load("x.npy") * 3).astype(dtype)
    np.save("x.npy", x)
    assert run("x.npy") == 0
    np.testing.assert_array_equal(np.load("y.npy"), config.load("net.yaml")(x))


def test_bfloat16_is_written_as_float32(folder: Path) -> None:
    (folder / "net.yaml").write_text(
        "SeparableConv1D: {filters: 4, kernel_size: 3, dtype: bfloat16}"
    )
    assert run("x.npy") == 0
    assert np.load("y.npy").dtype == np.float32


def test_empty_batch_gives_an_empty_batch(folder: Path) -> None:
    np.save("x.npy", np.zeros((0, 9, 3), "float32"))
    assert run("x.npy") == 0
    assert np.load("y.npy").shape == (0, 4, 2)


def files() -> dict[str, Any]:
    """Inputs that are refused, and a part of the reason."""
    return {
        "rank.npy": (np.zeros((9, 3)), "has no batch axis; save it as x[np.newaxis]"),
        "short.npy": (np.zeros((5, 2, 3)), "Computed output size would be zero or negative"),
        "complex.npy": (np.zeros((5, 9, 3), complex), "complex"),
        "text.npy": (np.full((5, 9, 3), "a"), "str"),
        "object.npy": (np.full((5, 9, 3), None), "Object arrays cannot be loaded"),
        "pickle.npy": (b"\x80\x04N." * 9, "magic string is not correct"),
        "truncated.npy": (b"\x93NUMPY\x01\x00", "EOF"),
        "none.npy": (None, "none.npy: No such file or directory"),
        "damaged.npz": (b"PK\x03\x04 nothing", "damaged"),
        "two.npz": ({"a": np.zeros(1), "b": np.zeros(1)}, "name one with --array: a, b"),
        "header.csv": (b"time,value\n0,1\n", "header.csv:1: ['time', 'value'] are no numbers"),
        "ragged.csv": (b"1,2\n3\n", "ragged.csv:2: 1 columns, line 1 has 2"),
        "words.csv": (b"1,2\n3,x\n", "words.csv:2: ['3', 'x'] are no numbers"),
        "empty.csv": (b"\n\n", "no numbers"),
        "sound.wav": (b"RIFF", "an input ends with .npy, .npz or .csv"),
    }


@pytest.mark.parametrize("name", files())
def test_input_that_is_refused_is_status_2_and_writes_nothing(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contents, message = files()[name]
    if isinstance(contents, bytes):
        (folder / name).write_bytes(contents)
    elif isinstance(contents, dict):
        np.savez(name, **contents)
    elif contents is not None:
        np.save(name, contents)
    before = sorted(folder.iterdir())
    assert run(name) == 2
    assert message in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_wrong_channels_name_both_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = NETWORK.replace("  name: net\n", "  name: net\n  input_shape: [9, 4]\n")
    (folder / "net.yaml").write_text(text)
    assert run("x.npy") == 2
    assert "to have value 4, but received input with shape (5, 9, 3)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "message"),
    [("y.txt", "the result is an .npy file"), ("no/y.npy", "no such folder")],
)
def test_output_is_checked_before_the_work(
    folder: Path, output: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("none.npy", output=output) == 2
    assert message in capsys.readouterr().err


def test_weights_of_another_network_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("w.npz", kernel=np.zeros(3))
    assert run("x.npy", "--weights", "w.npz") == 2
    assert "w.npz" in capsys.readouterr().err
    assert not (folder / "y.npy").exists()


def test_failure_leaves_the_old_output(folder: Path) -> None:
    (folder / "y.npy").write_bytes(b"old")
    np.save("x.npy", np.zeros((5, 2, 3)))
    assert run("x.npy") == 2
    assert (folder / "y.npy").read_bytes() == b"old"


def test_refused_config_is_status_1_with_its_findings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.yaml").write_text("SeparableConv1D: {filters: 4, kernal_size: 3}\n")
    assert run("x.npy") == 1
    assert "net.yaml:1:31: error[SC102]" in capsys.readouterr().err


# --- show, expand, schema ------------------------------------------------------------------------


def test_show_counts_what_the_layers_have(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "net.yaml", "--input-shape", "9,3"]) == 0
    shown = capsys.readouterr().out
    model = config.load("net.yaml")
    model.build((None, 9, 3))
    assert f"{model.count_params()}" in shown
    # Multiply-adds by hand: 7 steps of 3·3 + 3·4, then 4 steps of 4·1 + 4·2.
    assert f"{7 * (9 + 12)}" in shown
    assert f"{7 * (9 + 12) + 4 * (4 + 8)}" in shown
    assert "(?, 4, 2)" in shown


def test_receptive_field_is_what_an_output_depends_on() -> None:
    layers = [
        sepconv.SeparableConv1D(1, 3, strides=2, use_bias=False),
        sepconv.SeparableConv1D(1, 4, dilation_rate=3, use_bias=False),
        sepconv.SeparableConv1D(1, 2, strides=3, use_bias=False),
    ]
    model = sepconv.Sequential([sepconv.Input((100, 1)), *layers])
    (*_, last) = measured(model)
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    impulses = np.eye(100)[:, :, np.newaxis]
    seen = np.flatnonzero(model(impulses)[:, 0, 0])
    assert last.field == seen[-1] - seen[0] + 1


def test_show_says_what_it_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "net.yaml"]) == 0
    assert "--input-shape" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda p: p.name)
def test_examples_are_shown_and_run(path: Path, tmp_path: Path) -> None:
    own = ["--register", str(ROOT / "configs" / "custom_objects.py")]

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "sepconv", *arguments, *own], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    shapes = {
        "ecg": (2, 12, 5000),
        "keyword_spotting": (2, 98, 40),
        "keyword_residual": (2, 98, 40),
        "speakers": (2, 29, 12),
        "glosses": (2, 24),
    }
    shape = shapes.get(path.stem, (2, 20, 8))
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 9, shape).astype("float32"))
    assert "receptive field" in command(
        "show", str(path), "--input-shape", ",".join(map(str, shape[1:]))
    )
    command(
        "run", str(path), "--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y.npy")
    )
    y = np.load(tmp_path / "y.npy")
    assert len(y) == 2
    assert np.isfinite(y).all()


def test_expand_is_stable_and_complete(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "net.yaml"]) == 0
    first = capsys.readouterr().out
    (folder / "again.json").write_text(first)
    assert main(["expand", "again.json"]) == 0
    assert capsys.readouterr().out == first
    (layer, _) = json.loads(first)["config"]["layers"]
    in_config = {k for k, a in sepconv.SeparableConv1D.arguments.items() if a.in_config}
    assert set(layer["config"]) == in_config


def test_schema_prints_one_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "initializers"]) == 0
    committed = (ROOT / "schemas" / "initializers.schema.json").read_text()
    assert capsys.readouterr().out == committed
    assert main(["schema"]) == 0
    assert "network.schema.json" in json.loads(capsys.readouterr().out)["definitions"]


def test_schema_of_an_unknown_name_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "initialisers"]) == 2
    assert "did you mean `initializers`?" in capsys.readouterr().err


def test_schema_writes_what_is_committed(tmp_path: Path) -> None:
    assert main(["schema", "--write", str(tmp_path)]) == 0
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in ROOT.glob("schemas/*.json")}
