"""How far a training is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from sepconv.callbacks import Callback, Logs

REDRAWN = 0.1  # seconds between two states of the bar


def for_verbose(verbose: Any) -> list[Callback]:
    """Return the callback that shows progress as Keras's `verbose` asks: 0, 1, 2 or "auto"."""
    if not verbose:
        return []
    return [ProgressBar() if verbose != 2 and sys.stdout.isatty() else ProgressLines()]


def told(logs: Logs | None) -> str:
    """Return the logs on one line, with four digits.

    >>> told({"loss": 0.123456, "accuracy": 1.0})
    'loss: 0.1235 - accuracy: 1'
    """
    return " - ".join(f"{name}: {value:.4g}" for name, value in (logs or {}).items())


class ProgressLines(Callback):
    """One line an epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        seconds = time.monotonic() - self._started
        print(f"Epoch {epoch + 1}/{self.params['epochs']} - {seconds:.1f}s - {told(logs)}")


class ProgressBar(ProgressLines):
    """A bar of the batches of an epoch with the time left, then the epoch's line."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        from rich import progress

        super().on_epoch_begin(epoch, logs)
        self._bar = progress.Progress(
            progress.TextColumn("Epoch {task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[logs]}", markup=False),
            transient=True,
            auto_refresh=False,  # no thread of its own
        )
        self._task = self._bar.add_task(
            f"{epoch + 1}/{self.params['epochs']}", total=self.params["steps"], logs=""
        )
        self._drawn = self._started
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        now = time.monotonic()
        if now - self._drawn > REDRAWN:
            self._drawn = now
            self._bar.update(self._task, completed=batch + 1, logs=told(logs), refresh=True)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.close()
        super().on_epoch_end(epoch, logs)

    def close(self) -> None:
        """Take the bar off the terminal, if it is there."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
