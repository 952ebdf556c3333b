"""The demonstration and its data: what `make demo` prints is true."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sepconv
from sepconv.cli import main
from sepconv.training import seeded

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "examples" / "demo.py"
DATA = ROOT / "examples" / "data"


@pytest.fixture(scope="module")
def printed():
    ran = subprocess.run(
        [sys.executable, str(DEMO)], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_demo_learns_who_speaks(printed):
    found = re.search(r"held-out accuracy: ([\d.]+)% of 370 utterances", printed)
    assert float(found[1]) >= 97


def test_the_demo_says_how_fast_it_was(printed):
    assert re.search(r"360 steps in [\d.]+ s, 8,873 weights", printed)
    assert re.search(r"utterances +[\d,]+ a second", printed)
    assert re.search(r"kernel +\w+, \d+ thread", printed)


def test_the_demo_shows_the_typo_with_its_place_and_the_right_name(printed):
    assert re.search(r"speakers\.yaml:\d+:\d+: error", printed)
    assert "did you mean `kernel_size`" in printed


def test_the_demo_gives_the_same_bits_from_network_file_and_command(printed):
    assert "the same bits from the network, the file and the command: yes" in printed


def test_the_demo_prints_plain_text_when_piped(printed):
    assert "\x1b" not in printed


@pytest.mark.parametrize(("part", "count", "longest"), [("train", 270, 26), ("test", 370, 29)])
def test_the_utterances_are_those_that_the_readme_describes(part, count, longest):
    with np.load(DATA / f"japanese_vowels_{part}.npz", allow_pickle=False) as data:
        x, y, length = data["x"], data["y"], data["length"]
    assert x.shape == (count, 29, 12)
    assert x.dtype == np.float32
    assert set(y) == set(range(9))
    assert (length.min(), length.max()) == (7, longest)
    spoken = np.arange(29) < length[:, None]
    assert np.all(x[~spoken] == 0)
    assert np.all(np.any(x[spoken] != 0, axis=-1))


@pytest.mark.parametrize(("part", "count"), [("train", 6000), ("test", 1200)])
def test_the_definitions_are_those_that_the_readme_describes(part, count):
    classes, *words = (DATA / "wordnet_glosses.txt").read_text(encoding="utf-8").splitlines()
    with np.load(DATA / f"wordnet_glosses_{part}.npz", allow_pickle=False) as data:
        x, y = data["x"], data["y"]
    assert x.shape == (count, 24)
    assert 0 <= x.min() <= x.max() < len(words) == 4567
    assert set(y) == set(range(len(classes.split()) - 1))
    assert words[:2] == ["<padding>", "?"]
    lengths = np.count_nonzero(x, axis=1)
    assert np.all(np.arange(24) < lengths[:, None], where=x > 0)
    assert lengths.min() >= 4


def test_the_text_network_learns_what_is_defined(tmp_path):
    """Three of its eight epochs: chance is 12.5 %."""
    config = str(ROOT / "configs" / "glosses.yaml")
    assert main(["train", config, "--set", "training.epochs=3", "--output", str(tmp_path)]) == 0
    curves = json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))
    assert curves["val_accuracy"][-1] > 0.6


def test_the_residual_network_learns_its_batch():
    """A few steps on one batch: every layer of the graph passes its gradient on."""
    random = np.random.default_rng(0)
    network = seeded(sepconv.load(ROOT / "configs" / "keyword_residual.yaml"), 1)
    x = random.standard_normal((16, *network.input_shape[1:]), np.float32)
    y = random.integers(network.output_shape[-1], size=16)
    before = network.get_weights()
    network.compile("adam", "sparse_categorical_crossentropy")
    losses = [network.train_on_batch(x, y) for _ in range(10)]
    assert losses[-1] < 0.7 * losses[0]
    for old, new in zip(before, network.get_weights(), strict=True):
        assert not np.array_equal(old, new)
