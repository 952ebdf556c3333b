"""The main job on real speech: `make demo`.

A layer declared in configs/speech.yaml turns 640 recorded utterances into features; a linear
classifier on them names the speaker; the command line gives the same bits; a typo is caught.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

import sepconv

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "speech.yaml"
DATA = ROOT / "examples" / "data" / "japanese_vowels.npz"

SPEAKERS = 9
TIMED_SECONDS = 1.0
RIDGE_STRENGTHS = tuple(10.0**power for power in range(-2, 5))
PIPED_WIDTH = 100  # columns, when the output is no terminal

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


class Speech(NamedTuple):
    """Utterances (frames, 12), standardised by the training frames, and who spoke: 0..8."""

    train: list[Floats]
    test: list[Floats]
    train_speaker: Ints
    test_speaker: Ints


def load_speech(path: Path) -> Speech:
    """Read examples/data/japanese_vowels.npz and cut it into utterances."""
    with np.load(path) as data:
        mean, deviation = data["x_train"].mean(axis=0), data["x_train"].std(axis=0)

        def utterances(part: str) -> list[Floats]:
            ends = np.cumsum(data[f"length_{part}"])
            return np.split((data[f"x_{part}"] - mean) / deviation, ends[:-1])

        return Speech(
            utterances("train"),
            utterances("test"),
            data["speaker_train"] - 1,
            data["speaker_test"] - 1,
        )


def equal_length_batches(utterances: list[Floats]) -> list[tuple[Ints, Floats]]:
    """Indices and (B, T, C) arrays, one batch a length: nothing is padded, nothing masked."""
    lengths = np.array([len(x_tc) for x_tc in utterances])
    groups = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
    return [(group, np.stack([utterances[i] for i in group])) for group in groups]


def pooled_features(layer: sepconv.SeparableConv1D, utterances: list[Floats]) -> Floats:
    """Mean and maximum over time of the layer's output: (utterances, 2 * filters)."""
    rows = np.empty((len(utterances), 2 * layer.filters), np.float32)
    for group, x_btc in equal_length_batches(utterances):
        rows[group] = pool(layer(x_btc))
    return rows


def pool(y_btf: Floats) -> Floats:
    """Mean and maximum over time, side by side."""
    return np.concatenate([y_btf.mean(axis=1), y_btf.max(axis=1)], axis=1)


class Ridge:
    """Linear least squares onto one-hot classes, with an L2 penalty.

    Its strength is the one with the least leave-one-out error on the training rows alone, which
    has a closed form: residual_i = alpha_i / (K + strength I)^-1_ii (Allen 1974, PRESS).
    """

    def __init__(self, rows: Floats, classes: Ints) -> None:
        self._mean, self._scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        x = self._columns(rows)
        targets = np.eye(SPEAKERS)[classes]
        fits = []
        for strength in RIDGE_STRENGTHS:
            inverse = np.linalg.inv(x @ x.T + strength * np.eye(len(x)))
            alpha = inverse @ targets
            left_out_error = np.sum((alpha / np.diag(inverse)[:, None]) ** 2)
            fits.append((left_out_error, strength, x.T @ alpha))
        _, self.strength, self._weights = min(fits, key=lambda fit: fit[0])

    def _columns(self, rows: Floats) -> Floats:
        """Standardised, and a column of ones."""
        scaled = (rows.astype(np.float64) - self._mean) / self._scale
        return np.concatenate([scaled, np.ones((len(rows), 1))], axis=1)

    def accuracy(self, rows: Floats, classes: Ints) -> float:
        return float(np.mean(np.argmax(self._columns(rows) @ self._weights, axis=1) == classes))


def median_seconds(layer: sepconv.SeparableConv1D, batches: list[Floats]) -> float:
    """The median time of one pass over all batches."""
    taken = []
    end = time.perf_counter() + TIMED_SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        for x_btc in batches:
            layer(x_btc)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def flops(layer: sepconv.SeparableConv1D, batches: list[Floats]) -> int:
    """Two for each multiply-add of the depthwise and the pointwise convolution."""
    taps, channels, multiplier = layer.get_weights()[0].shape
    steps = sum(
        batch * layer.compute_output_shape((batch, length, channels))[1]
        for batch, length, _ in (x_btc.shape for x_btc in batches)
    )
    return int(2 * steps * channels * multiplier * (taps + layer.filters))


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the `sepconv` command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "sepconv", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def show_layer(console: Console) -> None:
    console.rule("[bold]1. A layer, declared[/]", align="left")
    text = CONFIG.read_text(encoding="utf-8")
    console.print(Syntax(text, "yaml", theme="ansi_dark", background_color="default"))
    checked = command("validate", CONFIG.relative_to(ROOT))
    console.print(f"$ sepconv validate {CONFIG.relative_to(ROOT)}", style="dim", highlight=False)
    console.print(checked.stdout.strip() or "no findings", markup=False)
    if checked.returncode:
        raise SystemExit(f"the example does not validate:\n{checked.stdout}{checked.stderr}")


