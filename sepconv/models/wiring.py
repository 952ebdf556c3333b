"""Which layers are called on which tensors, as Keras writes it in a network's config.

A call is `{"args": [...], "kwargs": {...}}`; a tensor in it names its layer, the number of that
layer's call, and of the output. Keras 2 writes a call as `[[layer, call, output, kwargs], ...]`.
"""

from __future__ import annotations

import inspect
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sepconv.errors import ValidationError, shown, suggestion
from sepconv.layers.base import Layer
from sepconv.layers.input_layer import InputLayer
from sepconv.layers.structure import flat, mapped
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.graph import Graph, maker
from sepconv.models.network import Network
from sepconv.models.sequential import Sequential
from sepconv.rules import is_int

MAX_NESTING = 32  # lists and dicts in the inputs of a call, or of a network


class Wiring(NamedTuple):
    """The calls of each layer, and the network's inputs and outputs, in Keras's form."""

    calls: dict[str, list[Any]]
    inputs: Any
    outputs: Any


@dataclass(frozen=True)
class Ref:
    """A tensor: the layer that returns it, the number of that layer's call, and of the output."""

    layer: str
    call: int
    output: int


Key = tuple[str, int]  # a layer's name and the number of its call


def to_config(graph: Graph) -> Wiring:
    """Return how the layers of a graph are connected."""

    def argument(tensor: SymbolicTensor) -> dict[str, Any]:
        history = graph.history(tensor)
        told = {"shape": tensor.shape, "dtype": tensor.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": told}

    def end(tensor: SymbolicTensor) -> list[Any]:
        name, call, output = graph.history(tensor)
        return [name, call + _starts_at_one(maker(tensor).operation, legacy=False), output]

    calls = {
        layer.name: [
            {"args": [mapped(argument, node.arguments)], "kwargs": dict(node.kwargs)}
            for node in graph.calls_of(layer)
            if node.inputs
        ]
        for layer in graph.layers
    }
    return Wiring(calls, mapped(end, graph.inputs), mapped(end, graph.outputs))


def connect(layers: Mapping[str, Layer], wiring: Wiring) -> tuple[Any, Any]:
    """Call the layers as `wiring` says, and return the network's inputs and outputs.

    Arguments:
        layers: by name.
        wiring: in Keras's form, 3 or 2.

    Raises:
        ValidationError: a layer or call that there is not, calls that wait for each other, or a
            call that its layer refuses.
    """
    reader = _Reader(layers, wiring.calls)
    calls = {
        (name, number): reader.call(name, data)
        for name, every in wiring.calls.items()
        for number, data in enumerate(every)
    }
    made = {(name, 0): [x.output] for name, x in layers.items() if isinstance(x, InputLayer)}
    for name, number in _in_order(calls, made):
        arguments, kwargs = calls[name, number]
        tensors = mapped(lambda ref: _output(made[ref.layer, ref.call], ref), arguments)
        try:
            made[name, number] = flat(layers[name](tensors, **kwargs))
        except ValidationError as error:
            raise ValidationError(f"layers[{list(layers).index(name)}]: {error}") from error

    def end(ref: Ref) -> SymbolicTensor:
        return _output(made[ref.layer, ref.call], ref)

    return mapped(end, reader.ends(wiring.inputs)), mapped(end, reader.ends(wiring.outputs))


class _Reader:
    """Reads calls and tensors of a config that nobody has checked."""

    def __init__(self, layers: Mapping[str, Layer], calls: Mapping[str, list[Any]]) -> None:
        self.layers = layers
        self.calls = calls
        every = (call for calls_of_one in calls.values() for call in calls_of_one)
        self.legacy = any(isinstance(call, (list, tuple)) for call in every)

    def call(self, name: str, data: Any) -> tuple[Any, dict[str, Any]]:
        """Return the structure of tensors that a layer is called on, and its keyword arguments."""
        if isinstance(data, (list, tuple)) and data:
            refs = [self._legacy_ref(name, item) for item in data]
            kwargs = data[-1][3] if len(data[-1]) > 3 else None
            return (refs[0] if len(refs) == 1 else refs), self._kwargs(name, kwargs)
        args = data.get("args") if isinstance(data, Mapping) else None
        if not isinstance(args, (list, tuple)) or not args or any(x is not None for x in args[1:]):
            raise _bad_call(name, data)
        arguments = self._structure(args[0], self._call_ref)
        if not flat(arguments):
            raise _bad_call(name, data)
        return arguments, self._kwargs(name, data.get("kwargs"))

    def ends(self, data: Any) -> Any:
        """Return the structure of tensors that are a network's inputs or outputs."""
        return self._structure(data, self._end_ref)

    def _structure(self, data: Any, leaf: Callable[[Any], Ref | None], depth: int = 0) -> Any:
        found = leaf(data)
        if found is not None:
            return found
        if depth == MAX_NESTING:
            raise ValidationError(f"lists and dicts of tensors are nested deeper than {depth}")
        if isinstance(data, (list, tuple)):
            return [self._structure(part, leaf, depth + 1) for part in data]
        if isinstance(data, Mapping) and "class_name" not in data:
            return {str(key): self._structure(p, leaf, depth + 1) for key, p in data.items()}
        raise ValidationError(f"expected a tensor, or a list or dict of them; got {shown(data)}")

    def _call_ref(self, data: Any) -> Ref | None:
        if not isinstance(data, Mapping) or data.get("class_name") != "__keras_tensor__":
            return None
        config = data.get("config")
        return self._ref(config.get("keras_history") if isinstance(config, Mapping) else config)

    def _end_ref(self, data: Any) -> Ref | None:
        is_ref = isinstance(data, (list, tuple)) and len(data) == 3 and isinstance(data[0], str)
        return self._ref(data, is_end=True) if is_ref else None

    def _legacy_ref(self, name: str, data: Any) -> Ref:
        if not isinstance(data, (list, tuple)) or len(data) not in (3, 4):
            raise _bad_call(name, data)
        return self._ref(data[:3])

    def _ref(self, history: Any, is_end: bool = False) -> Ref:
        if (
            not isinstance(history, (list, tuple))
            or len(history) != 3
            or not isinstance(history[0], str)
            or not all(is_int(number) and number >= 0 for number in history[1:])
        ):
            raise ValidationError(
                f"a tensor must be [layer, number of its call, number of the output]; "
                f"received {shown(history)}"
            )
        name, call, output = history
        if name not in self.layers:
            raise ValidationError(f"Unknown layer: {shown(name)}{suggestion(name, self.layers)}")
        layer = self.layers[name]
        if (self.legacy or is_end) and _starts_at_one(layer, self.legacy):
            call = max(call - 1, 0)
        count = 1 if isinstance(layer, InputLayer) else len(self.calls[name])
        if call >= count:
            raise ValidationError(
                f"layer '{name}' has {count} calls, but something reads the output of its call "
                f"number {call}, counted from 0"
            )
        return Ref(name, call, output)

    def _kwargs(self, name: str, kwargs: Any) -> dict[str, Any]:
        told = {} if kwargs is None else kwargs
        known = list(inspect.signature(type(self.layers[name]).call).parameters)[2:]
        if not isinstance(told, Mapping):
            raise ValidationError(f"keyword arguments must be a dict; received {shown(told)}")
        kept = {key: value for key, value in told.items() if value is not None}
        for key, value in kept.items():
            if key not in (*known, "training"):
                raise ValidationError(
                    f"a call of layer '{name}' takes no argument `{key}`{suggestion(key, known)}"
                )
            if not isinstance(value, (bool, int, float, str)):
                raise ValidationError(
                    f"a call of layer '{name}' has `{key}={shown(value)}`: "
                    f"only true, false, numbers and text are read"
                )
        return kept


def _bad_call(name: str, data: Any) -> ValidationError:
    return ValidationError(
        f"a call of layer '{name}' must be {{'args': [...], 'kwargs': {{...}}}} with one argument, "
        f"a tensor or a list or dict of tensors; received {shown(data)}"
    )


def _starts_at_one(layer: Any, legacy: bool) -> bool:
    """Tell whether the calls of a network within a network are numbered from 1.

    Keras counts what made the inner network as its first call: Keras 2 in each network with an
    Input, Keras 3 in Functional ones, and only where the outer one's inputs and outputs are told.
    """
    if legacy and isinstance(layer, Sequential):
        return bool(layer._tracked.layers) and isinstance(layer._tracked.layers[0], InputLayer)
    return isinstance(layer, Network) and not isinstance(layer, Sequential)


def _output(tensors: list[SymbolicTensor], ref: Ref) -> SymbolicTensor:
    if ref.output >= len(tensors):
        raise ValidationError(
            f"layer '{ref.layer}' has {len(tensors)} outputs, but something reads its output "
            f"number {ref.output}, counted from 0"
        )
    return tensors[ref.output]


def _in_order(calls: Mapping[Key, tuple[Any, Any]], made: Mapping[Key, Any]) -> list[Key]:
    """Return the calls such that each comes after those it depends on.

    Raises:
        ValidationError: calls wait for each other.
    """
    waiting: dict[Key, int] = {}
    waiters: dict[Key, list[Key]] = defaultdict(list)
    for (name, number), (arguments, _) in calls.items():
        needed = {(ref.layer, ref.call) for ref in flat(arguments)} - made.keys()
        if number:
            needed.add((name, number - 1))  # the calls of a layer keep their order
        waiting[name, number] = len(needed)
        for key in needed:
            waiters[key].append((name, number))
    ready = deque(key for key, count in waiting.items() if not count)
    found = []
    while ready:
        key = ready.popleft()
        found.append(key)
        for waiter in waiters[key]:
            waiting[waiter] -= 1
            if not waiting[waiter]:
                ready.append(waiter)
    if len(found) < len(calls):
        stuck = [f"{name}[{number}]" for name, number in calls.keys() - set(found)]
        raise ValidationError(
            f"Invalid Functional model configuration. The graph of the Functional model either "
            f"has loops or disconnected nodes. The following nodes failed to be resolved: "
            f"{shown(sorted(stuck))}"
        )
    return found
