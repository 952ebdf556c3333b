"""Callbacks that end the training before its last epoch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.callbacks import arguments
from sepconv.callbacks.base import Callback, Logs, registry
from sepconv.callbacks.monitor import Monitor
from sepconv.declaration import Argument, argument
from sepconv.errors import TrainingError
from sepconv.rules import Flag, Nullable, Number


@registry.register()
class EarlyStopping(Monitor):
    """Ends the training when a value has not improved for `patience` epochs, as in Keras.

    >>> EarlyStopping(monitor="loss", patience=3)
    EarlyStopping(monitor='loss', patience=3)
    """

    monitor: Argument[str, str] = arguments.monitor()
    min_delta: Argument[float, float] = argument(
        Number(minimum=0), default=0, doc="The least change that is an improvement."
    )
    patience: Argument[int, int] = arguments.count(
        0, "Epochs without improvement that are waited for."
    )
    verbose: Argument[int, int] = arguments.verbose()
    mode: Argument[str, str] = arguments.mode()
    baseline: Argument[float | None, float | None] = argument(
        Nullable(Number()), default=None, doc="A value that improvements must reach to count."
    )
    restore_best_weights: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to end with the weights of the best epoch."
    )
    start_from_epoch: Argument[int, int] = arguments.count(
        0, "Epochs at the beginning that do not count."
    )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = None
        self.best_weights: list[NDArray[Any]] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)  # even if no epoch ever improves on the first
        self.wait += 1
        if self.improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def state(self) -> dict[str, NDArray[Any]]:
        kept = self.best_weights
        if self.restore_best_weights and kept is None:
            kept = self.model.get_weights()
        return {
            **super().state(),
            "wait": np.array(self.wait),
            "best_epoch": np.array(self.best_epoch),
            **{f"best_weights_{i}": array for i, array in enumerate(kept or [])},
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        super().set_state(state)
        self.wait, self.best_epoch = int(state["wait"]), int(state["best_epoch"])
        if self.restore_best_weights:
            count = sum(name.startswith("best_weights_") for name in state)
            self.best_weights = [state[f"best_weights_{i}"] for i in range(count)]


@registry.register()
class TerminateOnNaN(Callback):
    """Ends the training when the loss is no finite number, with the weights of the batch before.

    Without it, `fit` raises a TrainingError then.

    >>> TerminateOnNaN(raise_error=True)
    TerminateOnNaN(raise_error=True)
    """

    raise_error: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to raise an error, too."
    )

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            told = f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}."
            if self.raise_error:
                raise TrainingError(f"{told} Terminating training immediately.")
            print(told)
            self.model.stop_training = True