def show_speed(console: Console, layer: sepconv.SeparableConv1D, speech: Speech) -> None:
    console.rule("[bold]2. Recordings into features[/]", align="left")
    utterances = speech.train + speech.test
    batches = [x_btc for _, x_btc in equal_length_batches(utterances)]
    frames = sum(map(len, utterances))
    seconds = median_seconds(layer, batches)
    info = dict(sepconv.kernel_info())
    lengths = [x_btc.shape[1] for x_btc in batches]
    table = Table(show_header=False, box=None)
    for name, value in (
        ("input", f"{len(utterances)} utterances, {frames:,} frames of 12 LPC cepstra"),
        ("batches", f"{len(batches)}, one a length ({min(lengths)} to {max(lengths)}): no padding"),
        ("one pass", f"{seconds * 1e3:.2f} ms, the median of {TIMED_SECONDS:g} s of passes"),
        ("utterances", f"{len(utterances) / seconds:,.0f} a second"),
        ("frames", f"{frames / seconds:,.0f} a second"),
        ("rate", f"{flops(layer, batches) / seconds / 1e9:.1f} GFLOP/s"),
        ("kernel", f"{info['isa']}, {sepconv.get_num_threads()} thread(s)"),
    ):
        table.add_row(f"[dim]{name}[/]", value)
    console.print(table)


def show_accuracy(console: Console, layer: sepconv.SeparableConv1D, speech: Speech) -> None:
    console.rule("[bold]3. Who is speaking?[/]", align="left")
    console.print(
        f"Mean and maximum over time, then ridge regression fitted on {len(speech.train)} "
        f"utterances;\naccuracy on the {len(speech.test)} held out. Nothing in the layer is "
        "trained: its weights are the\nseeded initial ones.",
        highlight=False,
    )

    def held_out(train_rows: Floats, test_rows: Floats) -> float:
        ridge = Ridge(train_rows, speech.train_speaker)
        return ridge.accuracy(test_rows, speech.test_speaker)

    raw = [np.concatenate([pool(x[None]) for x in part]) for part in (speech.train, speech.test)]
    features = [pooled_features(layer, part) for part in (speech.train, speech.test)]
    table = Table("features", "held-out accuracy")
    table.add_row("chance", f"{1 / SPEAKERS:.1%}")
    table.add_row("the frames themselves", f"{held_out(*raw):.1%}")
    table.add_row("after SeparableConv1D", f"[bold]{held_out(*features):.1%}[/]")
    console.print(table)


def show_command(console: Console, layer: sepconv.SeparableConv1D, speech: Speech) -> None:
    console.rule("[bold]4. The same from the command line[/]", align="left")
    with tempfile.TemporaryDirectory() as folder:
        x_file, y_file, w_file = (Path(folder) / f for f in ("x.npy", "y.npy", "w.npz"))
        x_btc = np.stack(speech.test[:1])
        np.save(x_file, x_btc)
        weights: dict[str, Any] = {weight.path: np.asarray(weight) for weight in layer.weights}
        np.savez(w_file, **weights)
        config = CONFIG.relative_to(ROOT)
        ran = command("run", config, "--input", x_file, "--weights", w_file, "--output", y_file)
        if ran.returncode:
            raise SystemExit(f"sepconv run failed:\n{ran.stdout}{ran.stderr}")
        same = np.array_equal(np.load(y_file), layer(x_btc))
    console.print(
        f"$ sepconv run {config} --input x.npy --weights w.npz --output y.npy",
        style="dim",
        highlight=False,
    )
    if not same:
        raise SystemExit("the command and the Python call differ")
    console.print("the same bits as the Python call: [green]yes[/]")


def show_typo(console: Console) -> None:
    console.rule("[bold]5. A typo, caught[/]", align="left")
    with tempfile.TemporaryDirectory() as folder:
        wrong = Path(folder) / "speech.yaml"
        text = CONFIG.read_text(encoding="utf-8").replace("kernel_size", "kernal_size")
        wrong.write_text(text, encoding="utf-8")
        checked = command("validate", wrong)
    console.print("$ sepconv validate speech.yaml", style="dim", highlight=False)
    console.print(checked.stdout.replace(f"{folder}/", "").strip(), markup=False)
    if checked.returncode != 1:
        raise SystemExit("the typo was not caught")


def main() -> None:
    """Run the five parts; a failure of any is an error."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    begin = time.perf_counter()
    speech = load_speech(DATA)
    layer = sepconv.load(CONFIG)
    if not isinstance(layer, sepconv.SeparableConv1D):
        raise SystemExit(f"{CONFIG.name} should declare one SeparableConv1D")
    layer.build((None, None, speech.train[0].shape[1]))
    show_layer(console)
    show_speed(console, layer, speech)
    show_accuracy(console, layer, speech)
    show_command(console, layer, speech)
    show_typo(console)
    console.print(f"\ndone in {time.perf_counter() - begin:.1f} s", style="dim")


if __name__ == "__main__":
    main()
