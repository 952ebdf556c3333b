"""How a layer is built: once, for the shapes of its inputs, then locked."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Container
from typing import Any

from sepconv.layers.structure import flat

Build = Callable[[Any, Any], None]


def once(build: Build) -> Build:
    """Wrap a layer's `build`: one thread at a time, all of it or nothing, then locked."""

    @functools.wraps(build)
    def build_once(self: Any, input_shape: Any) -> None:
        with self._lock:
            if self._building:  # a subclass's build has called super().build
                build(self, input_shape)
                return
            before = self._tracked.copy()
            self._building = True
            try:
                build(self, input_shape)
            except BaseException:
                self.__dict__["_tracked"] = before
                raise
            finally:
                self._building = False
            self._build_shape = input_shape
            self._tracked.locked = self._locks_state
            self.built = True  # last: others read it without the lock

    return build_once


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


def as_shapes(held: Any) -> Any:
    """Return a shape that JSON holds as a list, or each in a list of them, as a tuple."""
    if not isinstance(held, list):
        return held
    is_nested = any(isinstance(item, (list, tuple)) for item in held)
    return [as_shapes(item) for item in held] if is_nested else tuple(held)
