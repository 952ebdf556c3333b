"""A training written to one file, and gone on with as if it had never stopped."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import weights
from sepconv.callbacks.base import Callback, Logs, registry
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers import naming
from sepconv.layers.base import Layer
from sepconv.layers.module import replace_values
from sepconv.layers.variable import frozen
from sepconv.rules import FilePath, Flag, Only

Arrays = dict[str, NDArray[Any]]
FILE = "training.npz"


def save_checkpoint(
    model: Any,
    path: str | PathLike[str],
    *,
    epoch: int,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Write all that a training needs to go on with `epoch` to a .npz file, in one step.

    That is the weights, the optimizer's state, the random state of layers such as Dropout, the
    callbacks' state, and the epoch and seed of `fit`. A file that is there stays whole until the
    new one is.
    """
    arrays = _arrays(model, callbacks)
    arrays["run/epoch"], arrays["run/seed"] = np.array(epoch), np.array(seed)
    weights.write(_npz(path), arrays)


def load_checkpoint(
    model: Any, path: str | PathLike[str], *, callbacks: Sequence[Callback] = ()
) -> tuple[int, int]:
    """Take up what `save_checkpoint` wrote: all of it, or nothing. Returns (epoch, seed).

    The model must be built, compiled and have its optimizer built, as it is in `fit`.

    Raises:
        WeightsError: the file is damaged, or of another network, optimizer or callbacks.
        OSError: there is no such file.
    """
    expected = {**_arrays(model, callbacks), "run/epoch": np.array(0), "run/seed": np.array(0)}
    found = weights.read(_npz(path), expected)
    named = naming.by_layer(model)
    values = [frozen(found[f"weights/{name}"], v.dtype) for name, v in named.items()]
    model.optimizer.set_state([found[f"optimizer/{key}"] for key in model.optimizer.state()])
    replace_values(model, list(named.values()), values)
    for number, layer in enumerate(_random_layers(model)):
        seed, calls = (int(value) for value in found[f"random/{number}"])
        layer.__dict__.update(_seed=seed, _calls=calls)
    for number, callback in enumerate(callbacks):
        prefix = f"callbacks/{number}/"
        held = {key.removeprefix(prefix): v for key, v in found.items() if key.startswith(prefix)}
        callback.set_state(held)
    return int(found["run/epoch"]), int(found["run/seed"])


def _arrays(model: Any, callbacks: Sequence[Callback]) -> Arrays:
    """Return the present state by the names in the file."""
    return {
        **{f"weights/{name}": v.value for name, v in naming.by_layer(model).items()},
        **{f"optimizer/{name}": array for name, array in model.optimizer.state().items()},
        **{
            f"random/{number}": np.array([layer.__dict__["_seed"], layer.__dict__["_calls"]])
            for number, layer in enumerate(_random_layers(model))
        },
        **{
            f"callbacks/{number}/{name}": array
            for number, callback in enumerate(callbacks)
            for name, array in callback.state().items()
        },
    }


def _random_layers(model: Any) -> list[Layer]:
    """Return the layers that draw anew at each call, as Dropout does."""
    return [layer for layer in model._flatten() if {"_seed", "_calls"} <= layer.__dict__.keys()]


def _npz(path: str | PathLike[str]) -> Path:
    if Path(path).suffix != ".npz":
        raise ValidationError(
            f"a checkpoint of a training must end in .npz, got {shown(str(path))}"
        )
    return Path(path)


@registry.register()
class BackupAndRestore(Callback):
    """Writes a checkpoint after each epoch; `fit` goes on from one that is there, as in Keras.

    The bits are those of a training that was never broken off. Another `fit` of the same
    arguments with the same folder resumes; at the end of the training the file is removed.

    >>> BackupAndRestore("backup")
    BackupAndRestore(backup_dir='backup')
    """

    backup_dir: Argument[Any, str] = argument(FilePath(), doc="Folder of the file training.npz.")
    save_freq: Argument[str, str] = argument(
        Only("epoch"), default="epoch", doc="After each epoch, always."
    )
    double_checkpoint: Argument[bool, bool] = argument(
        Only(False), default=False, doc="Not needed: a file is whole or not there."
    )
    delete_checkpoint: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether the end of the training removes the file."
    )

    @property
    def path(self) -> Path:
        return Path(self.backup_dir) / FILE

    def on_resume(self, others: Sequence[Callback]) -> None:
        if self.path.exists():
            epoch, seed = load_checkpoint(self.model, self.path, callbacks=others)
            self.params.update(initial_epoch=epoch, seed=seed)

    def on_checkpoint(self, epoch: int, others: Sequence[Callback]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        seed = self.params["seed"]
        save_checkpoint(self.model, self.path, epoch=epoch + 1, seed=seed, callbacks=others)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)
