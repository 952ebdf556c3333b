"""The main job on real speech: `make demo`.

A network declared in configs/speakers.yaml learns from 270 recorded utterances who is speaking, and
is tried on 370 others; saved and loaded, in Python and on the command line, it gives the same bits;
a typo is caught.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

import sepconv
from sepconv.training import seeded

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "speakers.yaml"

NEEDED_ACCURACY = 0.97  # on the held-out utterances; less is an error
TIMED_SECONDS = 1.0
SHOWN_EPOCHS = 5
PIPED_WIDTH = 100  # columns, when the output is no terminal

Floats = NDArray[np.floating]


def load_arrays(name: str) -> dict[str, NDArray[Any]]:
    """Read a file that the config names."""
    with np.load(CONFIG.parent / name) as data:
        return dict(data)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the `sepconv` command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "sepconv", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def show_command(console: Console, *arguments: object, shown: str = "") -> str:
    """Print a command and what it says; return that."""
    console.print(
        f"$ sepconv {shown or ' '.join(map(str, arguments))}", style="dim", highlight=False
    )
    ran = command(*arguments)
    if ran.returncode:
        raise SystemExit(f"it failed:\n{ran.stdout}{ran.stderr}")
    console.print(ran.stdout.rstrip() or ran.stderr.rstrip(), markup=False, highlight=False)
    return ran.stdout


def show_network(console: Console) -> None:
    console.rule("[bold]1. A network, declared[/]", align="left")
    text = CONFIG.read_text(encoding="utf-8")
    console.print(Syntax(text, "yaml", theme="ansi_dark", background_color="default"))
    show_command(console, "validate", CONFIG.relative_to(ROOT))
    show_command(console, "show", CONFIG.relative_to(ROOT))


def train(console: Console) -> sepconv.Sequential:
    """Do what the `training:` section says, as `sepconv train` does; return the network."""
    console.rule("[bold]2. Trained[/]", align="left")
    plan = sepconv.config.training_of(CONFIG)
    if plan is None or plan.data is None or plan.seed is None:
        raise SystemExit(f"{CONFIG.name} should say how it is trained")
    declared = sepconv.load(CONFIG)
    if not isinstance(declared, sepconv.Sequential):
        raise SystemExit(f"{CONFIG.name} should declare a Sequential network")
    model = seeded(declared, plan.seed)
    training, held_out = (load_arrays(str(plan.data[part])) for part in ("train", "validation"))
    model.compile(plan.optimizer, plan.loss, plan.loss_weights, plan.metrics)
    begin = time.perf_counter()
    history = model.fit(
        training["x"],
        training["y"],
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        validation_data=(held_out["x"], held_out["y"]),
        verbose="auto" if console.is_terminal else 0,
        seed=plan.seed,
    ).history
    seconds = time.perf_counter() - begin
    table = Table("epoch", *(name.replace("val_", "held-out ") for name in history))
    for epoch in np.linspace(0, plan.epochs - 1, SHOWN_EPOCHS).astype(int):
        table.add_row(str(epoch + 1), *(f"{values[epoch]:.3f}" for values in history.values()))
    console.print(table)
    steps = plan.epochs * -(-len(training["x"]) // plan.batch_size)
    console.print(
        f"{steps} steps in {seconds:.1f} s, {model.count_params():,} weights", highlight=False
    )
    accuracy = history["val_accuracy"][-1]
    console.print(f"held-out accuracy: [bold]{accuracy:.1%}[/] of {len(held_out['x'])} utterances")
    if accuracy < NEEDED_ACCURACY:
        raise SystemExit(f"that is less than {NEEDED_ACCURACY:.0%}")
    return model


def show_files(console: Console, model: sepconv.Sequential, x_btc: Floats) -> None:
    console.rule("[bold]3. Saved, and loaded again[/]", align="left")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x_file, y_file, saved = (folder / f for f in ("x.npy", "y.npy", "speakers.safetensors"))
        model.save(saved)
        np.save(x_file, x_btc)
        y_bf = model.predict(x_btc)
        loaded = sepconv.load(saved)(x_btc)
        show_command(
            console,
            *("run", saved, "--input", x_file, "--output", y_file),
            shown="run speakers.safetensors --input x.npy --output y.npy",
        )
        same = np.array_equal(loaded, y_bf) and np.array_equal(np.load(y_file), y_bf)
    if not same:
        raise SystemExit("the file, the command and the trained network differ")
    console.print("the same bits from the network, the file and the command: [green]yes[/]")


def median_seconds(model: sepconv.Sequential, x_btc: Floats) -> float:
    """The median time of one pass over all samples."""
    taken = []
    end = time.perf_counter() + TIMED_SECONDS
    while time.perf_counter() < end:
        begin = time.perf_counter()
        model.predict(x_btc)
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def show_speed(console: Console, model: sepconv.Sequential, x_btc: Floats) -> None:
    console.rule("[bold]4. How fast?[/]", align="left")
    seconds = median_seconds(model, x_btc)
    table = Table(show_header=False, box=None)
    for name, value in (
        ("input", f"{len(x_btc)} utterances of {x_btc.shape[1]} frames"),
        ("one pass", f"{seconds * 1e3:.2f} ms, the median of {TIMED_SECONDS:g} s of passes"),
        ("utterances", f"{len(x_btc) / seconds:,.0f} a second"),
        ("kernel", f"{sepconv.kernel_info()['isa']}, {sepconv.get_num_threads()} thread(s)"),
    ):
        table.add_row(f"[dim]{name}[/]", value)
    console.print(table)


def show_typo(console: Console) -> None:
    console.rule("[bold]5. A typo, caught[/]", align="left")
    with tempfile.TemporaryDirectory() as folder:
        wrong = Path(folder) / "speakers.yaml"
        text = CONFIG.read_text(encoding="utf-8")
        wrong.write_text(re.sub("kernel_size", "kernal_size", text), encoding="utf-8")
        checked = command("validate", wrong)
    console.print("$ sepconv validate speakers.yaml", style="dim", highlight=False)
    console.print(checked.stdout.replace(f"{folder}/", "").strip(), markup=False)
    if checked.returncode != 1:
        raise SystemExit("the typo was not caught")


def main() -> None:
    """Run the five parts; a failure of any is an error."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    begin = time.perf_counter()
    show_network(console)
    model = train(console)
    x_btc = load_arrays("../examples/data/japanese_vowels_test.npz")["x"]
    show_files(console, model, x_btc)
    show_speed(console, model, x_btc)
    show_typo(console)
    console.print(f"\ndone in {time.perf_counter() - begin:.1f} s", style="dim")


if __name__ == "__main__":
    main()
