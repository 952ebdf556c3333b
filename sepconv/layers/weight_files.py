"""The weights of a layer to and from stores and files: all of them or none."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from os import PathLike
from typing import Any

import numpy as np

from sepconv import weights
from sepconv.errors import ValidationError
from sepconv.layers import naming
from sepconv.layers.module import Module, check_built, replace_values, set_values


def save_own_variables(layer: Module, store: MutableMapping[str, Any]) -> None:
    """Put the layer's own weights into `store` under "0", "1", ..., as Keras does."""
    for number, variable in enumerate(layer._tracked.variables):
        store[str(number)] = variable.numpy()


def load_own_variables(layer: Module, store: Mapping[str, Any]) -> None:
    """Set the layer's own weights from what `save_own_variables` stored."""
    variables = layer._tracked.variables
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
    set_values(layer, variables, [np.asarray(store[str(i)]) for i in range(len(variables))])


def save_weights(layer: Module, path: str | PathLike[str]) -> None:
    """Write the weights of `layer` to a file of the format that its name ends with."""
    check_built(layer, "save_weights")
    named = naming.named(layer, weights.naming_to_write(path))
    weights.write(path, {name: variable.value for name, variable in named.items()})


def load_weights(layer: Module, path: str | PathLike[str]) -> None:
    """Set the weights of `layer` to those in a file, or none when one does not fit."""
    check_built(layer, "load_weights")
    named = naming.named(layer, weights.naming(path))
    read = weights.read(path, {name: variable.value for name, variable in named.items()})
    for array in read.values():
        array.flags.writeable = False
    replace_values(layer, list(named.values()), [read[name] for name in named])
