"""`sepconv train`: what a config's `training:` section declares, from its data to a model file."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sepconv import config, models, saving
from sepconv.callbacks import Callback
from sepconv.callbacks.checkpoint import BackupAndRestore
from sepconv.cli.datasets import Samples, read_samples
from sepconv.cli.errors import CommandError
from sepconv.training import seeded

MODEL, CONFIG, HISTORY, PLOT = "model.safetensors", "config.json", "history.json", "history.png"
PLAN = "plan.json"  # beside a checkpoint: which training it is of


def run(arguments: argparse.Namespace) -> int:
    """Train, or go on where the last run was interrupted; then write model, config and history."""
    file = Path(arguments.file)
    plan = config.training_of(file, arguments.set)
    if plan is None or plan.data is None or "train" not in plan.data:
        raise CommandError(
            f"{file}: nothing to train on; add `training: {{data: {{train: FILE.npz}}, ...}}`"
        )
    model = config.load(file, overrides=arguments.set)
    samples = _read(file, plan.data)
    folder = Path(arguments.output or f"{file.stem}.trained")
    seed = _begin(folder, model, plan, arguments.restart)
    model = seeded(model, seed)
    curves = Curves(folder / HISTORY)
    _fit(model, plan, seed, samples, [curves, BackupAndRestore(str(folder))])
    saving.save(model, folder / MODEL)
    _write_text(folder / CONFIG, json.dumps(models.serialize(model), indent=2) + "\n")
    _plot(folder / PLOT, curves.curves)
    (folder / PLAN).unlink()  # which was the checkpoint's
    _note(f"{file}: {curves.last()}")
    _note(f"wrote {', '.join(sorted(path.name for path in folder.iterdir()))} to {folder}")
    return 0


def _read(file: Path, data: Mapping[str, Any]) -> dict[str, Samples]:
    """Return what each part of the `data` of a config names, beside which it lies."""
    samples = {}
    for part, source in data.items():
        try:
            samples[part] = read_samples(source, file.parent)
        except FileNotFoundError as error:
            raise CommandError(
                f"{error.filename}: no such file; {file} names it as the {part} data"
            ) from error
    return samples


def _begin(folder: Path, model: Any, plan: config.TrainingPlan, restart: bool) -> int:
    """Make the folder, and return the seed: that of the training which a checkpoint is of."""
    declared = {"model": models.serialize(model), "training": plan.get_config()}
    checkpoint, kept = BackupAndRestore(str(folder)).path, folder / PLAN
    folder.mkdir(parents=True, exist_ok=True)
    if restart:
        checkpoint.unlink(missing_ok=True)
    if not checkpoint.exists():
        (folder / HISTORY).unlink(missing_ok=True)
    if checkpoint.exists():
        found = json.loads(kept.read_bytes()) if kept.exists() else {}
        if {**found, "seed": None} != json.loads(json.dumps({**declared, "seed": None})):
            raise CommandError(
                f"{checkpoint} is of another training: --restart begins anew, "
                f"--output names another folder"
            )
        _note(f"going on with {checkpoint}; --restart begins anew")
        return int(found["seed"])
    seed = random.getrandbits(32) if plan.seed is None else plan.seed
    _write_text(kept, json.dumps({**declared, "seed": seed}))
    return seed


class Curves(Callback):
    """The logs of all epochs, in a file after each: those of an interrupted run among them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.curves: dict[str, list[float]] = json.loads(path.read_bytes()) if path.exists() else {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for name, value in {"epoch": epoch, **(logs or {})}.items():
            values = self.curves.setdefault(name, [])
            values[epoch:] = [value]  # an epoch that no checkpoint holds is computed again
        _write_text(self.path, json.dumps(self.curves, indent=1) + "\n")

    def last(self) -> str:
        """Return the last epoch's logs as text."""
        logs = (f"{name} {v[-1]:.4g}" for name, v in self.curves.items() if name != "epoch")
        return f"after {self.curves['epoch'][-1] + 1} epochs {', '.join(logs)}"


def _fit(
    model: Any,
    plan: config.TrainingPlan,
    seed: int,
    samples: dict[str, Samples],
    callbacks: list[Callback],
) -> None:
    model.compile(plan.optimizer, plan.loss, plan.loss_weights, plan.metrics)
    weights = plan.class_weight
    train = samples["train"]
    model.fit(
        train.x,
        train.y,
        batch_size=plan.batch_size,
        epochs=plan.epochs,
        callbacks=[*plan.callbacks, *callbacks],
        validation_split=plan.validation_split,
        validation_data=samples.get("validation"),
        shuffle=plan.shuffle,
        class_weight=None if weights is None else dict(enumerate(weights)),
        sample_weight=train.sample_weight,
        seed=seed,
    )


def _write_text(path: Path, text: str) -> None:
    with saving.replacing(path) as out:
        out.write(text.encode())


def _plot(path: Path, curves: dict[str, list[float]]) -> None:
    """Draw each log over the epochs, that of validation beside that of training."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        _note("no plot of the history: pip install 'sepconv[plot]'")
        return
    epochs = [epoch + 1 for epoch in curves["epoch"]]
    names = [name for name in curves if name != "epoch" and not name.startswith("val_")]
    figure = Figure(figsize=(4.5 * len(names), 3.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in curves:
                axis.plot(epochs, curves[key], label=label)
        axis.set(title=name, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend()
    with saving.replacing(path) as out:
        figure.savefig(out, format="png", dpi=130)


def _note(message: str) -> None:
    print(message, file=sys.stderr)
