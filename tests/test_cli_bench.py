"""`sepconv bench`: how long a network takes, as a whole and layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sepconv
from sepconv.cli import main
from sepconv.models.timing import timed

NETWORK = """\
Sequential:
  layers:
    - InputLayer: {batch_shape: [null, 20, 6]}
    - Conv1D: {filters: 8, kernel_size: 3, name: conv}
    - BatchNormalization: {name: norm}
    - ReLU: {name: relu}
    - GlobalAveragePooling1D: {name: mean}
    - Dense: {units: 3, name: dense}
"""


def benched(tmp_path: Path, text: str, *options: str) -> Any:
    config, written = tmp_path / "net.yaml", tmp_path / "times.json"
    config.write_text(text)
    threads = sepconv.get_num_threads()
    try:
        status = main(["bench", str(config), "--seconds", "0.01", "--json", str(written), *options])
    finally:
        sepconv.set_num_threads(threads)
    return json.loads(written.read_text()) if status == 0 else status


def test_bench_times_the_call_and_what_is_computed_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = benched(tmp_path, NETWORK, "--batch", "4", "--threads", "1")
    assert [part["names"] for part in times["layers"]] == [
        ["conv", "norm", "relu"],
        ["mean"],
        ["dense"],
    ]
    assert times["batch"] == 4
    assert times["threads"] == 1
    assert 0 < times["best_seconds"] <= times["median_seconds"]
    assert times["samples_per_second"] == pytest.approx(4 / times["median_seconds"])
    # Two for each multiply-add of 18 steps, and of Dense.
    conv, dense = 2 * 4 * 18 * 3 * 6 * 8, 2 * 4 * 8 * 3
    assert [part["flops"] for part in times["layers"]] == [conv, 0, dense]
    assert times["flops"] == conv + dense
    printed = capsys.readouterr().out
    assert "conv (Conv1D) + norm + relu" in printed
    assert "batch 4, 1 thread: " in printed


def test_bench_takes_a_layer_with_the_shape_of_its_input(tmp_path: Path) -> None:
    text = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"
    times = benched(tmp_path, text, "--input-shape", "9,2")
    assert times["flops"] == 2 * 7 * (3 * 2 + 2 * 4)


def test_bench_closes_an_open_length(tmp_path: Path) -> None:
    times = benched(tmp_path, NETWORK.replace("20, 6", "null, 6"), "--input-shape", "12,6")
    assert times["layers"][0]["flops"] == 2 * 10 * 3 * 6 * 8


def test_bench_gives_an_embedding_numbers_of_its_rows(tmp_path: Path) -> None:
    text = """\
Sequential:
  layers:
    - InputLayer: {batch_shape: [null, 20], dtype: int32}
    - Embedding: {input_dim: 3, output_dim: 4}
"""
    assert benched(tmp_path, text)["layers"][0]["classes"] == ["Embedding"]


def test_bench_needs_to_know_the_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benched(tmp_path, "SeparableConv1D: {filters: 4, kernel_size: 3}\n") == 2
    assert "leaves the input's shape open: --input-shape" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--batch", "0"), "0 is no whole number of at least 1"),
        (("--threads", "two"), "two is no whole number of at least 1"),
        (("--seconds", "-1"), "-1 is no number of seconds"),
    ],
)
def test_bench_refuses_what_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str], told: str
) -> None:
    with pytest.raises(SystemExit):
        benched(tmp_path, NETWORK, *option)
    assert told in capsys.readouterr().err


def test_a_layer_that_is_called_twice_is_timed_twice() -> None:
    x = sepconv.Input((10, 6))
    layer = sepconv.Conv1D(6, 3, padding="same")
    inner = sepconv.Sequential([sepconv.Input((10, 6)), sepconv.Conv1D(6, 1)])
    timing = timed(sepconv.Functional(x, inner(layer(layer(x)))), seconds=0.01)
    assert [part.flops for part in timing.parts] == [2160, 2160, 720]
    assert timing.flops == 2160 + 2160 + 720
