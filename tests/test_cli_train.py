"""`sepconv train`: from a config and its data to a model file, in one go or in two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv import callbacks, models
from sepconv.cli import main

CONFIG = """\
Sequential:
  input_shape: [9, 3]
  layers:
    - SeparableConv1D: {filters: 4, kernel_size: 3, activation: relu}
    - GlobalAveragePooling1D
    - Dropout: {rate: 0.2}
    - Dense: {units: 2, activation: softmax}
training:
  data: {train: train.npz, validation: valid.npz}
  optimizer: {Adam: {learning_rate: 0.01}}
  loss: sparse_categorical_crossentropy
  metrics: [accuracy]
  epochs: 4
  batch_size: 8
  seed: 3
"""


def write_data(path: Path, samples: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    y = random.integers(2, size=samples)
    x = random.standard_normal((samples, 9, 3)).astype("float32") + y[:, None, None]
    np.savez(path, x=x, y=y)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with net.yaml and its data, and another one to work in."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/net.yaml").write_text(CONFIG)
    write_data(tmp_path / "configs/train.npz", 40, 0)
    write_data(tmp_path / "configs/valid.npz", 16, 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*arguments: str) -> int:
    return main(["train", "configs/net.yaml", *arguments])


def history(folder: str = "net.trained") -> dict[str, list[float]]:
    return json.loads(Path(folder, "history.json").read_text())


def weights(folder: str = "net.trained") -> list[np.ndarray]:
    return sepconv.load(f"{folder}/model.safetensors").get_weights()


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the next training off, as Ctrl-C does, in the epoch after these."""

    def on_epoch_begin(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.History, "on_epoch_begin", on_epoch_begin, raising=False)


def test_train_writes_model_config_history_and_plot(folder: Path) -> None:
    assert train() == 0
    found = {path.name for path in Path("net.trained").iterdir()}
    assert found == {"model.safetensors", "config.json", "history.json", "history.png"}
    curves = history()
    assert curves["epoch"] == [0, 1, 2, 3]
    assert set(curves) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert curves["loss"][-1] < curves["loss"][0]
    assert Path("net.trained/history.png").read_bytes().startswith(b"\x89PNG")
    expanded = json.loads(Path("net.trained/config.json").read_text())
    model = sepconv.load("net.trained/model.safetensors")
    assert json.loads(json.dumps(models.serialize(model))) == expanded


def test_the_model_file_has_the_measured_accuracy(folder: Path) -> None:
    assert train() == 0
    with np.load("configs/valid.npz") as data:
        right = np.argmax(sepconv.load("net.trained/model.safetensors")(data["x"]), 1) == data["y"]
    assert np.mean(right) == pytest.approx(history()["val_accuracy"][-1])


def test_the_same_seed_gives_the_same_bits_and_another_one_others(folder: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert train("--output", name, "--set", f"training.seed={seed}") == 0
    pairs = list(zip(weights("a"), weights("b"), weights("c"), strict=True))
    assert all(np.array_equal(a, b) for a, b, _ in pairs)
    assert not all(np.array_equal(a, c) for a, _, c in pairs)


@pytest.mark.parametrize("seed", ["3", "null"])
def test_an_interrupted_training_goes_on_where_it_was(
    folder: Path, seed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeded = ("--set", f"training.seed={seed}")
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        assert train(*seeded) != 0
    left = {path.name for path in Path("net.trained").iterdir()}
    assert left == {"training.npz", "plan.json", "history.json"}
    kept = json.loads(Path("net.trained/plan.json").read_text())["seed"]
    capsys.readouterr()
    assert train(*seeded) == 0
    assert "going on with net.trained/training.npz" in capsys.readouterr().err
    assert history()["epoch"] == [0, 1, 2, 3]
    assert train("--output", "whole", "--set", f"training.seed={kept}") == 0
    assert history() == history("whole")
    for resumed, whole in zip(weights(), weights("whole"), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_a_checkpoint_of_another_training_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        train()
    before = Path("net.trained/training.npz").read_bytes()
    assert train("--set", "training.batch_size=5") == 2
    assert "is of another training: --restart begins anew" in capsys.readouterr().err
    assert Path("net.trained/training.npz").read_bytes() == before
    assert train("--set", "training.batch_size=5", "--restart") == 0
    assert not Path("net.trained/training.npz").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("train: train.npz, ", "", "nothing to train on"),
        (
            "train.npz",
            "nowhere.npz",
            "configs/nowhere.npz: no such file; configs/net.yaml names it as the train data",
        ),
        ("train.npz", "net.yaml", "a data file ends with .npz"),
        ("{train: train.npz,", "{train: {x: x.npy},", "no array `y`"),
        ("units: 2", "units: 1", "sparse_categorical_crossentropy"),
        ("sparse_categorical", "sparse_categoric", "did you mean"),
    ],
)
def test_what_cannot_be_trained_is_told_and_leaves_no_model(
    folder: Path, old: str, new: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("configs/x.npy", np.zeros((4, 9, 3), "float32"))
    Path("configs/net.yaml").write_text(CONFIG.replace(old, new))
    assert train() in (1, 2)
    printed = capsys.readouterr()
    assert told in printed.out + printed.err
    assert not Path("net.trained/model.safetensors").exists()


def test_damaged_data_are_told_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = Path("configs/train.npz").read_bytes()
    Path("configs/train.npz").write_bytes(whole[: len(whole) // 2])
    assert train() == 2
    assert "train.npz" in capsys.readouterr().err


def test_without_matplotlib_the_plot_alone_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    assert train() == 0
    assert "pip install 'sepconv[plot]'" in capsys.readouterr().err
    assert not Path("net.trained/history.png").exists()
    assert Path("net.trained/model.safetensors").exists()
