"""Callbacks that write files: weights after an epoch, rows of logs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any

from sepconv import weights
from sepconv.callbacks import arguments
from sepconv.callbacks.base import Callback, Logs, registry
from sepconv.callbacks.monitor import Monitor
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.rules import FilePath, Flag, Label, Nullable, Number, Only


@registry.register()
class ModelCheckpoint(Monitor):
    """Writes the weights after each epoch, or each better one, in one step.

    A file that is there stays whole until the new one is. Keras's argument `save_weights_only` is
    always true here: the network itself is its config.

    >>> ModelCheckpoint("best.npz", monitor="loss", save_best_only=True)
    ModelCheckpoint(filepath='best.npz', monitor='loss', save_best_only=True)
    """

    filepath: Argument[Any, str] = argument(  # type: ignore[misc]  # stands before monitor
        FilePath(*weights.OF_WEIGHTS),
        doc="Name of the file; may hold {epoch:02d}, from 1, and names of logs: {val_loss:.2f}.",
    )
    monitor: Argument[str, str] = arguments.monitor()
    verbose: Argument[int, int] = arguments.verbose()
    save_best_only: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to write better weights alone."
    )
    save_weights_only: Argument[bool, bool] = argument(
        Only(True),
        default=True,
        doc="True: a config is written by `sepconv.dump`.",
    )
    mode: Argument[str, str] = arguments.mode()
    initial_value_threshold: Argument[float | None, float | None] = argument(
        Nullable(Number()), default=None, doc="A value that the first better one must beat."
    )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.best is None:
            self.best = self.initial_value_threshold

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self.save_best_only:
            value = self.current(logs)
            if value is not None:
                if not self.improves(value, self.best):
                    return
                self.best = value
        try:
            path = Path(self.filepath.format(epoch=epoch + 1, **logs))
        except (KeyError, IndexError, ValueError) as error:
            raise ValidationError(
                f"Failed to format this callback filepath: {shown(self.filepath)}. Reason: {error}"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved the weights to {path}")


@registry.register()
class CSVLogger(Callback):
    """Writes the logs of each epoch as a row of a CSV file, as in Keras.

    >>> CSVLogger("logs.tsv", separator="\\t")
    CSVLogger(filename='logs.tsv', separator='\\t')
    """

    filename: Argument[Any, str] = argument(FilePath(), doc="Name of the file.")
    separator: Argument[str, str] = argument(Label(), default=",", doc="Between the values.")
    append: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to add to a file that is there."
    )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._names: list[str] | None = None
        path = Path(self.filename)
        self._headed = self.append and path.exists() and path.stat().st_size > 0
        if not self.append:
            path.write_text("")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        if self._names is None:
            self._names = sorted(logs)
            if not any(name.startswith("val_") for name in self._names):
                self._names += [f"val_{name}" for name in self._names]
        with Path(self.filename).open("a", newline="") as file:
            self._write(file, epoch, logs, self._names)

    def _write(self, file: IO[str], epoch: int, logs: Logs, names: list[str]) -> None:
        writer = csv.writer(file, delimiter=self.separator)
        if not self._headed:
            writer.writerow(["epoch", *names])
            self._headed = True
        writer.writerow([epoch, *(logs.get(name, "NA") for name in names)])
