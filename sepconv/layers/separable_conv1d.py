"""SeparableConv1D: a depthwise convolution over time, then a pointwise one over channels."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from sepconv import activations, constraints, initializers, regularizers
from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.geometry import output_steps, span
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.packed_kernels import PackedKernels
from sepconv.layers.registry import registry
from sepconv.layers.rules import DataFormat, ObjectOrElse, Padding, Shape, standardize_shape
from sepconv.rules import Count, Flag, ObjectOf, Size1D

# The tensors that have a regularizer.
RANKS = {"depthwise": 3, "pointwise": 3, "bias": 1, "activity": 3}


@registry.register()
class SeparableConv1D(Layer):
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

    filters: Argument[int, int] = argument(
        Count(), doc="Number of output channels of the pointwise convolution."
    )
    kernel_size: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), doc="Number of taps of the depthwise convolution."
    )
    strides: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), default=1, doc="Steps of time from one output to the next."
    )
    padding: Argument[str, str] = argument(
        Padding(),
        default="valid",
        doc='"valid": no padding; "same": zeros, evenly, so that time shrinks by strides alone.',
    )
    data_format: Argument[str | None, str] = argument(
        DataFormat(),
        default=None,
        doc="channels_last or channels_first; null is what the Keras config file says.",
    )
    dilation_rate: Argument[int | tuple[int], tuple[int]] = argument(
        Size1D(), default=1, doc="Steps of time from one tap to the next."
    )
    depth_multiplier: Argument[int, int] = argument(
        Count(), default=1, doc="Depthwise output channels for each input channel."
    )
    activation: Argument[Any, Any] = argument(
        ObjectOf(activations.registry),
        default=None,
        doc="Applied to the output; null is linear.",
    )
    use_bias: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether a bias is added to the output."
    )
    depthwise_initializer: Argument[Any, Any] = argument(
        ObjectOrElse(initializers.registry, "glorot_uniform"),
        default="glorot_uniform",
        doc="First values of the depthwise kernel.",
    )
    pointwise_initializer: Argument[Any, Any] = argument(
        ObjectOrElse(initializers.registry, "glorot_uniform"),
        default="glorot_uniform",
        doc="First values of the pointwise kernel.",
    )
    bias_initializer: Argument[Any, Any] = argument(
        ObjectOrElse(initializers.registry, "zeros"),
        default="zeros",
        doc="First values of the bias; null is zeros.",
    )
    depthwise_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry), default=None, doc="Penalty on the depthwise kernel."
    )
    pointwise_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry), default=None, doc="Penalty on the pointwise kernel."
    )
    bias_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry), default=None, doc="Penalty on the bias."
    )
    activity_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry),
        default=None,
        doc="Penalty on the output, divided by the batch size.",
    )
    depthwise_constraint: Argument[Any, Any] = argument(
        ObjectOf(constraints.registry),
        default=None,
        doc="Projection of the depthwise kernel after an optimizer's update.",
    )
    pointwise_constraint: Argument[Any, Any] = argument(
        ObjectOf(constraints.registry),
        default=None,
        doc="Projection of the pointwise kernel after an optimizer's update.",
    )
    bias_constraint: Argument[Any, Any] = argument(
        ObjectOf(constraints.registry),
        default=None,
        doc="Projection of the bias after an optimizer's update.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(min_ndim=3)
        self._channels_first = self.data_format == "channels_first"
        self._channel_axis, self._time_axis = (1, 2) if self._channels_first else (-1, 1)
        self._span = span(self.kernel_size[0], self.dilation_rate[0])
        self._min_steps = 1 if self.padding == "valid" else 0  # of output
        self._min_time = self._span if self.padding == "valid" else 0
        # Elementwise built-ins run in the core, tile by tile; others on its linear output.
        self._fused = self.activation.elementwise
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)

    def check(self) -> None:
        if self.strides[0] > 1 and self.dilation_rate[0] > 1:
            raise ValidationError(
                f"`strides={self.strides[0]}` and `dilation_rate={self.dilation_rate[0]}` cannot "
                f"be combined: a value of one above 1 needs 1 for the other"
            )
        for part, rank in RANKS.items():
            regularizer = getattr(self, f"{part}_regularizer")
            needed = getattr(regularizer, "rank", None)
            if needed not in (None, rank):
                raise ValidationError(
                    f"`{part}_regularizer` cannot be {type(regularizer).__name__}: it takes "
                    f"tensors of rank {needed}, this one has rank {rank}; use L1, L2 or L1L2"
                )

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`, of which only the channels must be known.

        Raises:
            ValidationError: not of rank 3, no channels, or too short for the kernel.
        """
        shape = standardize_shape(input_shape)
        self.compute_output_shape(shape)  # which refuses what cannot be computed
        channels = shape[self._channel_axis]
        if channels is None:
            raise ValidationError(
                f"The number of input channels of layer '{self.name}' must be known to build it, "
                f"got input shape {shape}"
            )
        expanded = channels * self.depth_multiplier
        self.depthwise_kernel = self._weight(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), "_kernel"
        )
        self.pointwise_kernel = self._weight("pointwise", (1, expanded, self.filters), "_kernel")
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=3, axes={self._channel_axis: channels})

    def _weight(self, part: str, shape: tuple[int, ...], suffix: str = "") -> Any:
        return self.add_weight(
            shape,
            name=part + suffix,
            initializer=getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
        )

    def pack(self, *arrays: NDArray[Any]) -> PackedKernels:
        # A mixed policy rounds each weight to the compute dtype; the arithmetic is never 16-bit.
        kernels = [
            w.astype(self._input_dtype, copy=False).astype(self._working_dtype, copy=False)
            for w in arrays
        ]
        return PackedKernels(
            *kernels,
            geometry={
                "strides": self.strides[0],
                "padding": self.padding,
                "dilation_rate": self.dilation_rate[0],
                "channels_first": self._channels_first,
            },
            activation=self.activation if self._fused else None,
            dtype=self._input_dtype if self._fused else self._working_dtype,
        )

    def call(self, inputs: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the outputs for `inputs`, an array of the compute dtype.

        Arguments:
            inputs: of shape (batch, time, channels), or (batch, channels, time).
            out: where to put the outputs: of their shape and dtype, C-contiguous.
        """
        self._check_length(inputs)
        plan = self.packed().plan
        if self._fused:
            direct: NDArray[Any] = plan(inputs, out)
            return direct
        outputs: NDArray[Any] = self.activation(
            plan(inputs.astype(self._working_dtype, copy=False))
        )
        if out is None:
            return outputs.astype(self._input_dtype, copy=False)
        from sepconv.ops import copied_to

        return copied_to(out, outputs, self._input_dtype)

    def _check_length(self, inputs: NDArray[Any]) -> None:
        if inputs.ndim != 3 or inputs.shape[self._time_axis] < self._min_time:
            self.compute_output_shape(inputs.shape)  # which says what is wrong

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        self._check_length(inputs)
        packed = self.packed()
        x = inputs.astype(self._working_dtype, copy=False)
        relu_output = None
        if packed.is_linear or packed.is_relu:
            outputs = packed.plan(inputs)
            pull_activation = None
            if packed.is_relu:  # its gradient is a comparison with 0, made while dy is read
                relu_output = outputs.astype(self._working_dtype, copy=False)
        else:
            outputs, pull_activation = self.activation.vjp(packed.linear_plan()(x))
            outputs = outputs.astype(self._input_dtype, copy=False)

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[Any, Gradients]:
            g = dy if pull_activation is None else pull_activation(dy)
            dx, *by_weights = packed.gradient()(
                x, g, relu_output=relu_output, input_gradient=input_gradient
            )
            return dx, dict(zip(self._variables, by_weights, strict=False))

        return outputs, pull

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, new time, filters), or (batch, filters, new time); None stays None.

        Raises:
            ValidationError: not of rank 3, no channels, or too short for the kernel.
        """
        shape = standardize_shape(input_shape)
        channels = shape[self._channel_axis] if len(shape) > 1 else None
        kernel_shape = (*self.kernel_size, channels, self.filters)
        if len(shape) != 3:
            raise ValidationError(
                f"Kernel shape must have the same length as input, but received kernel of shape "
                f"{kernel_shape} and input of shape {shape}."
            )
        if channels == 0:
            raise ValidationError(
                f"The input of layer '{self.name}' must have at least one channel, "
                f"got input shape {shape}"
            )
        time = shape[self._time_axis]
        steps = output_steps(time, self._span, self.strides[0], self.padding)
        if steps is not None and steps < self._min_steps:
            raise ValidationError(
                f"Computed output size would be zero or negative. Received "
                f"`inputs shape={shape}`, `kernel shape={kernel_shape}`, "
                f"`dilation_rate={list(self.dilation_rate)}`, `strides={self.strides}`, "
                f"`padding={self.padding}`."
            )
        order = (self.filters, steps) if self._channels_first else (steps, self.filters)
        return tuple(self.activation.output_shape((shape[0], *order)))
