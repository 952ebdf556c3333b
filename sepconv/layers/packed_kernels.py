"""The weights of a layer as the core takes them, for calls and for gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sepconv.activations import Activation

if TYPE_CHECKING:
    from sepconv.core import Operation

# slope, highest value, threshold: max(x, 0)
PLAIN_RELU = (0.0, math.inf, 0.0)


class Computation(Protocol):
    """A plan of the core, or what makes its calls of one: from x to y."""

    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]: ...

    def operation(self) -> Operation | None:
        """Return the same for a chain of the core, or None."""
        ...


class CoreGradient(Protocol):
    """From x and the gradient g by the linear outputs to those by x, the kernels and the bias.

    With `relu_output`, g is that by max(outputs, 0), which are these. Without `input_gradient`
    the gradient by x is None.
    """

    def __call__(
        self,
        x: NDArray[Any],
        g: NDArray[Any],
        *,
        relu_output: NDArray[Any] | None = None,
        input_gradient: bool = True,
    ) -> tuple[NDArray[Any] | None, *tuple[NDArray[Any], ...]]: ...


class PackedKernels:
    """One state of a layer's weights, immutable; what is not always needed is packed when it is.

    Arguments:
        make_plan: returns what computes; it takes the activation, its parameters and the dtype.
        make_gradient: returns the gradients for such a plan.
        activation: what the core applies; None for one that it does not compute.
        dtype: of x and y.
    """

    def __init__(
        self,
        make_plan: Callable[..., Computation],
        make_gradient: Callable[[Computation], CoreGradient],
        activation: Activation | None,
        dtype: np.dtype[Any],
    ) -> None:
        name = "linear" if activation is None else activation.core_name
        parameters = () if activation is None else activation.parameters
        self.is_linear = activation is not None and name == "linear"
        self.is_relu = name == "relu" and parameters == PLAIN_RELU
        self._make_plan = make_plan
        self._make_gradient = make_gradient
        self._gradient: CoreGradient | None = None
        self.plan = make_plan(activation=name, parameters=parameters, dtype=dtype)

    def linear_plan(self) -> Computation:
        """Return the plan without the activation, in the dtype that is computed in."""
        return self._make_plan()

    def gradient(self) -> CoreGradient:
        """Return the gradients by the linear outputs; two threads may pack them at once."""
        if self._gradient is None:
            self._gradient = self._make_gradient(self.plan)
        return self._gradient
