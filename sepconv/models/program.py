"""Program: the calls of a network in an order in which they can run, forwards and back.

Tensors are numbered: a program's slots hold their values, each only until its last use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError
from sepconv.layers import losses
from sepconv.layers.gradients import Gradients, Pull, Pullback, add_gradients
from sepconv.layers.structure import flat, packed
from sepconv.models.chaining import Chained, chained
from sepconv.models.fusion import fused
from sepconv.models.steps import Call, LayerCall, Step, as_called, called, go_through, with_uses


class Program:
    """Calls of layers, in order.

    Arguments:
        calls: (layer, slots it reads, slots it fills, keyword arguments), in order.
        inputs: the slots that are given.
        outputs: the slots that are returned.
    """

    def __init__(
        self,
        calls: Iterable[LayerCall],
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        told = with_uses(list(calls), set(outputs))
        self.steps: dict[bool | None, list[Step]] = {
            training: [as_called(step, training) for step in told]
            for training in (None, False, True)
        }
        # Steps of inference with layers folded together, once all of them are built.
        self._fused: dict[bool | None, list[Step]] = {}
        self._chained: dict[bool | None, list[Step]] = {}
        self._size = 1 + max([*inputs, *outputs, *(s for step in told for s in flat(step.target))])

    def through(self, values: Iterable[Any], steps: Iterable[Step], call: Call) -> list[Any]:
        """Return the values of the outputs when `call` makes each step's outputs."""
        slots: list[Any] = [None] * self._size
        for slot, value in zip(self.inputs, values, strict=True):
            slots[slot] = value
        go_through(slots, steps, call)
        return [slots[slot] for slot in self.outputs]

    def run(self, arrays: Iterable[Any], training: bool | None) -> list[Any]:
        """Return the outputs for arrays; `training=None` leaves it to what each call was given."""
        steps = self._chained.get(training)
        if steps is None:
            steps = self.quickest(training)
        first = steps[0].run if steps else None
        if type(first) is Chained and first.is_all_of(self.inputs, self.outputs):
            return first(list(arrays))
        return self.through(arrays, steps, called)

    def folded(self, training: bool | None) -> list[Step]:
        """Return the steps for calls on arrays, with layers folded together in inference."""
        steps = self._fused.get(training)
        if steps is not None:
            return steps
        steps = self.steps[training]
        if training or not all(step.layer.built for step in steps):
            return steps
        return self._fused.setdefault(training, fused(steps, self.outputs))

    def quickest(self, training: bool | None) -> list[Step]:
        """Return the steps for calls on arrays, those that the core does in a row as one."""
        steps = self.folded(training)
        if training not in self._fused:
            return steps
        return self._chained.setdefault(training, chained(steps, self.outputs))

    def specs(self, tensors: Iterable[Any]) -> list[Any]:
        """Return the symbolic outputs for symbolic tensors, and record nothing."""
        return self.through(tensors, self.steps[None], lambda step, x: step.layer.symbolic_call(x))

    def vjp(self, arrays: Sequence[Any], training: bool) -> tuple[list[Any], Pull]:
        """Return the outputs and a function from their gradients to those of inputs and weights."""
        pullbacks: list[Pullback] = []

        def call(step: Step, x: Any) -> Any:
            _refuse_kwargs(step)
            with losses.kept(step.layer, step.again):
                y, pullback = step.layer.vjp(x, training=training)
            pullbacks.append(pullback)
            return y

        outputs = self.through(arrays, self.steps[training], call)
        shapes = [(np.shape(x), getattr(x, "dtype", None)) for x in arrays]

        def pull(dys: list[Any], input_gradient: bool) -> tuple[Any, Gradients]:
            slots, found = self._pulled(pullbacks, dys, input_gradient)
            if not input_gradient:
                return None, found
            dxs = [slots[slot] for slot in self.inputs]
            return [_or_zeros(dx, *of) for dx, of in zip(dxs, shapes, strict=True)], found

        return outputs, pull

    def _pulled(
        self, pullbacks: list[Pullback], dys: list[Any], input_gradient: bool
    ) -> tuple[list[Any], Gradients]:
        """Return the gradients of the slots that are left, and of the weights."""
        slots: list[Any] = [None] * self._size
        found: Gradients = {}
        for slot, dy in zip(self.outputs, dys, strict=True):
            _add(slots, slot, dy)
        steps = list(zip(self.steps[None], pullbacks, self._wanted(input_gradient), strict=True))
        for step, pullback, (wanted, below) in reversed(steps):
            targets = flat(step.target)
            dy = [slots[slot] for slot in targets]
            for slot in targets:
                slots[slot] = None
            if not wanted or all(one is None for one in dy):
                continue
            dx, gradients = pullback(packed(step.target, dy), input_gradient=below)
            add_gradients(found, gradients)
            if below and dx is not None:
                for slot, one in zip(flat(step.source), flat(dx), strict=True):
                    _add(slots, slot, one)
        return slots, found

    def _wanted(self, input_gradient: bool) -> list[tuple[bool, bool]]:
        """Tell for each step whether its gradients are wanted, and whether those below are."""
        alive = set(self.inputs) if input_gradient else set()
        told = []
        for step in self.steps[None]:
            below = any(slot in alive for slot in flat(step.source))
            wanted = below or bool(step.layer.trainable_weights)
            if wanted:
                alive.update(flat(step.target))
            told.append((wanted, below))
        return told


def _refuse_kwargs(step: Step) -> None:
    other = [name for name in step.kwargs if name != "training"]
    if other:
        raise ValidationError(
            f"layer '{step.layer.name}' was called with `{other[0]}=`: such a call has no gradients"
        )


def _add(slots: list[Any], slot: int, gradient: Any) -> None:
    if gradient is not None:
        slots[slot] = gradient if slots[slot] is None else slots[slot] + gradient


def _or_zeros(dx: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any] | None:
    """Return `dx`; zeros for a float input that no output depends on, None for integers."""
    if dx is None and dtype is not None and dtype.kind not in "iub":
        return np.zeros(shape, np.float64 if dtype.itemsize > 4 else np.float32)
    gradient: NDArray[Any] | None = dx
    return gradient
