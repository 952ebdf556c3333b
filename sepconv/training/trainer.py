"""The methods by which a network is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sepconv.errors import ValidationError, shown
from sepconv.rules import MAX_SEED, MAX_SIZE, Count, Flag, Integer

# The methods import what they need: a network that is not trained loads none of it, 1.6 MB.
if TYPE_CHECKING:
    from sepconv.callbacks import Callback, History
    from sepconv.metrics import Metric
    from sepconv.optimizers import Optimizer
    from sepconv.training.compiled import Compiled


class Trainer:
    """compile, fit and evaluate, with Keras's arguments, for a class that is a Layer, too."""

    _compiled: Compiled | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Set what `fit` and `evaluate` work with. The weights stay as they are.

        Arguments:
            optimizer: a name, a config or an object of `sepconv.optimizers`.
            loss: likewise; for several outputs a list, or a dict by the outputs' names.
            loss_weights: a factor for each output's loss.
            metrics: a list; "accuracy" stands for the one that suits the shapes. For several
                outputs a list of lists, or a dict.
            weighted_metrics: those that sample and class weights weigh.

        Raises:
            ValidationError: an unknown name, or arguments that an object refuses.
        """
        from sepconv.training.compiled import Compiled

        self._compiled = Compiled(optimizer, loss, loss_weights, metrics, weighted_metrics)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer:
        return self._as_compiled().optimizer

    @property
    def metrics_names(self) -> list[str]:
        """The names in the logs of `evaluate`."""
        return ["loss", *(name for name, _ in self._as_compiled().metrics())]

    def named_metrics(self) -> Iterator[tuple[str, Metric]]:
        """Give the metrics with their names in the logs."""
        return self._as_compiled().metrics()

    def _as_compiled(self) -> Compiled:
        if self._compiled is None:
            raise ValidationError("You must call `compile()` before using the model.")
        return self._compiled

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        seed: int | None = None,
    ) -> History:
        """Train on arrays and return the logs of all epochs.

        The same seed gives the same bits on the same type of machine, for any number of threads.
        It orders the samples alone: initializers and Dropout have seeds of their own, and
        `sepconv.training.seeded(model, seed)` gives one to each. Ctrl-C takes effect between two
        batches and leaves the weights of the last one.

        Arguments:
            x: inputs, (samples, ...); for several inputs a list or dict of arrays.
            y: targets, likewise by outputs.
            batch_size: samples of one update; 32 by default.
            epochs: how often each sample is used, with `initial_epoch` counted in.
            verbose: 0 shows nothing, 1 a bar on a terminal, 2 one line an epoch.
            callbacks: objects of `sepconv.callbacks`.
            validation_split: a share of the samples, the last ones, to validate with.
            validation_data: (x, y) or (x, y, sample_weight) to validate with.
            shuffle: whether each epoch has an order of its own.
            class_weight: a dict of class to the factor of its samples' losses.
            sample_weight: a factor for each sample's loss.
            initial_epoch: the first epoch, from 0.
            validation_batch_size: that of the validation; by default `batch_size`.
            validation_freq: every how many epochs to validate.
            seed: of the order of samples.

        Raises:
            ValidationError: data that do not fit, with the way out.
            TrainingError: the loss is no finite number; the weights are the last good ones.

        >>> import numpy as np
        >>> from sepconv import Dense, Input, Sequential
        >>> model = Sequential([Input((2,)), Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((64, 2)), np.ones(64), epochs=2, verbose=0)
        >>> [round(loss, 3) for loss in history.history["loss"]]
        [0.942, 0.735]
        """
        from sepconv.training import loop
        from sepconv.training.data import Dataset, unpacked

        compiled = self._as_compiled()
        if class_weight is not None and sample_weight is not None:
            raise ValidationError("You cannot `class_weight` and `sample_weight` at the same time.")
        data, held_out = Dataset.of(x, y, sample_weight), None
        if validation_data is not None:
            held_out = Dataset.of(*unpacked(validation_data, "validation_data"))
        elif validation_split:
            data, held_out = data.split(validation_split)
        size = _batch_size(batch_size)
        return loop.fit(
            self,
            compiled,
            data,
            batch_size=size,
            epochs=Integer(0, MAX_SIZE).normalise(epochs, "epochs"),
            verbose=_verbose(verbose),
            callbacks=_listed(callbacks),
            validation=held_out,
            validation_batch_size=_batch_size(validation_batch_size or size),
            validation_freq=Count().normalise(validation_freq, "validation_freq"),
            shuffle=Flag().normalise(shuffle, "shuffle"),
            class_weight=class_weight,
            initial_epoch=Integer(0, MAX_SIZE).normalise(initial_epoch, "initial_epoch"),
            seed=None if seed is None else Integer(0, MAX_SEED).normalise(seed, "seed"),
        )

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss, or with metrics a list of it and them; a dict with `return_dict`.

        Arguments: as for `fit`.
        """
        from sepconv.callbacks import CallbackList
        from sepconv.training import loop
        from sepconv.training.data import Dataset
        from sepconv.training.progress import told

        compiled = self._as_compiled()
        data = Dataset.of(x, y, sample_weight)
        loop.prepare(self, compiled, data)
        hooks = CallbackList(_listed(callbacks), self, {"verbose": verbose})
        logs = loop.evaluate(
            self,
            compiled,
            data,
            _batch_size(batch_size),
            hooks,
        )
        if _verbose(verbose):
            print(told(logs))
        return _given(logs, return_dict)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Update the weights once, with all samples; returns what `evaluate` does, before that.

        Raises:
            TrainingError: the loss is no finite number; the weights are unchanged.
        """
        from sepconv.training import loop
        from sepconv.training.data import Dataset

        compiled = self._as_compiled()
        data = Dataset.of(x, y, sample_weight)
        logs = loop.train_on_batch(self, compiled, data, class_weight)
        return _given(logs, return_dict)


def _batch_size(value: Any) -> int:
    return 32 if value is None else Count().normalise(value, "batch_size")


def _verbose(value: Any) -> Any:
    if value not in ("auto", 0, 1, 2):
        raise ValidationError(f'`verbose` must be 0, 1, 2 or "auto", got {shown(value)}')
    return value


def _listed(callbacks: Any) -> list[Callback]:
    from sepconv.callbacks import Callback

    found = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    for callback in found:
        if not isinstance(callback, Callback):
            raise ValidationError(
                f"`callbacks` must hold objects of `sepconv.callbacks.Callback`, "
                f"got {shown(callback, 80)}"
            )
    return found


def _given(logs: dict[str, float], as_dict: bool) -> Any:
    if as_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
