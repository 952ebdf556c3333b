"""The loop that trains: batches in, weights updated, logs out."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.callbacks import Callback, CallbackList, History, TerminateOnNaN
from sepconv.errors import TrainingError, ValidationError
from sepconv.layers.gradients import Gradients
from sepconv.layers.module import replace_values
from sepconv.layers.structure import flat, mapped, packed
from sepconv.layers.variable import Variable, widened
from sepconv.training.compiled import Compiled
from sepconv.training.data import Dataset, check_class_weight
from sepconv.training.interrupts import held_back
from sepconv.training.progress import for_verbose

Array = NDArray[Any]
Logs = dict[str, float]
Model = Any  # a Layer that is a Trainer, too


class Tally:
    """The logs of the batches so far: losses are means over samples, as in Keras."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        compiled.reset_metrics()
        self._totals: dict[str, float] = {}
        self._samples = 0

    def add(self, losses: Logs, batch: Dataset, y_pred: list[Array]) -> None:
        """Add a batch: its losses by name, the total one first."""
        for name, value in losses.items():
            self._totals[name] = self._totals.get(name, 0.0) + value * batch.size
        self._samples += batch.size
        self._compiled.update_metrics(*targets_of(batch, y_pred))

    def logs(self) -> Logs:
        """Return the loss, the metrics, and the losses of several outputs."""
        means = {name: total / self._samples for name, total in self._totals.items()}
        metrics = {name: metric.result() for name, metric in self._compiled.metrics()}
        return {"loss": means.pop("loss"), **metrics, **means}


def targets_of(batch: Dataset, y_pred: list[Array]) -> tuple[list[Any], list[Array], list[Any]]:
    """Return (targets, outputs, weights), a list each with one entry an output."""
    y_true = [None] * len(y_pred) if batch.y is None else flat(batch.y)
    weights = flat(batch.weights)
    return y_true, y_pred, weights * len(y_pred) if len(weights) == 1 else weights


def prepare(model: Model, compiled: Compiled, data: Dataset, class_weight: Any = None) -> None:
    """Build the network, fit losses and metrics to its outputs, and check all targets.

    Raises:
        ValidationError: targets that do not fit, or nothing to train with.
    """
    first = data.part(slice(0, 1))
    y_pred = flat(model(first.x, training=False))
    y_true = targets_of(data, y_pred)[0]
    compiled.resolve(targets_of(first, y_pred)[0], y_pred, output_names(model, y_pred))
    compiled.check_targets(y_true, y_pred)
    if class_weight is not None:
        check_class_weight(class_weight, max(y_pred[0].shape[-1], 2))


def output_names(model: Model, y_pred: list[Array]) -> list[str]:
    """Return the names of the layers that give the outputs, as in Keras."""
    tensors = getattr(model, "outputs", []) if len(y_pred) > 1 else []
    names = [tensor.node.operation.name for tensor in tensors if tensor.node is not None]
    if len(names) == len(y_pred):
        return names
    return [f"output_{i}" for i in range(len(y_pred))] if len(y_pred) > 1 else ["output"]


def train_step(model: Model, compiled: Compiled, batch: Dataset) -> tuple[Logs, list[Array]]:
    """Update the weights once. Returns the losses before that, and the outputs.

    With a loss that is no finite number nothing is updated.
    """
    outputs, pullback = model.vjp(batch.x, training=True)
    y_pred = flat(outputs)
    parts, gradients = compiled.vjp(*targets_of(batch, y_pred))
    losses = compiled.total(parts, model.losses)
    if not math.isfinite(losses["loss"]):
        return losses, y_pred
    _, by_variable = pullback(packed(outputs, gradients), input_gradient=False)
    variables = model.trainable_weights
    totals = [total_gradient(variable, by_variable) for variable in variables]
    # No call of the network sees weights of two steps.
    replace_values(model, variables, compiled.optimizer.updated(totals, variables))
    return losses, y_pred


def total_gradient(variable: Variable, gradients: Gradients) -> Array:
    """Return the gradient of the loss and of the weight's own penalty."""
    found = gradients.get(variable)
    if variable.regularizer is None:
        return np.zeros_like(widened(variable.value)) if found is None else found
    slope = getattr(variable.regularizer, "gradient", None)
    if slope is None:
        raise ValidationError(
            f"the regularizer of {variable.path} has no gradient: derive it from "
            f"`sepconv.regularizers.Regularizer` and define `gradient(self, x)`"
        )
    penalty: Array = slope(widened(variable.value))
    return penalty if found is None else found + penalty


