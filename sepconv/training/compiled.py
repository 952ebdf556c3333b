"""What a network is compiled with: an optimizer, and for each output a loss and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import losses, metrics as metric_kinds, optimizers
from sepconv.errors import ValidationError, shown, suggestion
from sepconv.losses import Loss
from sepconv.metrics import Metric
from sepconv.optimizers import Optimizer
from sepconv.rules import is_real

Array = NDArray[Any]
# Names that stand for different classes by the shapes of targets and outputs.
ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")


@dataclass
class Head:
    """One output: its name, its loss with a factor, and its metrics by their names in logs."""

    name: str
    loss: Loss | None
    factor: float = 1.0
    metrics: dict[str, Metric] = field(default_factory=dict)
    weighted_metrics: dict[str, Metric] = field(default_factory=dict)


class Compiled:
    """The arguments of `compile`, checked; `resolve` fits them to the outputs."""

    def __init__(
        self, optimizer: Any, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any
    ) -> None:
        found = optimizers.get(optimizer)
        if found is None:
            raise ValidationError("`optimizer` must be an optimizer or its name, such as 'adam'")
        self.optimizer: Optimizer = found
        self._loss = _made(loss, losses.registry, CROSSENTROPY)
        self._loss_weights = loss_weights
        for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValidationError(
                    f"Expected `{name}` argument to be a list, tuple, or dict. Received instead: "
                    f"{name}={shown(given)} of type {type(given).__name__}"
                )
            _made(given, metric_kinds.registry, ACCURACY)  # refuses an unknown name at once
        self._metrics, self._weighted_metrics = metrics, weighted_metrics
        self.heads: list[Head] = []

    def resolve(self, y_true: list[Any], y_pred: list[Array], names: list[str]) -> None:
        """Make the losses and metrics of each output. Later calls change nothing.

        Raises:
            ValidationError: another number of targets, losses, factors or metrics than outputs.
        """
        if self.heads:
            return
        count = len(y_pred)
        if len(y_true) != count:
            raise ValidationError(
                f"the network has {count} outputs ({', '.join(names)}), got {len(y_true)} targets"
            )
        found = _per_output(self._loss, names, "loss")
        factors = [
            1.0 if factor is None else _factor(factor)
            for factor in _per_output(self._loss_weights, names, "loss_weights")
        ]
        heads = []
        taken: dict[str, int] = {}
        given = [
            [_listed(one) for one in _per_output(metrics, names, what, listed=count == 1)]
            for metrics, what in (
                (self._metrics, "metrics"),
                (self._weighted_metrics, "weighted_metrics"),
            )
        ]
        for i, name in enumerate(names):
            truth = y_true[i]
            prefix = f"{name}_" if count > 1 else ""
            heads.append(
                Head(
                    name,
                    _loss_for(found[i], truth, y_pred[i]),
                    factors[i],
                    {
                        _unique(prefix + label, taken): metric
                        for label, metric in _metrics_for(given[0][i], truth, y_pred[i])
                    },
                    {
                        _unique(prefix + label, taken): metric
                        for label, metric in _metrics_for(given[1][i], truth, y_pred[i])
                    },
                )
            )
        self.heads = heads

    def check_targets(self, y_true: list[Any], y_pred: list[Array]) -> None:
        """Raise ValidationError for targets, of all samples, that do not fit the outputs."""
        for head, truth, y in zip(self.heads, y_true, y_pred, strict=True):
            if head.loss is not None and truth is None:
                raise ValidationError(f"the loss {head.loss.name} needs targets: pass `y`")
            if head.loss is not None:
                head.loss.check_targets(truth, (len(truth), *y.shape[1:]))

    def losses(
        self, y_true: list[Any], y_pred: list[Array], weights: list[Any]
    ) -> dict[str, float]:
        """Return each output's loss by the output's name."""
        return {
            head.name: head.loss(truth, y, weight)
            for head, truth, y, weight in zip(self.heads, y_true, y_pred, weights, strict=True)
            if head.loss is not None
        }

    def vjp(
        self, y_true: list[Any], y_pred: list[Array], weights: list[Any]
    ) -> tuple[dict[str, float], list[Array]]:
        """Return what `losses` does, and the gradients of the total by the outputs."""
        found, gradients = {}, []
        for head, truth, y, weight in zip(self.heads, y_true, y_pred, weights, strict=True):
            if head.loss is None:
                gradients.append(np.zeros(y.shape, np.float32))
                continue
            found[head.name], dy = head.loss.vjp(truth, y, weight)
            gradients.append(dy if head.factor == 1.0 else dy * dy.dtype.type(head.factor))
        return found, gradients

    def total(self, parts: dict[str, float], penalties: Iterable[Any]) -> dict[str, float]:
        """Return the total loss, and the outputs' own if there are several, by names in logs."""
        factors = {head.name: head.factor for head in self.heads}
        terms = [value * factors[name] for name, value in parts.items()]
        found = {"loss": math.fsum([*terms, *(float(one) for one in penalties)])}
        if len(parts) > 1:
            found.update((f"{name}_loss", value) for name, value in parts.items())
        return found

    def update_metrics(self, y_true: list[Array], y_pred: list[Array], weights: list[Any]) -> None:
        for head, truth, y, weight in zip(self.heads, y_true, y_pred, weights, strict=False):
            for metric in head.metrics.values():
                metric.update_state(truth, y)
            for metric in head.weighted_metrics.values():
                metric.update_state(truth, y, weight)

    def metrics(self) -> Iterator[tuple[str, Metric]]:
        """Give all metrics with their names in logs."""
        for head in self.heads:
            yield from head.metrics.items()
        for head in self.heads:
            yield from head.weighted_metrics.items()

    def reset_metrics(self) -> None:
        for _, metric in self.metrics():
            metric.reset_state()


