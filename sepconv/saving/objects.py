"""Any object of sepconv to Keras's dict form and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepconv import activations, constraints, dtypes, initializers, layers, models, regularizers
from sepconv.errors import ValidationError, shown, suggestion
from sepconv.layers import Layer
from sepconv.registry import Registry, registered, unpack

KINDS: tuple[Registry[Any], ...] = (
    layers.registry,
    models.registry,
    initializers.registry,
    activations.registry,
    regularizers.registry,
    constraints.registry,
)


def serialize(obj: Any) -> Any:
    """Return `obj` in the form that `keras.saving.serialize_keras_object` gives.

    Arguments:
        obj: a layer, network, initializer, activation, regularizer, constraint or dtype policy.

    Raises:
        ValidationError: of none of these kinds, or of the user's own and not registered.

    >>> from sepconv import SeparableConv1D
    >>> serialize(SeparableConv1D(4, 3, name="front"))["class_name"]
    'SeparableConv1D'
    """
    if obj is None:
        return None
    if isinstance(obj, dtypes.DTypePolicy):
        return obj.serialize()
    if isinstance(obj, Layer):
        return models.serialize(obj)
    return _kind_of(type(obj)).serialize(obj)


def deserialize(config: Any) -> Any:
    """Return the object that `config`, as `serialize` or Keras wrote it, declares.

    Nothing in a config is imported, called by path or read as code: names resolve through the
    registries alone.

    Raises:
        ValidationError: no such class, or an argument that its class refuses.

    >>> from sepconv import SeparableConv1D
    >>> deserialize(serialize(SeparableConv1D(4, 3, name="front"))).filters
    4
    """
    if config is None:
        return None
    if not isinstance(config, Mapping):
        raise ValidationError(
            f"a config must be a dict such as {{'class_name': ..., 'config': {{...}}}}, "
            f"got {shown(config)}"
        )
    try:
        return _deserialize(config)
    except RecursionError:
        raise ValidationError("the config is nested too deeply to be a network") from None


def _deserialize(config: Mapping[str, Any]) -> Any:
    name, _ = unpack(config, "object")
    if name in ("DTypePolicy", "FloatDTypePolicy"):
        return dtypes.get(config)
    if name == "function" or (name in activations.LAYERS and name not in layers.registry):
        return activations.registry.get(config)
    for kind in KINDS:
        if name in kind:
            return kind.deserialize(config)
    if name in registered:
        return _kind_of(registered[name]).deserialize(config)
    every = {known for kind in KINDS for known in kind} | set(registered)
    raise ValidationError(f"Could not locate class {shown(name)}{suggestion(name, every)}")


def _kind_of(cls: Any) -> Registry[Any]:
    for kind in KINDS:
        if isinstance(cls, type) and issubclass(cls, kind.base):
            return kind
    raise ValidationError(
        f"{shown(cls, 80)} is no layer, initializer, activation, regularizer or constraint"
    )
