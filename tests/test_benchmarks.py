"""The benchmarks: what they count, what they hold for right, and that they run without any peer."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace

import ml_dtypes
import numpy as np
import pytest
from keras_oracle import keras
from rich.console import Console

import sepconv
from benchmarks import (
    instructions,
    networks,
    peers,
    report,
    results,
    run,
    scaling,
    training,
    worker,
)
from benchmarks.machine import describe_machine
from benchmarks.peers import trainers
from benchmarks.probes import Rates
from benchmarks.results import Results, Timing
from benchmarks.workloads import BY_NAME, WORKLOADS, Workload, reference
from benchmarks.workloads.training import TrainingStep
from sepconv.cli.bench import figures
from sepconv.models.turns import Turn

SMALL = Workload("small", B=2, T=9, C=3, F=5, K=4, stride=2, M=2)
DILATED = Workload("dilated", B=2, T=30, C=3, F=5, K=4, dilation=3)
UNEVEN = Workload("uneven", B=1, T=10, C=2, F=3, K=4)


def keras_result(workload: Workload) -> np.ndarray:
    """Keras's own layer on the workload's operands."""
    layer = keras.layers.SeparableConv1D(
        workload.F,
        workload.K,
        strides=workload.stride,
        padding=workload.padding,
        data_format="channels_last",
        dilation_rate=workload.dilation,
        depth_multiplier=workload.M,
        activation="relu",
    )
    x, *weights = workload.operands
    layer.build(x.shape)
    layer.set_weights(weights)
    return np.asarray(layer(x))


@pytest.mark.parametrize(
    "workload",
    [SMALL, DILATED, UNEVEN, replace(SMALL, padding="valid"), BY_NAME["page"], BY_NAME["kws_b1"]],
    ids=lambda w: f"{w.name}-{w.padding}",
)
def test_the_reference_agrees_with_keras(workload):
    assert workload.relative_error(keras_result(workload)) < 1e-6


def test_the_reference_refuses_bfloat16_arithmetic():
    workload = BY_NAME["kws_b1"]
    rounded = keras_result(workload).astype(ml_dtypes.bfloat16).astype(np.float32)
    assert workload.relative_error(rounded) > reference.LIMIT


def test_the_reference_refuses_another_shape():
    with pytest.raises(ValueError, match=r"expected an output of shape \(2, 5, 5\)"):
        SMALL.relative_error(np.zeros((2, 5, 4), np.float32))


def test_the_reference_always_samples_the_first_and_the_last_step():
    for workload in WORKLOADS:
        _, steps = reference.sampled_positions(workload.B, workload.out_steps)
        assert {0, workload.out_steps - 1} <= set(steps.tolist())


def test_flops_are_two_for_each_multiply_add():
    multiply_adds = 0
    for _batch in range(SMALL.B):
        for _step in range(SMALL.out_steps):
            for _channel in range(SMALL.C * SMALL.M):
                multiply_adds += SMALL.K + SMALL.F
    assert SMALL.flops == 2 * multiply_adds


@pytest.mark.parametrize("workload", [SMALL, UNEVEN, BY_NAME["page"]], ids=lambda w: w.name)
def test_bytes_are_those_of_the_operands_and_the_output(workload):
    operands = sum(operand.nbytes for operand in workload.operands)
    assert workload.bytes_moved == operands + keras_result(workload).nbytes


def test_the_workloads_are_the_thirteen_of_the_documentation():
    assert len(WORKLOADS) == len(BY_NAME) == 13
    assert BY_NAME["quartz_k75"].flops == 2 * 4 * 800 * 512 * (75 + 512)
    assert BY_NAME["ecg_dm4"].out_steps == 4985


def test_the_roofline_is_the_slower_of_computing_and_moving():
    flops, moved = SMALL.flops, SMALL.bytes_moved
    assert SMALL.roofline_seconds(flops, 2 * moved) == 1.0
    assert SMALL.roofline_seconds(2 * flops, moved) == 1.0


def timing(peer: str, seconds: float, threads: int = 1, form: str = "conv1d") -> Timing:
    turns = [Turn(s, s, 1) for s in (seconds, seconds, 100 * seconds)]
    return Timing(SMALL, threads, peer, form, turns)


def test_a_disturbed_round_does_not_move_the_median():
    assert timing("torch", 0.5).seconds == 0.5


def test_the_best_peer_may_use_fewer_threads_and_any_form():
    found = Results(
        {},
        [
            timing("sepconv", 1.0, threads=2),
            timing("torch", 4.0, threads=1),
            timing("torch", 6.0, threads=2),
            timing("onnxruntime", 5.0, threads=2),
            timing("onnxruntime", 2.0, threads=2, form="conv2d 1×T"),
        ],
    )
    assert found.best_peer(SMALL, 2).title == "onnxruntime (conv2d 1×T, 2)"
    assert found.best_1d_peer(SMALL, 2).title == "torch (conv1d, 1)"
    assert found.best_peer(SMALL, 1).title == "torch (conv1d, 1)"
    assert found.geometric_mean_speedup("sepconv", 2, found.best_peer) == pytest.approx(2.0)
    assert found.geometric_mean_speedup("sepconv", 2, found.best_1d_peer) == pytest.approx(4.0)


def test_the_roofline_fraction_uses_the_rates_of_the_same_rounds():
    found = Results({}, [timing("sepconv", 2.0)])
    found.probes[SMALL.name, 1] = [Rates(SMALL.flops, 1e12), Rates(SMALL.flops, 1e12)]
    assert found.roofline_fraction(found.timings[0]) == pytest.approx(0.5)


def test_what_leaves_fma_behind_may_pass_its_roofline(tmp_path, capsys):
    found = Results(
        {"rounds": 3, "seconds_a_turn": 1, "run_seconds": 1, "cpus_used_by_others": 0},
        [timing("sepconv", 0.25), timing("torch", 2.0)],
    )
    found.probes[SMALL.name, 1] = [Rates(SMALL.flops, 1e12)]
    assert found.roofline_fraction(found.timings[0]) == pytest.approx(4.0)
    machine = describe_machine([])
    assert found.as_json(machine)["cells"][0]["timings"][0]["roofline_fraction"] > 1
    report.print_tables(found, machine, Console(width=150))
    printed = capsys.readouterr().out
    assert re.search(r"of FMA.*\n.*roofline", printed)
    assert " 4.00 " in printed
    assert "FMA peak" in printed
    report.plot(found, machine, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["sepconv_avx512", "sepconv_avx2"])
def test_a_peer_on_lower_kernels_runs_them_or_says_why_not(name):
    kernel = sepconv.kernel_info()
    lower = kernel["available"][: kernel["available"].index(kernel["isa"])]
    code = (
        f"import sepconv; from benchmarks.peers import PEERS; PEERS[{name!r}](1); "
        "print(sepconv.kernel_info()['isa'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    isa = name.removeprefix("sepconv_")
    assert done.stdout.split() == ([isa] if isa in lower else [])
    assert isa in lower or "no lower than" in done.stderr or "SEPCONV_ISA must be" in done.stderr


def test_a_missing_peer_says_why():
    class Missing:
        requires = ("sepconv", "no_such_module")

    assert peers.unavailable(Missing) == "no_such_module not installed"
    found = run.run([BY_NAME["page"]], {"missing": Missing}, [1], 1, 0.001, Console(quiet=True))
    assert found.absent["missing"] == "no_such_module not installed"


def test_a_peer_that_computes_something_else_is_not_timed():
    wrong = peers.Form("wrong", lambda: None, lambda _: np.zeros((2, 5, 5), np.float32))
    with pytest.raises(ArithmeticError, match="wrong on small: relative error"):
        worker.checked_error(SMALL, wrong)


def small_step(**changes) -> TrainingStep:
    return TrainingStep(**{**asdict(SMALL), **changes})


@pytest.mark.parametrize("trainer", ["sepconv", "jax"])
@pytest.mark.parametrize("changes", [{}, {"stride": 1, "dilation": 2}, {"padding": "valid"}])
def test_trainers_take_the_steps_of_the_reference(trainer, changes):
    step = small_step(**changes)
    (form,) = trainers.TRAINERS[trainer](1).forms(step)
    assert worker.checked_error(step, form) <= step.largest_error


def test_a_trainer_that_does_not_update_is_not_timed():
    step = small_step()
    (form,) = trainers.SepconvTrainer(1).forms(step)
    y = form.call()
    still = trainers.form_of("still", step, lambda: y, np.asarray)
    with pytest.raises(ArithmeticError, match="still on small: relative error"):
        worker.checked_error(step, still)


def test_a_training_run_writes_table_json_and_plot(tmp_path, capsys):
    options = ["--workloads", "kws_b1", "--peers", "sepconv", "--threads", "1", "--rounds", "2"]
    assert training.main([*options, "--seconds", "0.002", "--output", str(tmp_path)]) == 0
    assert "kws_b1" in capsys.readouterr().out
    written = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert written["absent"] == {}
    assert [t["peer"] for t in written["cells"][0]["timings"]] == ["sepconv"]
    assert (tmp_path / "training.png").stat().st_size > 10_000


@pytest.mark.parametrize("peer", networks.NETWORK_PEERS)
@pytest.mark.parametrize("name", ["kws_b1", "sepcnn_text_b1", "quartznet_b1"])
def test_each_form_of_a_network_gives_its_outputs(name, peer):
    call = networks.CALLS[name]
    forms = list(networks.NETWORK_PEERS[peer](1).forms(call))
    assert len(forms) == (3 if peer == "onnxruntime" else 1)
    for form in forms:
        assert worker.checked_error(call, form) <= call.largest_error


def test_flops_of_a_network_are_two_for_each_multiply_add():
    first, separable = 49 * 10 * 40 * 64, 4 * 49 * 64 * (9 + 64)
    assert networks.CALLS["kws_b32"].flops == 2 * 32 * (first + separable + 64 * 12)


def test_a_run_of_networks_writes_table_json_and_plot(tmp_path, capsys):
    options = ["--workloads", "kws_b1", "--threads", "1", "--rounds", "2", "--seconds", "0.002"]
    assert networks.main([*options, "--output", str(tmp_path)]) == 0
    assert "onnxruntime" in capsys.readouterr().out
    written = json.loads((tmp_path / "networks.json").read_text(encoding="utf-8"))
    assert written["absent"] == {}
    assert {t["peer"] for t in written["cells"][0]["timings"]} == {"sepconv", "onnxruntime"}


def test_a_run_with_sepconv_alone_writes_table_json_and_plot(tmp_path, capsys):
    ours = ["sepconv", "sepconv_channels_first"]
    options = ["--workloads", "page", "kws_b1", "--peers", *ours, "--threads", "1"]
    assert (
        run.main([*options, "--rounds", "2", "--seconds", "0.002", "--output", str(tmp_path)]) == 0
    )
    assert "kws_b1" in capsys.readouterr().out
    written = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert written["format"] == "sepconv-bench/1"
    assert written["absent"] == {}
    assert [cell["workload"]["name"] for cell in written["cells"]] == ["page", "kws_b1"]
    for cell in written["cells"]:
        assert [t["peer"] for t in cell["timings"]] == ours
        assert all(len(t["round_seconds"]) == 2 for t in cell["timings"])
        assert all(t["seconds"] > 0 for t in cell["timings"])
        assert cell["probe"]["flops_per_second"] > 1e9
    assert (tmp_path / "bench.png").stat().st_size > 10_000


def test_a_run_over_growing_sizes_writes_table_and_json(tmp_path, capsys):
    assert scaling.main(["--axes", "K", "--seconds", "0.002", "--output", str(tmp_path)]) == 0
    assert "cost over K" in capsys.readouterr().out
    written = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert written["format"] == "sepconv-scaling/1"
    assert written["machine"]["kernel"]["isa"] == sepconv.kernel_info()["isa"]
    counts = range(1, len(os.sched_getaffinity(0)) + 1)
    found = [(p["swept"], p["value"], p["threads"]) for p in written["points"]]
    assert found == [("K", taps, n) for taps in scaling.SWEPT["K"] for n in counts]
    for point in written["points"]:
        assert point["seconds"] > 0
        assert point["flops"] == 2 * 10_000 * 64 * (point["value"] + 64)


def test_what_a_call_holds_beside_its_output_does_not_grow_with_it():
    long = replace(scaling.BASE, T=10**6, C=8, F=8)
    point = scaling._in_own_process("T", long.T, long, 2, 0.01)
    assert point.extra_bytes < 4 * 8 * 10**6 / 4  # a quarter of the output


def test_the_kept_instruction_counts_are_of_the_counted_workloads():
    kept = json.loads(instructions.KEPT.read_text(encoding="utf-8"))
    assert kept["isa"] == instructions.ISA
    assert set(kept["counts"]) == set(instructions.COUNTED)


def test_durations_are_rounded_to_three_digits():
    assert [figures.duration(s) for s in (2.0, 0.0123, 4.56e-6, 1e-7)] == [
        "2.00 s",
        "12.3 ms",
        "4.56 µs",
        "0.100 µs",
    ]


def test_results_know_every_peer_and_cell_once():
    found = results.Results({}, [timing("torch", 1.0), timing("torch", 2.0, form="other")])
    assert found.peers() == ["torch"]
    assert found.cells() == [(SMALL, 1)]
