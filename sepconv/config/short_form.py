"""The short form out of Keras's dict form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sepconv.config.forms import same_class
from sepconv.config.graphs import is_idle
from sepconv.config.keras_form import unique_name
from sepconv.config.kinds import LAYERS, NETWORKS, class_names, declared, names, object_kind
from sepconv.declaration import Argument
from sepconv.layers import InputLayer
from sepconv.layers.operation import snake_case
from sepconv.registry import Registry


def shorten(config: Any, registry: Registry[Any], name: str | None = None) -> Any:
    """Return a config of Keras's dict form in the short form: what is a default is left out.

    Arguments:
        name: that a layer gets by itself, when it is not the snake_case of its class.
    """
    if not isinstance(config, Mapping):
        return config
    if config.get("class_name") == "function":
        return config["config"]
    class_name = config.get("registered_name") or config["class_name"]
    given = dict(config.get("config") or {})
    if registry is LAYERS:
        if given.get("name") == (name or snake_case(config["class_name"])):
            del given["name"]
        if class_name in NETWORKS:
            shortened = _short_graph if class_name == "Functional" else _short_network
            return {class_name: shortened(given)}
    arguments = declared(registry, class_name) or {}
    short = {}
    for key, value in given.items():
        argument = arguments.get(key)
        kind = object_kind(argument.rule) if argument else None
        plain = _plain_value(key, value) if kind is None else shorten(value, kind)
        if argument is None or not _is_default(key, plain, argument, kind):
            short[key] = plain
    is_bare = not short and registry is not LAYERS and class_name in names(registry)
    return class_name if is_bare else {class_name: short}


def _own_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a network has beside its layers."""
    short = {key: config[key] for key in ("name",) if key in config}
    if config.get("trainable") is False:
        short["trainable"] = False
    return short


def _short_network(config: Mapping[str, Any]) -> dict[str, Any]:
    short = _own_arguments(config)
    layers = list(config.get("layers", ()))
    shape = layers[0]["config"].get("batch_shape") if layers else None
    if shape and layers[0] == _serialized_input(shape) and shape[0] is None:
        short["input_shape"] = list(shape[1:])
        del layers[0]
    taken = {"input_layer"} if shape else set()
    short["layers"] = []
    for layer in layers:
        own = unique_name(snake_case(layer["class_name"]), taken)
        taken.add(layer["config"].get("name", own))
        short["layers"].append(shorten(layer, LAYERS, own))
    return short


def _serialized_input(batch_shape: Any) -> Any:
    """Return the config of the InputLayer that `input_shape` stands for."""
    return LAYERS.serialize(InputLayer(batch_shape=batch_shape))


def _plain_value(key: str, value: Any) -> Any:
    if key == "dtype" and isinstance(value, Mapping):
        return value["config"]["name"]
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else list(value)
    return value


def _is_default(
    key: str, value: Any, argument: Argument[Any, Any], kind: Registry[Any] | None
) -> bool:
    default = argument.default
    if default is None and key == "dtype":
        default = "float32"
    if default is None and kind is not None:
        default = kind.serialize(argument.rule.normalise(None, key))
    if isinstance(default, Mapping) and kind is not None:
        default = shorten(default, kind)
    if kind is not None and isinstance(default, str) and isinstance(value, str):
        return same_class(kind, value, default)
    # 1 and True, 0 and False are equal in Python, and different in a config.
    return type(value) is type(default) and bool(value == default)


# --- Functional ----------------------------------------------------------------------------------


