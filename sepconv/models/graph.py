"""Graph: the calls that lead from some symbolic tensors to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.input_layer import InputLayer
from sepconv.layers.structure import flat, mapped, paths
from sepconv.layers.symbolic import Node, SymbolicTensor
from sepconv.models.program import Program
from sepconv.models.steps import LayerCall


class Graph:
    """The calls between `inputs` and `outputs`.

    Arguments:
        inputs: structure of symbolic tensors, each an `Input`.
        outputs: structure of symbolic tensors that depend on these and nothing else.

    Raises:
        ValidationError: an output depends on an Input that is not among `inputs`.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs = inputs
        self.outputs = outputs
        called, met = _upstream(flat(outputs))
        _refuse_disconnected(called, {maker(tensor) for tensor in flat(inputs)}, outputs)
        # Inputs that nobody reads belong to the network, too.
        unread = [node for node in dict.fromkeys(map(maker, flat(inputs))) if node not in met]
        self.nodes: list[Node] = [*unread, *called]  # each after those it depends on
        self.layers: list[Layer] = _by_depth(unread, called, met)
        self._numbers: dict[Node, int] = {}  # of a call among those of its layer
        for layer in self.layers:
            self._numbers.update((node, i) for i, node in enumerate(self.calls_of(layer)))

    def calls_of(self, layer: Layer) -> list[Node]:
        """Return the calls of a layer that are part of the graph, in the order they were made."""
        mine = set(self.nodes)
        return [node for node in layer._inbound_nodes if node in mine]

    def history(self, tensor: SymbolicTensor) -> list[Any]:
        """Return the name of a tensor's layer, the number of its call, and of the output."""
        node = maker(tensor)
        return [node.operation.name, self._numbers[node], tensor.index]

    def program(self) -> Program:
        """Return the calls as a program."""
        slots: dict[SymbolicTensor, int] = {}
        calls: list[LayerCall] = []
        for node in self.nodes:
            for tensor in node.outputs:
                slots[tensor] = len(slots)
            if node.inputs:
                source = mapped(slots.__getitem__, node.arguments)
                target = mapped(slots.__getitem__, node.results)
                calls.append((_layer(node), source, target, node.kwargs))
        inputs, outputs = ([slots[t] for t in flat(s)] for s in (self.inputs, self.outputs))
        return Program(calls, inputs, outputs)


def maker(tensor: SymbolicTensor) -> Node:
    """Return the call that made a tensor, which must be one."""
    if tensor.node is None:
        raise ValidationError(
            f"{tensor} is the output of no layer: a network begins with `Input(shape)`"
        )
    return tensor.node


def cut(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """Return `inputs` with an Input in the place of each tensor in between, and the outputs then.

    The calls after them are recorded anew, so the network as it was keeps its own.
    """
    between = [tensor for tensor in flat(inputs) if maker(tensor).inputs]
    if not between:
        return inputs, outputs
    twins = {tensor: _input_like(tensor) for tensor in between}

    def twin(tensor: SymbolicTensor) -> SymbolicTensor:
        return twins.get(tensor, tensor)

    for node in _upstream(flat(outputs), between)[0]:
        if node.inputs:
            made = mapped(lambda t: SymbolicTensor(t.shape, t.dtype, t.name), node.results)
            node.operation._record(mapped(twin, node.arguments), made, node.kwargs)
            # A tensor that is given is not computed, even when its call makes others, too.
            twins = {**dict(zip(node.outputs, flat(made), strict=True)), **twins}
    return mapped(twin, inputs), mapped(twin, outputs)


def _input_like(tensor: SymbolicTensor) -> SymbolicTensor:
    layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")
    layer._named = False  # so the network may make it unique
    return layer.output


def _upstream(
    tensors: list[SymbolicTensor], given: Iterable[SymbolicTensor] = ()
) -> tuple[list[Node], dict[Node, None]]:
    """Return the calls that `tensors` depend on: each after those it depends on itself, and as met.

    The search goes depth first, from the first argument on, as Keras's does. It has a stack of
    its own: a network may be deeper than Python's.
    """
    stop = set(given)
    done: list[Node] = []
    met: dict[Node, None] = {}
    stack: list[tuple[Node | None, Iterator[SymbolicTensor]]] = [(None, iter(tensors))]
    while stack:
        node, rest = stack[-1]
        tensor = next(rest, None)
        if tensor is None:
            stack.pop()
            if node is not None:
                done.append(node)
        elif tensor not in stop and maker(tensor) not in met:
            met[maker(tensor)] = None
            stack.append((maker(tensor), iter(maker(tensor).inputs)))
    return done, met


def _refuse_disconnected(called: list[Node], given: set[Node], outputs: Any) -> None:
    missing: dict[Node, str] = {}  # calls that cannot be made -> the Input that they lack
    for node in called:
        if not node.inputs and node not in given:
            missing[node] = node.operation.name
        for above in map(maker, node.inputs):
            if above in missing:
                missing[node] = missing[above]
    for path, tensor in paths(outputs):
        if maker(tensor) in missing:
            raise ValidationError(
                f"Output with path `{path}` is not connected to `inputs`: it depends on "
                f"Input '{missing[maker(tensor)]}', which is not among them"
            )


def _by_depth(unread: list[Node], called: list[Node], met: Iterable[Node]) -> list[Layer]:
    """Return the layers as Keras lists them, which is the order of a network's weights.

    The farther from the outputs the earlier, then in the order in which a search from the
    outputs comes by; a layer counts where it is farthest.
    """
    depths: dict[Node, int] = {}
    farthest: dict[Layer, int] = {}
    for node in reversed(called):
        layer = _layer(node)
        depth = max(depths.get(node, 0), farthest.get(layer, 0))
        farthest[layer] = depths[node] = depth
        for tensor in node.inputs:
            above = maker(tensor)
            depths[above] = max(depth + 1, depths.get(above, 0))
    for node in unread:
        farthest[_layer(node)] = 0
    first = dict.fromkeys(map(_layer, unread), -1)
    for layer in map(_layer, met):
        first.setdefault(layer, len(first))
    return sorted(farthest, key=lambda layer: (-farthest[layer], first[layer]))


def _layer(node: Node) -> Layer:
    assert isinstance(node.operation, Layer)
    return node.operation
