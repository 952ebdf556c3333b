"""The graph of a Functional network: what reaches each layer, and what leaves the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from typing import Any, TypeAlias

from sepconv.config.findings import Findings
from sepconv.config.kinds import LAYERS
from sepconv.config.nodes import Items, Node, Path, Scalar, Table, children
from sepconv.config.specs import (
    Call,
    Given,
    Graph,
    Inputs,
    Ref,
    Spec,
    givens,
    is_functional,
    is_sequential,
    text,
)
from sepconv.config.words import name_of
from sepconv.errors import ValidationError
from sepconv.layers.rules import Name

# Beside the class of a layer in a Functional network, and in Keras's list of layers.
BESIDE_A_LAYER = frozenset({"from", "inbound_nodes"})
BESIDE_AN_ENTRY = frozenset({"name", "inbound_nodes"})

Parse: TypeAlias = Callable[..., Spec | None]
_REF = re.compile(r"([^/]+)(?:/([0-9]{1,6}))?(?:/([0-9]{1,6}))?")


def read(network: Spec, parse: Parse, findings: Findings) -> None:
    """Fill in a Functional network's layers, the calls between them, its inputs and outputs."""
    network.graph = graph = Graph()
    nodes: list[Node | None] = []  # of each layer
    for label, given, is_input in _entries(network):
        layer = (
            Spec(LAYERS, "InputLayer", given.key, given.path, given.path)
            if is_input
            else parse(given.value, given.path, LAYERS, findings, _beside(network))
        )
        if layer is None:
            graph.unread.add(label)
            layer = Spec(LAYERS, "", given.key, given.path, given.path)
        elif is_input and isinstance(given.value, Table):
            layer.arguments = givens(given.value, given.path)
        layer.label = label
        if not label:
            graph.unread.add(label)
            findings.add(
                "SC103",
                "`name` of this layer is missing",
                given.key,
                given.path,
                help="write the layers as `name: {Class: {arguments}}`",
            )
        else:
            _name(layer, given, findings)
        network.layers.append(layer)
        nodes.append(None if is_input or label in graph.unread else given.value)
    reader = _Reader(network, findings)
    for index, node in enumerate(nodes):
        if node is not None and network.layers[index].name != "InputLayer":
            reader.read_calls(index, node)
    _read_ends(network, graph, reader)


def _entries(network: Spec) -> Iterator[tuple[str, Given, bool]]:
    """Yield each layer's name, where it stands, and whether it is one of `inputs`."""
    inputs, layers = network.arguments.get("inputs"), network.arguments.get("layers")
    if inputs is not None and isinstance(inputs.value, Table):
        for name, given in givens(inputs.value, inputs.path).items():
            yield name, given, True
    if layers is not None and isinstance(layers.value, Table):
        for name, given in givens(layers.value, layers.path).items():
            yield name, given, False
    elif layers is not None and isinstance(layers.value, Items):  # as Keras writes it
        for index, item in enumerate(layers.value.items):
            own = _own_name(item)
            key = own.span if own is not None else item.span
            label = "" if own is None else str(own.value)
            yield label, Given(key, item, (*layers.path, index)), False


def _own_name(item: Node) -> Scalar | None:
    """Return the name of an entry of Keras's list of layers."""
    config = item.get("config") if isinstance(item, Table) else None
    for table in (item, config):
        name = table.get("name") if isinstance(table, Table) else None
        if isinstance(name, Scalar) and isinstance(name.value, str):
            return name
    return None


def _beside(network: Spec) -> frozenset[str]:
    layers = network.arguments.get("layers")
    is_list = layers is not None and isinstance(layers.value, Items)
    return BESIDE_AN_ENTRY if is_list else BESIDE_A_LAYER


