"""Callbacks that set the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.callbacks import arguments
from sepconv.callbacks.base import Callback, Logs, registry
from sepconv.callbacks.monitor import Monitor
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.registry import registered, registered_name
from sepconv.rules import Number


@registry.register()
class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a value stops improving, as in Keras.

    >>> ReduceLROnPlateau(monitor="loss", factor=0.5, patience=3)
    ReduceLROnPlateau(monitor='loss', factor=0.5, patience=3)
    """

    monitor: Argument[str, str] = arguments.monitor()
    factor: Argument[float, float] = argument(
        Number(minimum=0), default=0.1, doc="What the learning rate is multiplied by; below 1."
    )
    patience: Argument[int, int] = arguments.count(
        10, "Epochs without improvement that are waited for."
    )
    verbose: Argument[int, int] = arguments.verbose()
    mode: Argument[str, str] = arguments.mode()
    min_delta: Argument[float, float] = argument(
        Number(minimum=0), default=1e-4, doc="The least change that is an improvement."
    )
    cooldown: Argument[int, int] = arguments.count(0, "Epochs after a change that do not count.")
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
    verbose: Argument[int, int] = arguments.verbose()

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
