"""The logs of all epochs."""

from __future__ import annotations

from sepconv.callbacks.base import Callback, Logs, registry


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
