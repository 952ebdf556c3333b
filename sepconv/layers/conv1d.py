"""Conv1D: a convolution over time that mixes all channels at every tap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers import arguments
from sepconv.layers.convolutional import Convolution
from sepconv.layers.kernel_gradients import ConvolutionGradient, Found
from sepconv.layers.packed_kernels import Computation, CoreGradient
from sepconv.layers.registry import registry
from sepconv.layers.rules import Padding, standardize_shape
from sepconv.rules import Count, Size1D


@registry.register()
class Conv1D(Convolution):
    """Convolution over time; each output sees all channels, or those of its group.

    With x of shape (batch, time, channels), taps k, dilation d and stride s:

        y[n, t, f] = activation(sum over i, c of x[n, t*s + i*d - left, c] * kernel[i, c, f]
                                + bias[f])

    Input: (batch, time, channels), or (batch, channels, time) with "channels_first".
    Output: (batch, new time, filters), or (batch, filters, new time).

    Raises:
        ValidationError: an argument that breaks its rule, `strides > 1` with `dilation_rate > 1`,
            or `filters` that `groups` do not divide.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((4, 10, 12))
    >>> Conv1D(32, 3, padding="causal", activation="relu")(x).shape
    (4, 10, 32)
    """

    filters: Argument[int, int] = argument(Count(), doc="Number of output channels.")
    kernel_size: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), doc="Number of taps of the kernel."
    )
    strides: Argument[int | tuple[int], tuple[int]] = arguments.strides()
    padding: Argument[str, str] = argument(
        Padding("causal"),
        default="valid",
        doc='"valid": none; "same": zeros, evenly; "causal": all before the input, so that no '
        "output sees a later step.",
    )
    data_format: Argument[str | None, str] = arguments.data_format()
    dilation_rate: Argument[int | tuple[int], tuple[int]] = arguments.dilation_rate()
    groups: Argument[int, int] = argument(
        Count(), default=1, doc="Groups of channels, each convolved with its share of the filters."
    )
    activation: Argument[Any, Any] = arguments.activation()
    use_bias: Argument[bool, bool] = arguments.use_bias()
    kernel_initializer: Argument[Any, Any] = arguments.initializer("kernel")
    bias_initializer: Argument[Any, Any] = arguments.bias_initializer()
    kernel_regularizer: Argument[Any, Any] = arguments.regularizer("kernel")
    bias_regularizer: Argument[Any, Any] = arguments.regularizer("bias")
    activity_regularizer: Argument[Any, Any] = arguments.activity_regularizer()
    kernel_constraint: Argument[Any, Any] = arguments.constraint("kernel")
    bias_constraint: Argument[Any, Any] = arguments.constraint("bias")

    def check(self) -> None:
        super().check()
        if self.filters % self.groups:
            raise ValidationError(
                f"The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, filters={self.filters}."
            )

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`, of which only the channels must be known.

        Raises:
            ValidationError: not of rank 3, too short for the kernel, no channels, or channels that
                `groups` do not divide.
        """
        channels = self.channels_to_build(input_shape)
        if channels % self.groups:
            raise ValidationError(
                f"The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {standardize_shape(input_shape)})."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self._weight("kernel", shape)
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def plan(self, *weights: NDArray[Any], **arguments: Any) -> Computation:
        from sepconv.core import ConvolutionPlan

        kernels = np.split(weights[0], self.groups, axis=-1)
        biases = np.split(weights[1], self.groups) if self.use_bias else [None] * self.groups
        plans = [
            ConvolutionPlan(kernel, bias, **self.geometry, **arguments)
            for kernel, bias in zip(kernels, biases, strict=True)
        ]
        return plans[0] if self.groups == 1 else _Groups(plans, self._channel_axis)

    def gradient(self, plan: Computation, *weights: NDArray[Any]) -> CoreGradient:
        plans: Any = plan.plans if isinstance(plan, _Groups) else [plan]
        kernels = np.split(weights[0], self.groups, axis=-1)
        parts = [
            ConvolutionGradient(one, kernel) for one, kernel in zip(plans, kernels, strict=True)
        ]
        return parts[0] if self.groups == 1 else _GroupGradients(parts, self._channel_axis)

    def output_channels(self, channels: int | None) -> int | None:
        return self.filters


class _Groups:
    """Convolutions side by side, each of its share of the channels."""

    def __init__(self, plans: Sequence[Computation], axis: int) -> None:
        self.plans = plans
        self.axis = axis

    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        parts = np.split(x, len(self.plans), self.axis)
        outputs = [
            plan(np.ascontiguousarray(part)) for plan, part in zip(self.plans, parts, strict=True)
        ]
        y = np.concatenate(outputs, self.axis)
        if out is None:
            return y
        from sepconv.ops import copied_to

        return copied_to(out, y, y.dtype)

    def operation(self) -> None:
        return None


class _GroupGradients:
    """The gradients of convolutions side by side."""

    def __init__(self, parts: Sequence[ConvolutionGradient], axis: int) -> None:
        self.parts = parts
        self.axis = axis

    def __call__(
        self,
        x: NDArray[Any],
        g: NDArray[Any],
        *,
        relu_output: NDArray[Any] | None = None,
        input_gradient: bool = True,
    ) -> Found:
        count = len(self.parts)
        relus = [None] * count if relu_output is None else np.split(relu_output, count, self.axis)
        groups = zip(
            self.parts, np.split(x, count, self.axis), np.split(g, count, self.axis), relus,
            strict=True,
        )  # fmt: skip
        by_x, by_kernel, by_bias = zip(
            *(
                part(*arrays, relu_output=relu, input_gradient=input_gradient)
                for part, *arrays, relu in groups
            ),
            strict=True,
        )
        dx = np.concatenate(by_x, self.axis) if input_gradient else None
        return dx, np.concatenate(by_kernel, axis=-1), np.concatenate(by_bias)