def _name(layer: Spec, given: Given, findings: Findings) -> None:
    """Make the key of a layer its name; an argument `name` may only say the same."""
    own = layer.arguments.get("name")
    if own is None:
        layer.arguments["name"] = Given(given.key, Scalar(given.key, layer.label), layer.path)
        try:
            Name().normalise(layer.label, "name")
        except ValidationError as error:
            findings.add("SC105", name_of(str(error), 400), given.key, layer.path)
    elif isinstance(own.value, Scalar) and own.value.value not in (layer.label, None):
        findings.add(
            "SC336",
            f"`name: {name_of(str(own.value.value))}` of the layer `{name_of(layer.label)}`",
            own.key,
            own.path,
            help="its key is its name: take `name` out",
        )


def _read_ends(network: Spec, graph: Graph, reader: _Reader) -> None:
    given = network.arguments
    inputs = [layer for layer in network.layers if layer.name == "InputLayer"]
    refs = [Ref(layer.label, layer.span, layer.path) for layer in inputs]
    graph.inputs = refs[0] if len(refs) == 1 else refs
    if "input_layers" in given:
        graph.inputs = reader.ends(given["input_layers"])
    if "outputs" in given:
        graph.outputs = reader.names(given["outputs"].value, given["outputs"].path)
    elif "output_layers" in given:
        graph.outputs = reader.ends(given["output_layers"])


