"""How a layer comes by its state: built once, tracked, then locked."""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Callable, Container, Sequence, Set
from typing import TYPE_CHECKING, Any

from sepconv.errors import ValidationError
from sepconv.layers.structure import flat

if TYPE_CHECKING:
    from sepconv.layers.base import Layer
    from sepconv.layers.variable import Variable

Build = Callable[[Any, Any], None]

LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already "
    "built. All state must be created in the `__init__()` method or in the `build()` method."
)


def once(build: Build) -> Build:
    """Wrap a layer's `build`: one thread at a time, all of it or nothing, then locked."""

    @functools.wraps(build)
    def build_once(self: Any, input_shape: Any) -> None:
        with self._lock:
            if self._building:  # a subclass's build has called super().build
                build(self, input_shape)
                return
            before = (list(self._variables), list(self._layers), self._trainable_count)
            self._building = True
            try:
                build(self, input_shape)
            except BaseException:
                self._variables[:], self._layers[:], self._trainable_count = before
                raise
            finally:
                self._building = False
            self._build_shape = input_shape
            self._locked = self._locks_state
            self.built = True  # last: others read it without the lock

    return build_once


def track(layer: Layer, variable: Variable) -> None:
    """Make `variable` one of the layer's weights: trainable ones stand first, as in Keras."""
    if any(known is variable for known in layer._variables):
        return
    if layer._locked:
        raise ValidationError(LOCKED)
    if variable.trainable:
        layer._variables.insert(layer._trainable_count, variable)
        layer._trainable_count += 1
        variable.trainable = layer.trainable
    else:
        layer._variables.append(variable)


def adopt(parent: Layer, child: Layer) -> None:
    """Make `child` a layer within `parent`. A name that nobody gave is made unique there."""
    if any(known is child for known in parent._layers):
        return
    if parent._locked:
        raise ValidationError(LOCKED)
    if any(inner is parent for inner in child._flatten()):
        raise ValidationError(f"layer '{parent.name}' cannot be a layer within itself")
    taken = {layer.name for layer in parent._layers}
    if child.name in taken:
        if child._named:
            raise ValidationError(
                f"All layers added to a {type(parent).__name__} model should have unique names. "
                f"Name '{child.name}' is already the name of a layer in this model. "
                f"Update the `name` argument to pass a unique name."
            )
        rename(child, free_name(child.name, taken))
    child._named = True  # another container must not rename it under this one
    parent._layers.append(child)


def adopt_all(parent: Layer, children: Sequence[Layer]) -> None:
    """Make `children` the layers within `parent`. Names that nobody gave are made unique there."""
    given = Counter(child.name for child in children if child._named)
    for name, count in given.items():
        if count > 1:
            raise ValidationError(
                f'The name "{name}" is used {count} times in the model. '
                f"All operation names should be unique."
            )
    known = set(given)
    for child in children:
        if not child._named:
            if child.name in known:
                rename(child, free_name(child.name, known))
            known.add(child.name)
            child._named = True  # another container must not rename it under this one
    parent._layers.extend(children)


def free_name(name: str, taken: Set[str]) -> str:
    """Return `name` with the first number that makes it none of `taken`."""
    numbers = range(1, len(taken) + 1)
    return next(free for n in numbers if (free := f"{name}_{n}") not in taken)


def rename(layer: Layer, name: str) -> None:
    layer.__dict__["name"] = name
    for variable in layer._variables:
        variable.path = f"{name}/{variable.name}"


def shape_of(inputs: Any) -> Any:
    """Return the shape of one tensor, or the list of shapes of several."""
    if isinstance(inputs, (list, tuple)):
        return [tensor.shape for tensor in flat(inputs)]
    return inputs.shape


def pop_input_shape(arguments: dict[str, Any], own: Container[str]) -> Any:
    """Take Keras 2's `input_shape` and `input_dim` out of `arguments`, with a warning.

    Arguments:
        own: the arguments that the layer declares itself, such as Embedding's `input_dim`.
    """
    shape = arguments.pop("input_shape", None)
    size = None if "input_dim" in own else arguments.pop("input_dim", None)
    if size is not None:
        shape = (size,)
    if shape is not None:
        warnings.warn(
            "Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential "
            "models, prefer using an `Input(shape)` object as the first layer in the model "
            "instead.",
            stacklevel=4,
        )
    return shape
