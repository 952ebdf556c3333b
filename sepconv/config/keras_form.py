"""Keras's dict form out of parsed objects."""

from __future__ import annotations

from collections.abc import Container, Set
from itertools import count
from typing import Any

from sepconv.config import graphs
from sepconv.config.kinds import LAYERS
from sepconv.config.nodes import Path
from sepconv.config.specs import Inputs, Ref, Spec, is_functional, is_network, is_sequential
from sepconv.registry import registered


def to_config(spec: Spec, without: Set[Path] = frozenset()) -> dict[str, Any]:
    """Return the object in Keras's dict form, as `deserialize` reads it.

    Arguments:
        without: paths of arguments to leave out, because they have been refused.
    """
    if not spec.arguments and not isinstance(registered.get(spec.name, type), type):
        return {"class_name": "function", "config": spec.name, "registered_name": "function"}
    config: dict[str, Any] = {}
    for name, given in spec.arguments.items():
        if given.path in without:
            continue
        inner = spec.inner.get(name, spec.listed.get(name))
        config[name] = given.value.data() if inner is None else _inner(inner, without)
    if is_sequential(spec):
        config["layers"] = [to_config(layer, without) for layer in spec.layers]
        shape = config.pop("input_shape", None)
        if shape is not None:
            config["layers"].insert(0, _input_layer([None, *shape]))
    elif is_functional(spec):
        config = _graph(spec, config, without)
    own = spec.name if ">" in spec.name else None
    module = "keras" if is_network(spec) else spec.registry.module
    return {
        "module": module,
        "class_name": spec.name,
        "config": config,
        "registered_name": own,
    }


def _inner(inner: Spec | list[Any] | None, without: Set[Path]) -> Any:
    if isinstance(inner, list):
        return [_inner(item, without) for item in inner]
    return None if inner is None else to_config(inner, without)


def _graph(spec: Spec, config: dict[str, Any], without: Set[Path]) -> dict[str, Any]:
    """Return the arguments of a Functional network as Keras writes them."""
    assert spec.graph is not None
    nested = graphs.nested(spec)
    ours = ("name", "trainable", "dtype")
    return {
        **{key: config[key] for key in ours if key in config},
        "layers": [
            {
                **to_config(layer, without),
                "name": layer.label,
                "inbound_nodes": [
                    {
                        "args": [_tensors(arg) for arg in call.args],
                        "kwargs": {key: _tensors(arg) for key, arg in call.kwargs.items()},
                    }
                    for call in layer.calls
                ],
            }
            for layer in spec.layers
        ],
        "input_layers": _histories(spec.graph.inputs, nested),
        "output_layers": _histories(spec.graph.outputs, nested),
    }


def _tensors(inputs: Inputs) -> Any:
    if isinstance(inputs, Ref):
        history = {"keras_history": [inputs.name, inputs.call or 0, inputs.output or 0]}
        return {"class_name": "__keras_tensor__", "config": history}
    if isinstance(inputs, list):
        return [_tensors(item) for item in inputs]
    if isinstance(inputs, dict):
        return {key: _tensors(item) for key, item in inputs.items()}
    return inputs


def _histories(inputs: Inputs, nested: Set[str]) -> Any:
    if isinstance(inputs, Ref):
        return [inputs.name, (inputs.call or 0) + (inputs.name in nested), inputs.output or 0]
    if isinstance(inputs, list):
        return [_histories(item, nested) for item in inputs]
    return {key: _histories(item, nested) for key, item in inputs.items()}


def _input_layer(batch_shape: list[int | None]) -> dict[str, Any]:
    return {
        "module": LAYERS.module,
        "class_name": "InputLayer",
        "config": {"batch_shape": batch_shape},
        "registered_name": None,
    }


def unique_name(base: str, taken: Container[str], first: int = 0) -> str:
    """Return the name that a network gives a layer: `base`, `base_1`, ..., from `first` on."""
    names = (f"{base}_{number}" if number else base for number in count(first))
    return next(name for name in names if name not in taken)
