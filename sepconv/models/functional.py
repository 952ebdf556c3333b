"""Functional: a network of any shape, from its inputs to its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.input_layer import InputLayer
from sepconv.layers.structure import flat, packed
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models import wiring
from sepconv.models.graph import Graph, cut, maker
from sepconv.models.inputs import arranged, check_shapes, fitting_rank
from sepconv.models.network import Network
from sepconv.models.program import Program
from sepconv.models.registry import deserialize, refuse_unknown, registry, serialize

_CONFIG = ("name", "trainable", "dtype", "layers", "input_layers", "output_layers")


@registry.register("Functional", "Model")
class Functional(Network):
    """A network of layers that were called on symbolic tensors; `sepconv.Model` is its name, too.

    A layer that is called twice has its weights once. A network may be one of the layers.

    Arguments:
        inputs: what `Input` returned, or tensors in between; a list or dict of several.
        outputs: what layers returned that were called on these, likewise.
        name: of the network.
        trainable: whether an optimizer updates the weights.

    Raises:
        ValidationError: an output that depends on something else, or a name that two layers have.

    >>> import numpy as np
    >>> from sepconv import Input, SeparableConv1D
    >>> x = Input((10, 12), name="x")
    >>> h = SeparableConv1D(12, 3, padding="same", activation="relu")(x)
    >>> model = Functional(x, {"steps": SeparableConv1D(4, 3)(h), "features": h})
    >>> y = model.predict(np.ones((2, 10, 12)))
    >>> y["steps"].shape, y["features"].shape
    ((2, 8, 4), (2, 10, 12))
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        _check_tensors(inputs, outputs)
        self._use_graph(Graph(*cut(inputs, outputs)))
        self._tracked.adopt_all(self._graph.layers)
        self.built = True

    def _use_graph(self, graph: Graph) -> None:
        self._graph = graph
        self._run = graph.program()
        self._ends = flat(graph.inputs)
        self._converts = [_layer(tensor).convert for tensor in self._ends]
        self._given = graph.outputs[0] if _is_list_of_one(graph.outputs) else graph.outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure in which they were given."""
        return self._graph.inputs

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure in which they were given."""
        return self._graph.outputs

    # --- calling ---------------------------------------------------------------------------------

    def _program(self) -> Program:
        return self._run

    def _starts(self) -> list[SymbolicTensor]:
        return self._ends

    def _arranged(self, inputs: Any) -> Any:
        return arranged(inputs, self._graph.inputs, self.name)

    def _joined(self, outputs: list[Any]) -> Any:
        return outputs[0] if type(self._given) is SymbolicTensor else packed(self._given, outputs)

    def convert(self, inputs: Any) -> Any:
        """Return `inputs` as arrays of the Inputs' dtypes and ranks, in their structure."""
        form, given = self._graph.inputs, self._arranged(inputs)
        if type(form) is SymbolicTensor:
            return self._converted(given, 0)
        arrays = [self._converted(one, number) for number, one in enumerate(flat(given))]
        return packed(form, arrays)

    def _converted(self, given: Any, number: int) -> Any:
        if given is None:
            name = _layer(self._ends[number]).name
            raise ValidationError(
                f"The input '{name}' is not optional, but None was passed. "
                f"Please provide a valid tensor."
            )
        array = self._converts[number](given)
        return fitting_rank(array, self._ends[number], self._graph.inputs)

    def _prepare(self, inputs: Any) -> None:
        check_shapes(flat(inputs), self._ends, self.name)

    def _call_symbolically(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._call_symbolically(self._arranged(inputs), *args, **kwargs)

    # --- configs and copies ----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the network, as JSON types and in Keras's form."""
        told = wiring.to_config(self._graph)
        layers = [
            {**serialize(layer), "name": layer.name, "inbound_nodes": told.calls[layer.name]}
            for layer in self._tracked.layers
        ]
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": layers,
            "input_layers": told.inputs,
            "output_layers": told.outputs,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the network that `config`, of sepconv, Keras 3 or Keras 2, declares.

        Raises:
            ValidationError: a layer that is refused, with its place in the list; a call of a
                layer that there is not; calls that wait for each other; an unknown key.
        """
        refuse_unknown(config, _CONFIG, cls.__name__)
        entries = _entries(config)
        layers: dict[str, Layer] = {}
        calls: dict[str, list[Any]] = {}
        for number, entry in enumerate(entries):
            try:
                layer = deserialize(entry)
                name, calls[name] = _named_calls(entry, layer)
                if name in layers:
                    raise ValidationError(f"another layer is called {shown(name)}, too")
                layers[name] = layer
            except ValidationError as error:
                raise ValidationError(f"layers[{number}]: {error}") from error
        told = wiring.Wiring(calls, config["input_layers"], config["output_layers"])
        inputs, outputs = wiring.connect(layers, told)
        ours = {key: config[key] for key in ("name", "trainable") if config.get(key) is not None}
        return cls(inputs, outputs, **ours)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for derived in ("_graph", "_run", "_ends", "_converts", "_given"):
            del state[derived]
        return {**state, "_wiring": wiring.to_config(self._graph)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        told = state.pop("_wiring")
        self.__dict__.update(state)
        layers = {layer.name: layer for layer in self._tracked.layers}
        self._use_graph(Graph(*wiring.connect(layers, told)))  # of symbolic tensors of its own


def _check_tensors(inputs: Any, outputs: Any) -> None:
    for name, structure in (("inputs", inputs), ("outputs", outputs)):
        tensors = flat(structure)
        if not tensors:
            raise ValidationError(
                f"`{name}` argument cannot be empty. Received:\n"
                f"inputs={shown(inputs)}\noutputs={shown(outputs)}"
            )
        for tensor in tensors:
            if not isinstance(tensor, SymbolicTensor):
                raise ValidationError(
                    f"All `{name}` values must be symbolic tensors, as `Input` and layers called "
                    f"on them return. Received: {name}={shown(structure)} including invalid "
                    f"value {shown(tensor)} of type {type(tensor)}"
                )


def _entries(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = config.get("layers")
    for key in ("layers", "input_layers", "output_layers"):
        if not isinstance(config.get(key), (list, tuple, dict)):
            raise ValidationError(
                f"A Functional model configuration must have the lists 'layers', 'input_layers' "
                f"and 'output_layers'; '{key}' is {shown(config.get(key))}"
            )
    if not isinstance(entries, (list, tuple)) or not all(isinstance(e, Mapping) for e in entries):
        raise ValidationError(f"'layers' must be a list of dicts; received {shown(entries)}")
    return list(entries)


def _named_calls(entry: Mapping[str, Any], layer: Layer) -> tuple[str, list[Any]]:
    name, calls = entry.get("name", layer.name), entry.get("inbound_nodes", [])
    if not isinstance(name, str) or not isinstance(calls, (list, tuple)):
        raise ValidationError(
            f"`name` must be text and `inbound_nodes` a list; received {shown(entry)}"
        )
    if isinstance(layer, InputLayer) and calls:
        raise ValidationError(f"an InputLayer is not called on anything; received {shown(calls)}")
    return name, list(calls)


def _layer(tensor: SymbolicTensor) -> Layer:
    layer = maker(tensor).operation
    assert isinstance(layer, Layer)
    return layer


def _is_list_of_one(outputs: Any) -> bool:
    return isinstance(outputs, (list, tuple)) and len(outputs) == 1
