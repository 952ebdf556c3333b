"""`sepconv bench`: how long a network takes, layer by layer, or thirteen layers in two formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv.cli import main
from sepconv.cli.bench import layers
from sepconv.cli.bench.workloads import WORKLOADS, Workload
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


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    """As many as before, whatever a run sets."""
    count = sepconv.get_num_threads()
    yield count
    sepconv.set_num_threads(count)


def benched(tmp_path: Path, text: str, *options: str) -> Any:
    config = tmp_path / "net.yaml"
    config.write_text(text)
    return figures(tmp_path, str(config), "--seconds", "0.01", *options)


def figures(tmp_path: Path, *arguments: str) -> Any:
    written = tmp_path / "times.json"
    status = main(["bench", *arguments, "--json", str(written)])
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


SMALL = Workload("small", B=2, T=9, C=3, F=5, K=4, stride=2, M=2)
FORMATS = ("channels_last", "channels_first")


def test_bench_without_a_file_times_thirteen_layers_in_both_formats_on_all_threads_and_on_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = figures(tmp_path, "--threads", "2", "--seconds", "0.001")
    assert times["format"] == "sepconv-layers/1"
    found = [(t["workload"]["name"], t["data_format"], t["threads"]) for t in times["timings"]]
    names = [workload.name for workload in WORKLOADS]
    assert len(names) == len(set(names)) == 13
    assert found == [(name, f, n) for name in names for f in FORMATS for n in (2, 1)]
    for timing in times["timings"]:
        assert len(timing["round_seconds"]) == times["settings"]["rounds"] == 5
        assert 0 < timing["best_seconds"] <= timing["median_seconds"]
        assert timing["flops_per_second"] == timing["flops"] / timing["median_seconds"]
    printed = capsys.readouterr().out
    assert all(printed.count(name) == 2 for name in names)
    assert printed.count("4,800,512 → 512, k87, dilation 2") == 2


def test_bench_without_a_file_tells_machine_and_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WORKLOADS", (SMALL,))
    machine = figures(tmp_path, "--seconds", "0.001")["machine"]
    kernel = sepconv.kernel_info()
    assert machine["kernel"]["isa"] == kernel["isa"]
    assert machine["kernel"]["threads"] == kernel["threads"]
    assert machine["versions"] == {"numpy": np.__version__, "sepconv": sepconv.__version__}
    printed = capsys.readouterr().out
    assert machine["cpu"] in printed
    assert f"kernels: {kernel['isa']} (of {', '.join(kernel['available'])})" in printed
    assert str(kernel["compiler"]) in printed


def test_bench_on_one_thread_times_each_layer_once_in_each_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WORKLOADS", (SMALL,))
    times = figures(tmp_path, "--threads", "1", "--seconds", "0.001")
    assert [(t["data_format"], t["threads"]) for t in times["timings"]] == [(f, 1) for f in FORMATS]
    # Five of nine steps; two for each multiply-add of 6 depthwise channels.
    assert {t["flops"] for t in times["timings"]} == {2 * 2 * 5 * 6 * (4 + 5)}


def test_bench_leaves_the_threads_as_they_were(
    tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WORKLOADS", (SMALL,))
    figures(tmp_path, "--seconds", "0.001")
    assert sepconv.get_num_threads() == threads


@pytest.mark.parametrize("option", ["--batch=4", "--input-shape=9,2", "--set=filters=3"])
def test_bench_without_a_file_refuses_what_is_for_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert figures(tmp_path, option) == 2
    assert f"{option.split('=')[0]} needs a FILE" in capsys.readouterr().err


def test_bench_help_says_where_other_libraries_are_timed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    assert "`make bench`" in " ".join(capsys.readouterr().out.split())
