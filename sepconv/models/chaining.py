"""Chaining: in inference, consecutive layers that the core computes become one call of it.

What lies between them stays in the cache, and Python is not asked layer by layer. Each layer
computes what it does alone, so no bit differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sepconv.layers.base import Layer
from sepconv.layers.folding import Elementwise
from sepconv.layers.locks import LayerLock
from sepconv.layers.structure import flat
from sepconv.layers.variable import Packed
from sepconv.models.fusion import Folded, is_plain
from sepconv.models.steps import Step, called, go_through

if TYPE_CHECKING:
    from sepconv.core import Chain


def chained(steps: Sequence[Step], outputs: Sequence[int]) -> list[Step]:
    """Return the steps of inference with those that the core can do in a row as one."""
    found: list[Step] = []
    row: list[Step] = []
    for step in steps:
        if not _continues(step, row):
            found += _as_one(row, steps, outputs)
            row = []
        (row if _continues(step, row) else found).append(step)
    return found + _as_one(row, steps, outputs)


def _continues(step: Step, row: Sequence[Step]) -> bool:
    """Tell whether the core can do a step behind those of a row."""
    layers = _layers(step)
    first = _layers(row[0])[0] if row else layers[0]
    if type(step.target) is not int or not all(is_plain(one, step.kwargs, first) for one in layers):
        return False
    if layers[0].reads_numbers and any(step.source in flat(one.target) for one in row):
        return False
    return _operations(step) is not None


def _layers(step: Step) -> list[Layer]:
    return step.run.layers if isinstance(step.run, Folded) else [step.layer]


def _operations(step: Step) -> Sequence[Any] | None:
    run: Layer | Folded = step.run  # type: ignore[assignment]
    return run.core_operations()


def _as_one(row: list[Step], steps: Sequence[Step], outputs: Sequence[int]) -> list[Step]:
    """Return one step for those of a row, or the row where that gains nothing."""
    inside = {step.target for step in row}
    others = [step for step in steps if step not in row]
    wanted = {*outputs, *(slot for step in others for slot in flat(step.source))}
    sources = sorted({slot for step in row for slot in flat(step.source)} - inside)
    targets = [step.target for step in row if step.target in wanted]
    if len(row) < 2 or not targets:
        return row
    run = Chained(row, sources, targets)
    if run.make().result is None:
        return row
    freed = tuple(slot for step in row for slot in step.freed if slot in sources)
    return [row[0]._replace(source=sources, target=targets, kwargs={}, freed=freed, run=run)]


class Chained:
    """Steps as one call of the core, made anew whenever one of the weights is set.

    Arguments:
        steps: of layers that are plain.
        sources: the slots that are read and that no step fills.
        targets: the slots that are returned.
    """

    def __init__(self, steps: Sequence[Step], sources: list[int], targets: list[int]) -> None:
        self.steps = list(steps)
        self.sources, self.targets = sources, targets
        self._lock = LayerLock()
        self._held: Packed | None = None

    def __call__(self, arrays: list[Any]) -> list[Any]:
        held = self._held
        if held is None or not held.is_current():
            held = self.make()
        if held.result is not None:
            outputs: list[Any] | None = held.result(arrays)
            if outputs is not None:
                return outputs
        return self._one_by_one(arrays)

    def is_all_of(self, inputs: list[int], outputs: list[int]) -> bool:
        """Tell whether nothing is left of a network with these slots."""
        return self.sources == inputs and self.targets == outputs

    def _one_by_one(self, arrays: list[Any]) -> list[Any]:
        """Return the outputs by the layers' own calls, which say why an input does not suit."""
        slots = dict(zip(self.sources, arrays, strict=True))
        go_through(slots, self.steps, called)
        return [slots[slot] for slot in self.targets]

    def make(self) -> Packed:
        """Pack the present weights; the result is None where the core cannot take them."""
        with self._lock:
            layers = [layer for step in self.steps for layer in _layers(step)]
            variables = [variable for layer in layers for variable in layer._tracked.variables]
            # Taken before the operations are: those of weights that are set meanwhile are stale.
            sources = tuple((variable, variable.value) for variable in variables)
            self._held = Packed(sources, self._chain(layers[0].compute_dtype))
            return self._held

    def _chain(self, dtype: str) -> Chain | None:
        from sepconv.core import Chain

        tensors = {slot: number for number, slot in enumerate(self.sources)}
        operations: list[tuple[Any, tuple[int, ...], int]] = []

        def add(operation: Any, *read: int) -> int:
            operations.append((operation, read, len(self.sources) + len(operations)))
            return operations[-1][-1]

        for step in self.steps:
            found = _operations(step)
            if found is None:
                return None
            tensor, *more = (tensors[slot] for slot in flat(step.source))
            if found and self._ends_a_sum(step, tensors, operations):
                operations[-1] = (found[0], *operations[-1][1:])
                found = found[1:]
            if more:  # a sum
                for other in more:
                    tensor = add(found[0], tensor, other)
                found = found[1:]
            for operation in found:
                tensor = add(operation, tensor)
            tensors[step.target] = tensor
        targets = [tensors[slot] for slot in self.targets]
        if min(targets) < len(self.sources):  # an input that is handed on
            return None
        try:
            return Chain(dtype, operations, len(self.sources), targets)
        except ValueError:  # an input that is read as numbers of rows, and as numbers
            return None

    def _ends_a_sum(
        self, step: Step, tensors: Mapping[int, int], operations: Sequence[Any]
    ) -> bool:
        """Tell whether a step is an activation of the sum just before it, which nobody else reads.

        The core's operation of an activation takes two tensors as well, and adds them first.
        """
        if not isinstance(step.layer.folding(), Elementwise) or not operations:
            return False
        _, read, made = operations[-1]
        names = [slot for slot, tensor in tensors.items() if tensor == made]
        readers = [slot for one in self.steps for slot in flat(one.source)].count(step.source)
        alone = readers == 1 and names == [step.source] and step.source not in self.targets
        return len(read) == 2 and alone
