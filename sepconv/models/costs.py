"""What each layer of a network costs, and how much of the input its outputs depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.rules import Shape
from sepconv.layers.structure import flat, mapped
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.composite import Composite
from sepconv.models.inputs import name_of
from sepconv.models.steps import Step

OPEN: Shape = (None, None, None)  # batch, time, channels of a network that tells no input


class View(NamedTuple):
    """What one step of a tensor over time stands for, in steps of the network's input."""

    field: int = 1  # steps that it depends on
    jump: int = 1  # steps from it to the next


@dataclass
class Row:
    """One layer of a network. None stands for what is open or not defined."""

    layer: Layer
    inputs: list[str] = dataclasses.field(default_factory=list)  # names of the layers before it
    output: Any = None  # a shape, or a structure of shapes
    macs: int | None = None  # multiply-adds with kernels for one sample, in all of its calls
    field: int | None = None  # steps of the input that one step of the output depends on
    inner: list[Row] = dataclasses.field(default_factory=list)  # of a network within

    @property
    def parameters(self) -> int | None:
        built = all(layer.built for layer in self.layer._flatten())
        return self.layer.count_params() if built else None


def measured(network: Composite, input_shape: Any = None) -> list[Row]:
    """Return a row for each layer of a network, in the order of `layers`.

    A step of a merge depends on as many steps as that of its widest branch.

    Arguments:
        network: its layers need not be built; then parameters and MACs are open.
        input_shape: of the input, with the batch; a list for several. None is the network's own.

    >>> from sepconv import Input, SeparableConv1D, Sequential
    >>> rows = measured(Sequential([Input((9, 2)), SeparableConv1D(4, 3), SeparableConv1D(4, 3)]))
    >>> [(row.output, row.parameters, row.macs, row.field) for row in rows]
    [((None, 7, 4), 18, 98, 3), ((None, 5, 4), 32, 140, 5)]
    """
    rows = {layer: Row(layer) for layer in network.layers}
    # A layer of the user's own that tells no shapes, or an input that does not suit: the rest is
    # open.
    with suppress(NotImplementedError, ValidationError):
        _measure(network, _inputs(network, input_shape), _Known(), rows)
    return list(rows.values())


class _Known:
    """Of each tensor, the layer that returns it and how it sees the input."""

    def __init__(self) -> None:
        self.names: dict[SymbolicTensor, str] = {}
        self.views: dict[SymbolicTensor, View | None] = {}

    def note(self, tensor: SymbolicTensor, name: str, view: View | None) -> SymbolicTensor:
        twin = SymbolicTensor(tensor.shape, tensor.dtype)  # a layer may return its input
        self.names[twin], self.views[twin] = name, view
        return twin


def _measure(
    network: Composite, tensors: list[SymbolicTensor], known: _Known, rows: dict[Layer, Row]
) -> list[SymbolicTensor]:
    """Fill `rows` for inputs of the shapes of `tensors`, and return the outputs."""
    given = []
    starts = network._starts() or tensors
    for tensor, start in zip(tensors, starts, strict=True):
        view = known.views.get(tensor, View())
        given.append(known.note(tensor, name_of(start), view))
        layer = start.node.operation if start.node is not None else None
        if layer in rows:
            rows[layer] = Row(layer, [], tensor.shape, 0, view and view.field)

    def call(step: Step, x: Any) -> Any:
        row, before = rows[step.layer], flat(x)
        y = _called(step.layer, x, known, row)
        row.inputs += [known.names[tensor] for tensor in before]
        row.output = row.output or mapped(lambda tensor: tensor.shape, y)
        return y

    program = network._program()
    return program.through(given, program.steps[None], call)


def _called(layer: Layer, x: Any, known: _Known, row: Row) -> Any:
    """Return the outputs of one call of a layer, and add its costs to its row."""
    if isinstance(layer, Composite):
        inner = {one: Row(one) for one in layer.layers}
        outputs = _measure(layer, flat(layer._arranged(x)), known, inner)
        macs = total(one.macs for one in inner.values())
        y = layer._joined([known.note(t, layer.name, known.views[t]) for t in outputs])
        row.inner = list(inner.values())
    else:
        spec = layer.symbolic_call(x)
        view = _view(layer, [known.views[tensor] for tensor in flat(x)])
        y = mapped(lambda tensor: known.note(tensor, layer.name, view), spec)
        macs = layer.macs(flat(spec)[0].shape) if layer.built else None
    views = [known.views[tensor] for tensor in flat(y)]
    row.field = max((view.field for view in views if view), default=None)
    row.macs = macs if row.macs is None or macs is None else row.macs + macs
    return y


def _view(layer: Layer, before: Sequence[View | None]) -> View | None:
    """Return how a layer's output sees the network's input, given how its inputs do."""
    views = [view for view in before if view is not None]
    if layer.window is None or len(views) < len(before) or len({v.jump for v in views}) != 1:
        return None
    size, stride = layer.window
    widest = max(views)
    return View(widest.field + (size - 1) * widest.jump, widest.jump * stride)


def total(counts: Iterable[int | None]) -> int | None:
    """Return the sum; None when one count is open."""
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)


def _inputs(network: Composite, input_shape: Any) -> list[SymbolicTensor]:
    if input_shape is None:
        return network._starts() or [SymbolicTensor(OPEN)]
    listed = bool(input_shape) and isinstance(input_shape[0], (list, tuple))
    return [SymbolicTensor(shape) for shape in (input_shape if listed else [input_shape])]
