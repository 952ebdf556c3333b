"""Keras's dict form out of parsed objects, and the short form out of Keras's."""

from __future__ import annotations

from collections.abc import Container, Mapping, Set
from itertools import count
from typing import Any

from sepconv.config.forms import Spec, is_network, same_class
from sepconv.config.kinds import LAYERS, NETWORK, declared, names, object_kind
from sepconv.config.nodes import Path
from sepconv.declaration import Argument
from sepconv.layers import InputLayer
from sepconv.layers.operation import snake_case
from sepconv.registry import Registry, registered


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
        inner = spec.inner.get(name)
        config[name] = given.value.data() if inner is None else to_config(inner, without)
    if is_network(spec):
        config["layers"] = [to_config(layer, without) for layer in spec.layers]
        shape = config.pop("input_shape", None)
        if shape is not None:
            config["layers"].insert(0, _input_layer([None, *shape]))
    own = spec.name if ">" in spec.name else None
    module = "keras" if is_network(spec) else spec.registry.module
    return {
        "module": module,
        "class_name": spec.name,
        "config": config,
        "registered_name": own,
    }


def _input_layer(batch_shape: list[int | None]) -> dict[str, Any]:
    return {
        "module": LAYERS.module,
        "class_name": "InputLayer",
        "config": {"batch_shape": batch_shape},
        "registered_name": None,
    }


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
        if class_name == NETWORK:
            return {class_name: _short_network(given)}
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


def _short_network(config: Mapping[str, Any]) -> dict[str, Any]:
    short = {key: config[key] for key in ("name",) if key in config}
    if config.get("trainable") is False:
        short["trainable"] = False
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


def unique_name(base: str, taken: Container[str]) -> str:
    """Return the name that a network gives a layer: `base`, `base_1`, ..."""
    names = (f"{base}_{number}" if number else base for number in count())
    return next(name for name in names if name not in taken)


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
