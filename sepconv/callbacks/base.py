"""The hooks of a training, in Keras's names, and the registry of those that are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from sepconv.declaration import Declared
from sepconv.registry import Registry

Logs = dict[str, float]


class Callback(Declared):
    """The base of callbacks: a subclass overrides the hooks it wants.

    `self.model` is the network, `self.params` the run's epochs, steps, verbose and seed. Epochs
    and batches count from 0. Setting `self.model.stop_training` ends the training.

    >>> class Patient(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         if logs["loss"] < 0.1:
    ...             self.model.stop_training = True
    >>> Patient().state()  # what a checkpoint keeps of it
    {}
    """

    _model = _params = None

    @property
    def model(self) -> Any:
        return self._model

    @property
    def params(self) -> Any:
        return self._params

    def set_model(self, model: Any) -> None:
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self._params = params

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    # Beyond Keras's: what checkpoints of a whole training need.

    def on_resume(self, others: Sequence[Callback]) -> None:
        """Take up a broken training; called after every callback's on_train_begin."""

    def on_checkpoint(self, epoch: int, others: Sequence[Callback]) -> None:
        """Write down the training; called after every callback's on_epoch_end."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what a resumed training needs of this callback: arrays of fixed shapes."""
        return {}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Take what `state` returned, in the training that goes on."""


class CallbackList:
    """Callbacks that are called one after the other."""

    def __init__(self, callbacks: Sequence[Callback], model: Any, params: dict[str, Any]) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        # Whether anybody wants what costs something after each batch.
        self.wants_batches = self._any("on_batch_begin", "on_batch_end") or self._any(
            "on_train_batch_begin", "on_train_batch_end"
        )
        self.wants_test_batches = self._any("on_test_batch_begin", "on_test_batch_end")

    def call(self, hook: str, *arguments: Any) -> None:
        """Call the hook of that name on each callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def _any(self, *hooks: str) -> bool:
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for callback in self.callbacks
            for hook in hooks
        )


registry: Registry[Callback] = Registry("callback", "keras.callbacks", Callback)