def _short_graph(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a Functional network with a key for each layer."""
    entries = list(config["layers"])
    if any(entry["name"].startswith("x-") for entry in entries):
        return dict(config)  # such a key would be the user's own
    names = _Names(entries)
    inputs = [entry for entry in entries if entry["class_name"] == "InputLayer"]
    layers = [entry for entry in entries if entry["class_name"] != "InputLayer"]
    short = _own_arguments(config)
    short["inputs"] = {entry["name"]: _short_input(entry["config"]) for entry in inputs}
    ends = [[entry["name"], 0, 0] for entry in inputs]
    if _plain(config["input_layers"]) != (ends[0] if len(ends) == 1 else ends):
        short["input_layers"] = config["input_layers"]
    short["layers"] = {}
    above = inputs[0]["name"] if len(inputs) == 1 else None
    for entry in layers:
        short["layers"][entry["name"]] = _short_entry(entry, above, names)
        above = entry["name"] if names.is_alone(entry["name"]) else None
    outputs = names.outputs(_plain(config["output_layers"]))
    key, value = (
        ("output_layers", config["output_layers"]) if outputs is None else ("outputs", outputs)
    )
    return {**short, key: value}


def _short_input(config: Mapping[str, Any]) -> dict[str, Any]:
    short: dict[str, Any] = shorten(
        {"class_name": "InputLayer", "config": config}, LAYERS, config["name"]
    )["InputLayer"]
    shape = list(short.pop("batch_shape"))
    sized = {"shape": shape[1:]} if shape[:1] == [None] else {"batch_shape": shape}
    return {**sized, **short}


def _short_entry(entry: Mapping[str, Any], above: str | None, names: _Names) -> Any:
    """Return a layer with its `from`, which is left out if it is the layer above."""
    layer: dict[str, Any] = shorten(entry, LAYERS, entry["name"])
    (name,) = layer
    calls = [names.call(call) for call in entry["inbound_nodes"]]
    if calls == [above] and above is not None:
        is_bare = not layer[name] and name in class_names(LAYERS)
        return name if is_bare else layer
    if not calls or any(call is None for call in calls):
        return {**layer, "inbound_nodes": entry["inbound_nodes"]}
    if len(calls) == 1:
        return {**layer, "from": calls[0]}
    return {**layer, "from": [call if isinstance(call, list) else [call] for call in calls]}


class _Names:
    """The names by which the layers of a Functional network refer to each other."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.nested = {e["name"] for e in entries if e["class_name"] == "Functional"}
        self.several = {
            e["name"]
            for e in entries
            if e["class_name"] != "InputLayer" and len(e["inbound_nodes"]) != 1
        }
        self.split = {
            e["name"]
            for e in entries
            if e["class_name"] == "Functional" and _count(e["config"]["output_layers"]) > 1
        }

    def is_alone(self, name: str) -> bool:
        """Tell whether the name alone says which output is meant."""
        return name not in self.several and name not in self.split

    def of(self, history: Any, first: int = 0) -> str | None:
        """Return what stands for an output; calls count from `first`."""
        if not _is_history(history):
            return None
        name, call, output = str(history[0]), history[1] - first, history[2]
        if self.is_alone(name) and output == 0:
            return name
        return f"{name}/{call}" if name not in self.split else f"{name}/{call}/{output}"

    def end(self, history: Any) -> str | None:
        return self.of(history, first=int(_is_history(history) and history[0] in self.nested))

    def outputs(self, histories: Any) -> Any:
        """Return the names that stand for what leaves the network; None if they cannot."""
        if isinstance(histories, Mapping):
            found = {key: self.end(history) for key, history in histories.items()}
            return None if None in found.values() else found
        if _is_history(histories):
            return self.end(histories)
        listed = [self.end(history) for history in histories]
        return None if None in listed else listed

    def call(self, node: Any) -> Any:
        """Return the name or names that reach a layer in a call; None if there is more to it."""
        if not isinstance(node, Mapping) or len(node["args"]) != 1:
            return None
        if not all(is_idle(key, value) for key, value in node["kwargs"].items()):
            return None
        (given,) = node["args"]
        if isinstance(given, (list, tuple)):
            listed = [self.tensor(item) for item in given]
            return None if None in listed or len(listed) < 2 else listed
        return self.tensor(given)

    def tensor(self, value: Any) -> str | None:
        is_tensor = isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"
        return self.of(_plain(value["config"]["keras_history"])) if is_tensor else None


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)


def _count(histories: Any) -> int:
    return 1 if _is_history(_plain(histories)) else len(histories)


def _plain(value: Any) -> Any:
    """Return nested tuples as lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