def _made(spec: Any, registry: Any, open_names: tuple[str, ...]) -> Any:
    """Return a structure of identifiers as one of objects, but for names that shapes decide."""
    if isinstance(spec, (list, tuple)):
        return [_made(one, registry, open_names) for one in spec]
    if isinstance(spec, dict) and "class_name" not in spec:
        return {name: _made(one, registry, open_names) for name, one in spec.items()}
    if isinstance(spec, str) and spec.lower() in open_names:
        return spec
    return registry.get(spec)


def _per_output(spec: Any, names: list[str], what: str, listed: bool = False) -> list[Any]:
    """Return a structure's part for each output; `listed`: a list is the one output's own."""
    if isinstance(spec, Mapping) and "class_name" not in spec:
        unknown = [name for name in spec if name not in names]
        if unknown:
            raise ValidationError(
                f"`{what}` names {shown(unknown[0])}, which is no output"
                f"{suggestion(str(unknown[0]), names)}"
            )
        return [spec.get(name) for name in names]
    if isinstance(spec, (list, tuple)) and not listed:
        if len(spec) != len(names):
            raise ValidationError(
                f"`{what}` must have one entry for each of the {len(names)} outputs "
                f"({', '.join(names)}), got {len(spec)}"
            )
        return list(spec)
    return [spec] * len(names)


def _listed(spec: Any) -> list[Any]:
    if spec is None:
        return []
    return list(spec) if isinstance(spec, (list, tuple)) else [spec]


def _factor(value: Any) -> float:
    if not is_real(value):
        raise ValidationError(f"`loss_weights` must hold numbers, got {shown(value)}")
    return float(value)


def _form(y_true: Any, y_pred: Array) -> str:
    """Return which kind of classification shapes show, as Keras decides it."""
    if y_true is None:
        raise ValidationError(
            "a name such as 'accuracy' needs targets to decide what it stands for"
        )
    if y_pred.shape[-1] == 1:
        return "Binary"
    column = y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1
    return "SparseCategorical" if y_true.ndim < y_pred.ndim or column else "Categorical"


def _loss_for(found: Any, y_true: Any, y_pred: Array) -> Loss | None:
    if isinstance(found, str):
        return losses.get(f"{_form(y_true, y_pred)}Crossentropy")
    made: Loss | None = found
    return made


def _metrics_for(given: list[Any], y_true: Any, y_pred: Array) -> Iterator[tuple[str, Metric]]:
    """Give metrics by their names in logs: the identifier, if it is a string."""
    for one in given:
        if isinstance(one, str) and one.lower() in ACCURACY:
            metric = metric_kinds.get(f"{_form(y_true, y_pred)}Accuracy")
        else:
            metric = metric_kinds.get(one)
        if metric is not None:
            yield one if isinstance(one, str) else metric.name, metric


def _unique(name: str, taken: dict[str, int]) -> str:
    """Return `name`, numbered if another metric has it, as Keras does."""
    count = taken.get(name, 0)
    taken[name] = count + 1
    return f"{name}_{count}" if count else name
