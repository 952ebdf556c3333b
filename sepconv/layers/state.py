"""Weights read and set as one: all or nothing, and never a mix for a concurrent call."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sepconv import weights
from sepconv.errors import ValidationError
from sepconv.layers import naming
from sepconv.layers.variable import Variable, frozen

if TYPE_CHECKING:
    from sepconv.layers.base import Layer


class Packed(NamedTuple):
    """What a layer derived from its weights, and the very arrays it was derived from."""

    sources: tuple[tuple[Variable, NDArray[Any]], ...]
    result: Any

    def is_current(self) -> bool:
        """Tell whether the arrays still are the weights' values: nobody has set one."""
        for variable, array in self.sources:  # noqa: SIM110 - `all` takes twice as long
            if variable._value is not array:
                return False
        return True


def set_weights(layer: Layer, variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """Set all `variables` of `layer` to `values`, or none when one does not fit."""
    if len(variables) != len(values):
        raise ValidationError(
            f"You called `set_weights(weights)` on layer '{layer.name}' with a weight list of "
            f"length {len(values)}, but the layer was expecting {len(variables)} weights."
        )
    for variable, value in zip(variables, values, strict=True):
        if variable.shape != np.shape(value):
            raise ValidationError(
                f"Layer {layer.name} weight shape {variable.shape} is not compatible with "
                f"provided weight shape {np.shape(value)}."
            )
    replace(layer, variables, [frozen(x, v.dtype) for v, x in zip(variables, values, strict=True)])


def replace(layer: Layer, variables: Sequence[Variable], arrays: Sequence[NDArray[Any]]) -> None:
    """Give `variables` of `layer` new, frozen values while no call can read half of them."""
    layers = layer._flatten()
    with ExitStack() as stack:
        for inner in layers:
            stack.enter_context(inner._lock)
            inner.__dict__["_version"] = None
        try:
            for variable, array in zip(variables, arrays, strict=True):
                variable._value = array
        finally:
            for inner in layers:
                inner.__dict__["_version"] = object()


def save_own_variables(layer: Layer, store: MutableMapping[str, Any]) -> None:
    """Put the layer's own weights into `store` under "0", "1", ..., as Keras does."""
    for number, variable in enumerate(layer._variables):
        store[str(number)] = variable.numpy()


def load_own_variables(layer: Layer, store: Mapping[str, Any]) -> None:
    """Set the layer's own weights from what `save_own_variables` stored."""
    variables = layer._variables
    if len(store) != len(variables):
        if not layer.built:
            raise ValidationError(
                f"Layer '{layer.name}' was never built and thus it doesn't have any variables. "
                f"However the weights file lists {len(store)} variables for this layer. "
                f"Build it first: `layer.build(input_shape)`."
            )
        raise ValidationError(
            f"Layer '{layer.name}' expected {len(variables)} variables, but received "
            f"{len(store)} variables during loading. Expected: {[v.name for v in variables]}"
        )
    missing = [key for key in map(str, range(len(variables))) if key not in store]
    if missing:
        raise ValidationError(
            f"Layer '{layer.name}' found no variable '{missing[0]}' during loading: "
            f"keys must be '0' to '{len(variables) - 1}'"
        )
    set_weights(layer, variables, [np.asarray(store[str(i)]) for i in range(len(variables))])


def save_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Write the weights of `layer` to a file of the format that its name ends with."""
    check_built(layer, "save_weights")
    named = naming.named(layer, weights.naming_to_write(path))
    weights.write(path, {name: variable.value for name, variable in named.items()})


def load_weights(layer: Layer, path: str | PathLike[str]) -> None:
    """Set the weights of `layer` to those in a file, or none when one does not fit."""
    check_built(layer, "load_weights")
    named = naming.named(layer, weights.naming(path))
    read = weights.read(path, {name: variable.value for name, variable in named.items()})
    for array in read.values():
        array.flags.writeable = False
    replace(layer, list(named.values()), [read[name] for name in named])


def check_built(layer: Layer, method: str) -> None:
    if not all(inner.built for inner in layer._flatten()):
        raise ValidationError(
            f"You tried to call `{method}` on layer '{layer.name}', but the layer isn't built. "
            f"You can build it manually via: `layer.build(input_shape)`."
        )
