"""The weights of a layer as the core takes them, for calls and for gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

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
        plan: computes the layer.
        linear_plan: returns what computes it without the activation, in the dtype computed in.
        make_gradient: returns the gradients for `plan`.
    """

    def __init__(
        self,
        plan: Computation,
        linear_plan: Callable[[], Computation],
        make_gradient: Callable[[Computation], CoreGradient],
    ) -> None:
        self.plan = plan
        self.linear_plan = linear_plan
        self._make_gradient = make_gradient
        self._gradient: CoreGradient | None = None

    def gradient(self) -> CoreGradient:
        """Return the gradients by the linear outputs; two threads may pack them at once."""
        if self._gradient is None:
            self._gradient = self._make_gradient(self.plan)
        return self._gradient
