"""Callbacks with Keras's names, arguments and effects: what `fit` calls while it trains."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sepconv import weights
from sepconv.declaration import Argument, argument
from sepconv.errors import TrainingError, ValidationError, shown
from sepconv.registry import registered, registered_name
from sepconv.rules import MAX_SIZE, Choice, FilePath, Flag, Integer, Label, Nullable, Number, Only
from sepconv.training.checkpoint import BackupAndRestore
from sepconv.training.hooks import Callback, CallbackList, Logs, registry

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "Monitor",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "deserialize",
    "get",
    "registry",
    "serialize",
]

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


def _monitor() -> Any:
    return argument(Label(), default="val_loss", doc="Name of the watched value in the logs.")


def _mode() -> Any:
    return argument(
        Choice("auto", "min", "max"),
        default="auto",
        doc="Whether less is better, or more; auto knows it of losses and metrics.",
    )


def _count(default: int, doc: str) -> Any:
    return argument(Integer(0, MAX_SIZE), default=default, doc=doc)


def _verbose() -> Any:
    return argument(Integer(0, 2), default=0, doc="1 prints what the callback does.")


@registry.register()
class History(Callback):
    """The logs of all epochs: `history` maps a name to a list, `epoch` numbers its items.

    `fit` returns one.

    >>> history = History()
    >>> for epoch, loss in enumerate([0.5, 0.25]):
    ...     history.on_epoch_end(epoch, {"loss": loss})
    >>> history.history, history.epoch
    ({'loss': [0.5, 0.25]}, [0, 1])
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class Monitor(Callback):
    """The base of callbacks that compare a value of the logs with its best so far."""

    if TYPE_CHECKING:
        monitor: Any = argument(Label(), default="", kw_only=True, doc="")
        mode: Any = argument(Label(), default="", kw_only=True, doc="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.best: float | None = None

    def current(self, logs: Logs | None) -> float | None:
        """Return the watched value; without it, warn and return None."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches `{self.monitor}`, which is not available. "
                f"Available are: {', '.join(logs or {})}",
                stacklevel=2,
            )
        return value

    def improves(self, value: float, reference: float | None) -> bool:
        """Tell whether `value` is better than `reference` by more than min_delta."""
        if reference is None:
            return True
        delta = getattr(self, "min_delta", 0.0)
        return value - delta > reference if self._upwards() else value + delta < reference

    def _upwards(self) -> bool:
        if self.mode != "auto":
            return bool(self.mode == "max")
        name = self.monitor.removeprefix("val_")
        for label, metric in self.model.named_metrics():
            if label == name:
                return bool(metric.direction == "up")
        if name.endswith("loss"):
            return False
        raise ValidationError(
            f"{type(self).__name__} callback received monitor={self.monitor}, of which it is not "
            f"known whether more or less is better. Pass `mode='max'` or `mode='min'`."
        )

    def state(self) -> dict[str, NDArray[Any]]:
        return {"best": np.array(math.nan if self.best is None else self.best)}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        best = float(state["best"])
        self.best = None if math.isnan(best) else best


@registry.register()
class EarlyStopping(Monitor):
    """Ends the training when a value has not improved for `patience` epochs, as in Keras.

    >>> EarlyStopping(monitor="loss", patience=3)
    EarlyStopping(monitor='loss', patience=3)
    """

    monitor: Argument[str, str] = _monitor()
    min_delta: Argument[float, float] = argument(
        Number(minimum=0), default=0, doc="The least change that is an improvement."
    )
    patience: Argument[int, int] = _count(0, "Epochs without improvement that are waited for.")
    verbose: Argument[int, int] = _verbose()
    mode: Argument[str, str] = _mode()
    baseline: Argument[float | None, float | None] = argument(
        Nullable(Number()), default=None, doc="A value that improvements must reach to count."
    )
    restore_best_weights: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to end with the weights of the best epoch."
    )
    start_from_epoch: Argument[int, int] = _count(0, "Epochs at the beginning that do not count.")

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
class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a value stops improving, as in Keras.

    >>> ReduceLROnPlateau(monitor="loss", factor=0.5, patience=3)
    ReduceLROnPlateau(monitor='loss', factor=0.5, patience=3)
    """

    monitor: Argument[str, str] = _monitor()
    factor: Argument[float, float] = argument(
        Number(minimum=0), default=0.1, doc="What the learning rate is multiplied by; below 1."
    )
    patience: Argument[int, int] = _count(10, "Epochs without improvement that are waited for.")
    verbose: Argument[int, int] = _verbose()
    mode: Argument[str, str] = _mode()
    min_delta: Argument[float, float] = argument(
        Number(minimum=0), default=1e-4, doc="The least change that is an improvement."
    )
    cooldown: Argument[int, int] = _count(0, "Epochs after a change that do not count.")
    min_lr: Argument[float, float] = argument(
        Number(minimum=0), default=0.0, doc="The smallest learning rate."
    )

    def check(self) -> None:
        if self.factor >= 1.0:
            raise ValidationError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={self.factor}"
            )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        optimizer = self.model.optimizer
        logs["learning_rate"] = optimizer.current_learning_rate
        value = self.current(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            old = optimizer.current_learning_rate
            if self.wait >= self.patience and old > np.float32(self.min_lr):
                optimizer.learning_rate = max(old * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    rate = optimizer.learning_rate
                    print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")

    def state(self) -> dict[str, NDArray[Any]]:
        return {
            **super().state(),
            "wait": np.array(self.wait),
            "cooldown_counter": np.array(self.cooldown_counter),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        super().set_state(state)
        self.wait = int(state["wait"])
        self.cooldown_counter = int(state["cooldown_counter"])


class Function:
    """A function, or the name of a registered one."""

    def normalise(self, value: Any, name: str) -> Callable[..., Any]:
        found: Any = registered.get(value) if isinstance(value, str) else value
        if not callable(found):
            raise ValidationError(
                f"`{name}` must be a function, or the name of one that is registered with "
                f"`@sepconv.register()`, got {shown(value)}"
            )
        made: Callable[..., Any] = found
        return made

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def to_config(self, value: Callable[..., Any]) -> str | None:
        return registered_name(value)


@registry.register()
class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch to schedule(epoch, learning rate), as in Keras.

    >>> halving = LearningRateScheduler(lambda epoch, rate: rate if epoch < 10 else rate / 2)
    >>> halving.schedule(10, 0.5)
    0.25
    """

    schedule: Argument[Any, Any] = argument(
        Function(), doc="Function of the epoch from 0, and of the present learning rate."
    )
    verbose: Argument[int, int] = _verbose()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        try:
            rate = self.schedule(epoch, optimizer.current_learning_rate)
        except TypeError:
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise ValidationError(
                f"The output of the `schedule` function should be a float. Got: {shown(rate)}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.current_learning_rate


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
    monitor: Argument[str, str] = _monitor()
    verbose: Argument[int, int] = _verbose()
    save_best_only: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to write better weights alone."
    )
    save_weights_only: Argument[bool, bool] = argument(
        Only(True),
        default=True,
        doc="True: a config is written by `sepconv.dump`.",
    )
    mode: Argument[str, str] = _mode()
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
