"""Gradients of a call, as a value: nothing is remembered in the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import regularizers
from sepconv.arrays import compute_dtype
from sepconv.errors import ValidationError
from sepconv.layers.module import Module
from sepconv.layers.structure import flat, mapped
from sepconv.layers.variable import Variable, widened

Gradients = dict[Variable, NDArray[Any]]
# (dy, input_gradient) -> (dx or None, gradients); what a layer's `call_vjp` returns
Pull = Callable[[Any, bool], tuple[Any, Gradients]]


class Pullback:
    """Maps the gradient by a call's outputs to those by its inputs and weights.

    It holds what it needs of the call: it may be called again, later, and from any thread.

    >>> from sepconv import Dense
    >>> layer = Dense(1, kernel_initializer="ones")
    >>> y, pullback = layer.vjp([[1.0, 3.0]])
    >>> dx, gradients = pullback([[2.0]])
    >>> dx, gradients[layer.kernel].ravel()
    (array([[2., 2.]], dtype=float32), array([2., 6.], dtype=float32))
    """

    def __init__(self, layer: Module, outputs: Any, pull: Pull, activity_regularizer: Any) -> None:
        self._layer = layer
        self._outputs = outputs
        self._pull = pull
        self._activity_regularizer = activity_regularizer

    def __call__(self, dy: Any, *, input_gradient: bool = True) -> tuple[Any, Gradients]:
        """Return (dx, gradients) of sum(dy * outputs) plus the call's activity penalty.

        Arguments:
            dy: of the outputs' shape; for several outputs in their list or dict. None is zeros.
            input_gradient: whether dx is wanted; without it dx is None, and cheaper.

        Returns:
            dx in the inputs' form, and {variable: array} for each weight that is trainable.
        """
        if isinstance(self._outputs, np.ndarray):
            dy = self._with_activity(_fitting(dy, self._outputs))
        else:
            given = iter(self._in_order(dy))
            dy = mapped(lambda y: _fitting(next(given), y), self._outputs)
        dx, gradients = self._pull(dy, input_gradient)
        if not self._layer.trainable:
            gradients = {}
        return (dx if input_gradient else None), {
            variable: gradient for variable, gradient in gradients.items() if variable.trainable
        }

    def _in_order(self, dy: Any) -> list[Any]:
        given, needed = flat(dy), len(flat(self._outputs))
        if len(given) != needed:
            raise ValidationError(
                f"a pullback takes {needed} gradients, one for each output, got {len(given)}"
            )
        return given

    def _with_activity(self, dy: NDArray[Any]) -> NDArray[Any]:
        regularizer = self._activity_regularizer
        y = self._outputs
        if regularizer is None or not y.size:
            return dy
        samples = len(y) if y.ndim else 1
        return np.asarray(dy + regularizers.gradient(regularizer, widened(y)) / samples, dy.dtype)


def _fitting(dy: Any, outputs: NDArray[Any]) -> NDArray[Any]:
    """Return `dy` as a C-contiguous array of the outputs' shape, in at least float32."""
    if dy is None:
        return np.zeros(outputs.shape, compute_dtype(outputs.dtype))
    found = np.ascontiguousarray(dy, compute_dtype(outputs.dtype))
    if np.shape(dy) != outputs.shape:
        raise ValidationError(
            f"a pullback takes a gradient of the outputs' shape {outputs.shape}, "
            f"got shape {np.shape(dy)}"
        )
    return found.reshape(outputs.shape)


def add_gradients(total: Gradients, more: Gradients) -> None:
    """Add the gradients of one use of the weights to those of the others."""
    for variable, gradient in more.items():
        total[variable] = total[variable] + gradient if variable in total else gradient