def fit(
    model: Model,
    compiled: Compiled,
    data: Dataset,
    *,
    batch_size: int,
    epochs: int,
    verbose: Any,
    callbacks: Sequence[Callback],
    validation: Dataset | None,
    validation_batch_size: int,
    validation_freq: int,
    shuffle: bool,
    class_weight: Any,
    initial_epoch: int,
    seed: int | None,
) -> History:
    """Train; the arguments are those of `Trainer.fit`, checked."""
    prepare(model, compiled, data, class_weight)
    if not model.trainable_weights:
        raise ValidationError(
            f"'{model.name}' has no trainable weights: there is nothing to fit; "
            f"is `trainable` false, or has it no layers with weights?"
        )
    compiled.optimizer.build(model.trainable_weights)
    if class_weight is not None:
        data = data.with_class_weight(class_weight)
    history = next((one for one in callbacks if isinstance(one, History)), None)
    shown = for_verbose(verbose)
    everyone = [*callbacks, *([] if history else [history := History()]), *shown]
    run = {
        "epochs": epochs,
        "steps": math.ceil(data.size / batch_size),
        "verbose": verbose,
        "initial_epoch": initial_epoch,
        "seed": random.getrandbits(32) if seed is None else seed,
    }
    hooks = CallbackList(everyone, model, run)
    model.history = history
    model.stop_training = False
    logs: Logs = {}
    try:
        with held_back() as check_interrupt:
            hooks.call("on_train_begin")
            hooks.call("on_resume", hooks.callbacks)  # which may set the initial epoch and the seed
            for epoch in range(run["initial_epoch"], epochs):
                hooks.call("on_epoch_begin", epoch)
                order = epoch_order(run["seed"], epoch, data.size) if shuffle else None
                logs = _epoch(
                    model, compiled, data, batch_size, order, hooks, epoch, check_interrupt
                )
                if validation is not None and (epoch + 1) % validation_freq == 0:
                    found = evaluate(
                        model, compiled, validation, validation_batch_size, hooks, check_interrupt
                    )
                    logs.update({f"val_{name}": value for name, value in found.items()})
                hooks.call("on_epoch_end", epoch, logs)
                hooks.call("on_checkpoint", epoch, hooks.callbacks)
                check_interrupt()
                if model.stop_training:
                    break
            hooks.call("on_train_end", logs)
    finally:
        for one in shown:
            getattr(one, "close", lambda: None)()
    assert history is not None
    return history


def epoch_order(seed: int, epoch: int, samples: int) -> NDArray[np.intp]:
    """Return the order of the samples in an epoch: it depends on nothing but seed and epoch."""
    return np.random.default_rng([seed, epoch]).permutation(samples)


def _epoch(
    model: Model,
    compiled: Compiled,
    data: Dataset,
    batch_size: int,
    order: NDArray[np.intp] | None,
    hooks: CallbackList,
    epoch: int,
    check_interrupt: Any,
) -> Logs:
    """Train on each sample once and return the logs."""
    tally = Tally(compiled)
    for number, batch in enumerate(data.batches(batch_size, order)):
        if hooks.wants_batches:
            hooks.call("on_train_batch_begin", number)
        losses, y_pred = train_step(model, compiled, batch)
        if not math.isfinite(losses["loss"]):
            _no_number(model, compiled, batch, losses, epoch, number, hooks)
        tally.add(losses, batch, y_pred)
        if hooks.wants_batches:
            hooks.call("on_train_batch_end", number, tally.logs())
        check_interrupt()
        if model.stop_training:
            break
    return tally.logs()


def evaluate(
    model: Model,
    compiled: Compiled,
    data: Dataset,
    batch_size: int,
    hooks: CallbackList,
    check_interrupt: Any = lambda: None,
) -> Logs:
    """Return the losses and metrics of `data`, computed without any update."""
    tally = Tally(compiled)
    hooks.call("on_test_begin")
    for number, batch in enumerate(data.batches(batch_size)):
        if hooks.wants_test_batches:
            hooks.call("on_test_batch_begin", number)
        y_pred = flat(model(batch.x, training=False))
        parts = compiled.losses(*targets_of(batch, y_pred))
        tally.add(compiled.total(parts, model.losses), batch, y_pred)
        if hooks.wants_test_batches:
            hooks.call("on_test_batch_end", number, tally.logs())
        check_interrupt()
    hooks.call("on_test_end", tally.logs())
    return tally.logs()


def _no_number(
    model: Model,
    compiled: Compiled,
    batch: Dataset,
    losses: Logs,
    epoch: int,
    number: int,
    hooks: CallbackList,
) -> None:
    """Raise TrainingError that names a cause, unless a callback wants to end the training."""
    if any(isinstance(callback, TerminateOnNaN) for callback in hooks.callbacks):
        return
    rate = compiled.optimizer.current_learning_rate
    if not _finite(batch.x):
        cause = "x holds values that are no finite numbers in this batch"
    elif batch.y is not None and not _finite(batch.y):
        cause = "y holds values that are no finite numbers in this batch"
    elif not all(_finite(variable.value) for variable in model.weights):
        cause = (
            "the step before made weights that are no finite numbers: try a smaller learning rate "
            f"(it is {rate:g}) or `clipnorm=1.0`"
        )
    else:
        cause = (
            "the outputs are too large for their dtype, or the loss does not suit them: scale x, "
            f"try a smaller learning rate (it is {rate:g}) or `clipnorm=1.0`, or "
            "`from_logits=True` where the last activation is no softmax or sigmoid"
        )
    raise TrainingError(
        f"the loss is {losses['loss']} in epoch {epoch + 1}, batch {number + 1}: {cause}. "
        f"The weights are those before this batch"
    )


def _finite(values: Any) -> bool:
    return all(
        bool(np.isfinite(widened(array)).all()) for array in flat(mapped(np.asarray, values))
    )


def train_on_batch(model: Model, compiled: Compiled, data: Dataset, class_weight: Any) -> Logs:
    """Update the weights once with all of `data`, and return its logs from before."""
    if not compiled.heads or class_weight is not None:
        prepare(model, compiled, data, class_weight)
    if class_weight is not None:
        data = data.with_class_weight(class_weight)
    tally = Tally(compiled)
    losses, y_pred = train_step(model, compiled, data)
    if not math.isfinite(losses["loss"]):
        _no_number(model, compiled, data, losses, 0, 0, CallbackList([], model, {}))
    tally.add(losses, data, y_pred)
    return tally.logs()
