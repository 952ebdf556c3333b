"""SeparableConv1D: a depthwise convolution over time, then a pointwise one over channels."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.layers import arguments
from sepconv.layers.convolutional import Convolution
from sepconv.layers.packed_kernels import Computation, CoreGradient
from sepconv.layers.registry import registry
from sepconv.layers.rules import Padding
from sepconv.rules import Count, Size1D


@registry.register()
class SeparableConv1D(Convolution):
    """Depthwise convolution of each channel over time, then pointwise mixing of channels.

    With x of shape (batch, time, channels), taps k, dilation d and stride s:

        h[n, t, c*M + m] = sum over i of x[n, t*s + i*d - left, c] * depthwise_kernel[i, c, m]
        y[n, t, f] = activation(sum over j of h[n, t, j] * pointwise_kernel[0, j, f] + bias[f])

    Input: (batch, time, channels), or (batch, channels, time) with "channels_first".
    Output: (batch, new time, filters), or (batch, filters, new time).

    Raises:
        ValidationError: an argument that breaks its rule, or `strides > 1` with
            `dilation_rate > 1`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((4, 10, 12))
    >>> SeparableConv1D(4, 4, strides=2, activation="relu")(x).shape
    (4, 4, 4)
    """

    RANKS: ClassVar[dict[str, int | None]] = {
        "depthwise": 3,
        "pointwise": 3,
        "bias": 1,
        "activity": 3,
    }

    filters: Argument[int, int] = argument(
        Count(), doc="Number of output channels of the pointwise convolution."
    )
    kernel_size: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), doc="Number of taps of the depthwise convolution."
    )
    strides: Argument[int | tuple[int], tuple[int]] = arguments.strides()
    padding: Argument[str, str] = argument(
        Padding(),
        default="valid",
        doc='"valid": no padding; "same": zeros, evenly, so that time shrinks by strides alone.',
    )
    data_format: Argument[str | None, str] = arguments.data_format()
    dilation_rate: Argument[int | tuple[int], tuple[int]] = arguments.dilation_rate()
    depth_multiplier: Argument[int, int] = argument(
        Count(), default=1, doc="Depthwise output channels for each input channel."
    )
    activation: Argument[Any, Any] = arguments.activation()
    use_bias: Argument[bool, bool] = arguments.use_bias()
    depthwise_initializer: Argument[Any, Any] = arguments.initializer("depthwise kernel")
    pointwise_initializer: Argument[Any, Any] = arguments.initializer("pointwise kernel")
    bias_initializer: Argument[Any, Any] = arguments.bias_initializer()
    depthwise_regularizer: Argument[Any, Any] = arguments.regularizer("depthwise kernel")
    pointwise_regularizer: Argument[Any, Any] = arguments.regularizer("pointwise kernel")
    bias_regularizer: Argument[Any, Any] = arguments.regularizer("bias")
    activity_regularizer: Argument[Any, Any] = arguments.activity_regularizer()
    depthwise_constraint: Argument[Any, Any] = arguments.constraint("depthwise kernel")
    pointwise_constraint: Argument[Any, Any] = arguments.constraint("pointwise kernel")
    bias_constraint: Argument[Any, Any] = arguments.constraint("bias")

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`, of which only the channels must be known.

        Raises:
            ValidationError: not of rank 3, no channels, or too short for the kernel.
        """
        channels = self.channels_to_build(input_shape)
        expanded = channels * self.depth_multiplier
        self.depthwise_kernel = self._weight(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), "depthwise_kernel"
        )
        self.pointwise_kernel = self._weight(
            "pointwise", (1, expanded, self.filters), "pointwise_kernel"
        )
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def plan(self, *weights: NDArray[Any], **arguments: Any) -> Computation:
        from sepconv.core import Plan

        depthwise, pointwise, *bias = weights
        return Plan(depthwise, pointwise, bias[0] if bias else None, **self.geometry, **arguments)

    def gradient(self, plan: Computation, *weights: NDArray[Any]) -> CoreGradient:
        from sepconv.core import Gradient

        return Gradient(plan, *weights[:2])  # type: ignore[arg-type]  # which is a Plan

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters
