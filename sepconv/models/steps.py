"""Steps: the calls of a network's layers, each with the slots that it reads, fills and frees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sepconv.layers import losses
from sepconv.layers.base import Layer
from sepconv.layers.structure import flat, mapped


class Step(NamedTuple):
    """One call of a layer."""

    layer: Layer
    source: Any  # a slot, or a structure of slots
    target: Any  # likewise
    kwargs: dict[str, Any]  # such as `training`
    again: bool  # whether an earlier step calls the same layer
    freed: tuple[int, ...]  # slots that nobody reads after this step
    run: Callable[..., Any]  # the layer, or what stands for it and those behind it


LayerCall = tuple[Layer, Any, Any, dict[str, Any]]  # the first four fields of a step
Call = Callable[[Step, Any], Any]  # the outputs of a step for its inputs


def go_through(slots: Any, steps: Iterable[Step], call: Call) -> None:
    """Fill the slots of the steps' outputs, and clear those that nobody reads any more."""
    for step in steps:
        source, target = step.source, step.target
        x = slots[source] if type(source) is int else mapped(slots.__getitem__, source)
        y = call(step, x)
        if type(target) is int:
            slots[target] = y
        else:
            for slot, value in zip(flat(target), flat(y), strict=True):
                slots[slot] = value
        for slot in step.freed:
            slots[slot] = None


def called(step: Step, x: Any) -> Any:
    if step.again:
        with losses.kept(step.layer, True):
            return step.run(x, **step.kwargs)
    return step.run(x, **step.kwargs)


def with_uses(calls: list[LayerCall], outputs: set[int]) -> list[Step]:
    """Return the steps, each with the slots that nobody reads after it."""
    last: dict[int, int] = {}
    for number, (_, source, target, _) in enumerate(calls):
        for slot in (*flat(source), *flat(target)):
            last[slot] = number
    freed: list[list[int]] = [[] for _ in calls]
    for slot, number in last.items():
        if slot not in outputs:
            freed[number].append(slot)
    seen: set[int] = set()
    steps = []
    for (layer, source, target, kwargs), slots in zip(calls, freed, strict=True):
        steps.append(Step(layer, source, target, kwargs, id(layer) in seen, tuple(slots), layer))
        seen.add(id(layer))
    return steps


def as_called(step: Step, training: bool | None) -> Step:
    """Return the step as a call of the network with `training` makes it; as in Keras, that wins."""
    if training is None or not step.layer._takes_training:
        return step
    return step._replace(kwargs={**step.kwargs, "training": training})