class _Reader:
    """Reads names of layers, as we and as Keras write them."""

    def __init__(self, network: Spec, findings: Findings) -> None:
        self.layers = network.layers
        self.findings = findings
        self.inputs = [layer for layer in network.layers if layer.name == "InputLayer"]
        given = network.arguments.get("inputs")
        self.has_inputs = given is None or not findings.spoils(given.path)
        self.nested = nested(network)
        self.nested_with_inputs = self.nested | _stacks_with_inputs(network)
        self.is_of_keras2 = False

    def read_calls(self, index: int, node: Node) -> None:
        layer = self.layers[index]
        table = node if isinstance(node, Table) else None
        given = table.get("from") if table else None
        keras = table.get("inbound_nodes") if table else None
        if given is not None:
            path = (*layer.path, "from")
            is_several = isinstance(given, Items) and any(isinstance(i, Items) for i in given.items)
            calls = list(children(given)) if is_several else [(None, given)]
            for step, call in calls:
                at = path if step is None else (*path, step)
                layer.calls.append(Call(call.span, at, [self.alone(call, at)]))
        elif isinstance(keras, Items):
            path = (*layer.path, "inbound_nodes")
            for number, call in enumerate(keras.items):
                layer.calls.append(self.keras_call(call, (*path, number)))
        elif keras is None:
            above = self._above(index)
            layer.calls.append(Call(layer.span, layer.path, [] if above is None else [above]))

    def _above(self, index: int) -> Ref | None:
        """Return what a layer without `from` gets: the layer above, or the only input."""
        layer = self.layers[index]
        above = self.layers[index - 1] if index else None
        inputs = self.inputs
        if above is not None and (above.name != "InputLayer" or len(inputs) == 1):
            return Ref(above.label, layer.span, layer.path)
        if self.has_inputs:
            self.findings.add(
                "SC103",
                f"`from` of `{name_of(layer.label)}` is missing",
                layer.span,
                layer.path,
                help="name one of the inputs" if inputs else "declare the network's `inputs`",
            )
        return None

    def alone(self, node: Node, path: Path) -> Inputs:
        """Return the Refs that reach a layer; a list of one name is that one."""
        refs = self.names(node, path)
        return refs[0] if isinstance(refs, list) and len(refs) == 1 else refs

    def names(self, node: Node, path: Path) -> Inputs:
        """Return the Refs of our form."""
        if isinstance(node, Items):
            return [self.names(item, (*path, step)) for step, item in enumerate(node.items)]
        if isinstance(node, Table):
            return {str(key): self.names(item, (*path, key)) for key, item in children(node)}
        return self.ref(node, path)

    def ref(self, node: Scalar, path: Path) -> Inputs:
        if not isinstance(node.value, str):
            return node.value  # refused by the schema
        match = _REF.fullmatch(node.value)
        if match is None:
            return Ref(node.value, node.span, path)
        call = None if match[2] is None else int(match[2])
        output = None if match[3] is None else int(match[3])
        return Ref(match[1], node.span, path, call, output)

    def keras_call(self, node: Node, path: Path) -> Call:
        """Return a call in the form of Keras 3, or of Keras 2: [["x", 0, 0, {}], ...]."""
        if isinstance(node, Items):
            refs = [self.history(item, (*path, step)) for step, item in enumerate(node.items)]
            counted = _recounted(refs[0] if len(refs) == 1 else refs, self.nested_with_inputs)
            self.is_of_keras2 = True
            return Call(node.span, path, [counted])
        args, kwargs = (
            (node.get("args"), node.get("kwargs")) if isinstance(node, Table) else (None, None)
        )
        call = Call(node.span, path, [])
        if isinstance(args, Items):
            call.args = [
                self.tensors(item, (*path, "args", step)) for step, item in enumerate(args.items)
            ]
        if isinstance(kwargs, Table):
            found = {
                str(key): self.tensors(item, (*path, "kwargs", key))
                for key, item in children(kwargs)
            }
            call.kwargs = {key: arg for key, arg in found.items() if not is_idle(key, arg)}
        return call

    def tensors(self, node: Node, path: Path) -> Inputs:
        """Return Keras's arguments of a call with a Ref for each tensor."""
        if isinstance(node, Items):
            return [self.tensors(item, (*path, step)) for step, item in enumerate(node.items)]
        if isinstance(node, Table) and text(node, "class_name") == "__keras_tensor__":
            config = node.get("config")
            held = config.get("keras_history") if isinstance(config, Table) else None
            if held is not None:
                return self.history(held, (*path, "config", "keras_history"))
        if isinstance(node, Table):
            return {str(key): self.tensors(item, (*path, key)) for key, item in children(node)}
        return node.value

    def ends(self, given: Given) -> Inputs:
        """Return the Refs of `input_layers` or `output_layers`."""
        nested = self.nested_with_inputs if self.is_of_keras2 else self.nested
        return _recounted(self.history(given.value, given.path), nested)

    def history(self, node: Node, path: Path) -> Inputs:
        """Return the Ref for [name, call, output], or those in a list or mapping of them."""
        if isinstance(node, Table):
            return {str(key): self.history(item, (*path, key)) for key, item in children(node)}
        if not isinstance(node, Items):
            return None
        first = node.items[0] if node.items else None
        if isinstance(first, Scalar) and isinstance(first.value, str):
            name = first.value
            numbers = [item.value for item in node.items[1:3] if isinstance(item, Scalar)]
            call, output = (int(n) if type(n) is int else 0 for n in [*numbers, 0, 0][:2])
            return Ref(name, first.span, path, call, output)
        return [self.history(item, (*path, step)) for step, item in enumerate(node.items)]


def is_idle(key: str, value: Any) -> bool:
    """Tell whether an argument of a call says what is so without it; Keras writes those, too."""
    return value is None or (key == "training" and value is False)


def nested(network: Spec) -> set[str]:
    """Return the names of the Functional networks among the layers.

    In `input_layers` and `output_layers`, and nowhere else, Keras counts their calls from 1.
    """
    return {layer.label for layer in network.layers if is_functional(layer)}


def _stacks_with_inputs(network: Spec) -> set[str]:
    """Return the names of the Sequential networks with an Input among the layers.

    Keras 2 counts their calls from 1, and those of Functional networks, wherever it names them.
    """
    return {
        layer.label
        for layer in network.layers
        if is_sequential(layer) and layer.layers and layer.layers[0].name == "InputLayer"
    }


def _recounted(inputs: Inputs, nested: Set[str]) -> Inputs:
    if isinstance(inputs, Ref):
        call = (inputs.call or 0) - (inputs.name in nested)
        return replace(inputs, call=call)
    if isinstance(inputs, list):
        return [_recounted(item, nested) for item in inputs]
    if isinstance(inputs, dict):
        return {key: _recounted(item, nested) for key, item in inputs.items()}
    return inputs
