"""DepthwiseConv1D: a convolution of each channel alone over time."""

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
class DepthwiseConv1D(Convolution):
    """Convolution of each channel over time, with `depth_multiplier` kernels for each.

    With x of shape (batch, time, channels), taps k, dilation d and stride s:

        y[n, t, c*M + m] = activation(sum over i of x[n, t*s + i*d - left, c] * kernel[i, c, m]
                                      + bias[c*M + m])

    Input: (batch, time, channels), or (batch, channels, time) with "channels_first".
    Output: (batch, new time, channels * M), or (batch, channels * M, new time).

    Raises:
        ValidationError: an argument that breaks its rule, or `strides > 1` with
            `dilation_rate > 1`.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((4, 10, 12))
    >>> DepthwiseConv1D(3, strides=2, depth_multiplier=3, activation="relu")(x).shape
    (4, 4, 36)
    """

    RANKS: ClassVar[dict[str, int | None]] = {"depthwise": 3, "bias": 1, "activity": 3}

    CHANNEL_AXES: ClassVar[int] = 2  # channel and multiplier

    kernel_size: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), doc="Number of taps of the kernel."
    )
    strides: Argument[int | tuple[int], tuple[int]] = arguments.strides()
    padding: Argument[str, str] = argument(
        Padding(),
        default="valid",
        doc='"valid": no padding; "same": zeros, evenly, so that time shrinks by strides alone.',
    )
    depth_multiplier: Argument[int, int] = argument(
        Count(), default=1, doc="Output channels for each input channel."
    )
    data_format: Argument[str | None, str] = arguments.data_format()
    dilation_rate: Argument[int | tuple[int], tuple[int]] = arguments.dilation_rate()
    activation: Argument[Any, Any] = arguments.activation()
    use_bias: Argument[bool, bool] = arguments.use_bias()
    depthwise_initializer: Argument[Any, Any] = arguments.initializer("kernel")
    bias_initializer: Argument[Any, Any] = arguments.bias_initializer()
    depthwise_regularizer: Argument[Any, Any] = arguments.regularizer("kernel")
    bias_regularizer: Argument[Any, Any] = arguments.regularizer("bias")
    activity_regularizer: Argument[Any, Any] = arguments.activity_regularizer()
    depthwise_constraint: Argument[Any, Any] = arguments.constraint("kernel")
    bias_constraint: Argument[Any, Any] = arguments.constraint("bias")

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`, of which only the channels must be known.

        Raises:
            ValidationError: not of rank 3, no channels, or too short for the kernel.
        """
        channels = self.channels_to_build(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._weight("depthwise", shape, "kernel")
        expanded = channels * self.depth_multiplier
        self.bias = self._weight("bias", (expanded,)) if self.use_bias else None

    def plan(self, *weights: NDArray[Any], **arguments: Any) -> Computation:
        from sepconv.core import DepthwisePlan

        kernel, bias = weights[0], weights[1] if self.use_bias else None
        return DepthwisePlan(kernel, bias, **self.geometry, **arguments)

    def gradient(self, plan: Computation, *weights: NDArray[Any]) -> CoreGradient:
        from sepconv.core import Gradient

        return Gradient(plan, weights[0])  # type: ignore[arg-type]  # which is a DepthwisePlan

    def output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier
