"""The weights of a separable convolution as the core takes them, for calls and for gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.activations import Activation

# slope, highest value, threshold: max(x, 0)
PLAIN_RELU = (0.0, math.inf, 0.0)


class PackedKernels:
    """One state of a layer's weights, immutable; what is not always needed is packed when it is.

    Arguments:
        depthwise, pointwise, bias: the weights, in the dtype that is computed in.
        geometry: the arguments of `sepconv.core.Plan` that are not weights.
        activation: what the core applies; None for one that it does not compute.
        dtype: of x and y.
    """

    def __init__(
        self,
        depthwise: NDArray[Any],
        pointwise: NDArray[Any],
        bias: NDArray[Any] | None = None,
        *,
        geometry: dict[str, Any],
        activation: Activation | None,
        dtype: np.dtype[Any],
    ) -> None:
        from sepconv.core import Plan

        name = "linear" if activation is None else activation.core_name
        parameters = () if activation is None else activation.parameters
        self.is_linear = activation is not None and name == "linear"
        self.is_relu = name == "relu" and parameters == PLAIN_RELU
        self._weights = (depthwise, pointwise, bias)
        self._geometry = geometry
        self._gradient: Any = None
        self.plan = Plan(
            *self._weights, **geometry, activation=name, parameters=parameters, dtype=dtype
        )

    def linear_plan(self) -> Any:
        """Return the plan without the activation, in the dtype that is computed in."""
        from sepconv.core import Plan

        return Plan(*self._weights, **self._geometry)

    def gradient(self) -> Any:
        """Return the core's gradients by the linear outputs; two threads may pack it at once."""
        if self._gradient is None:
            from sepconv.core import Gradient

            self._gradient = Gradient(self.plan, *self._weights[:2])
        return self._gradient
