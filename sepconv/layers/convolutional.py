"""Convolution: what the layers that convolve over time have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError
from sepconv.layers.core_layer import CoreLayer
from sepconv.layers.geometry import output_steps, span
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.rules import Shape, standardize_shape
from sepconv.rules import check_steps


class Convolution(CoreLayer):
    """The base of convolutions over time: their geometry, and the checks of their inputs.

    A subclass declares `kernel_size`, `strides`, `padding`, `data_format` and `dilation_rate`
    besides, and tells its output channels.
    """

    RANKS: ClassVar[dict[str, int | None]] = {"kernel": 3, "bias": 1, "activity": 3}

    # Whether a call is no more than one of the core, unless a subclass makes more of it.
    _is_plain: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        steps = ("convert", "check_input", "call", "packed")
        cls._is_plain = all(getattr(cls, step) is getattr(Convolution, step) for step in steps)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_direct = self._is_plain and self._fused and self._activity_regularizer is None
        self._core_spec: InputSpec | None = None  # the input spec that the core checks, too
        declared = self.__dict__  # by the subclass
        (self._taps,), (self._stride,) = declared["kernel_size"], declared["strides"]
        (self._dilation,), self._padding = declared["dilation_rate"], declared["padding"]
        self._channels_first = declared["data_format"] == "channels_first"
        self._channel_axis, self._time_axis = (1, 2) if self._channels_first else (-1, 1)
        self._span = span(self._taps, self._dilation)
        valid = self._padding == "valid"
        self._min_steps = 1 if valid else 0  # of output
        self._min_time = self._span if valid else 0
        self.input_spec = InputSpec(min_ndim=3)
        # The arguments by which a plan of the core knows the steps of time.
        self.geometry: dict[str, Any] = {
            "strides": self._stride,
            "padding": self._padding,
            "dilation_rate": self._dilation,
            "channels_first": self._channels_first,
        }

    def check(self) -> None:
        super().check()
        check_steps(self.__dict__["strides"], self.__dict__["dilation_rate"])

    @property
    def window(self) -> tuple[int, int]:
        return self._span, self._stride

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for arrays; symbolic outputs for symbolic tensors.

        The first call builds the layer. `training=` is accepted and changes nothing.
        """
        # Small layers take less time than all the steps of a call, so those are left out where the
        # core alone can tell that nothing is amiss.
        if type(inputs) is np.ndarray and self._is_direct and not (args or kwargs or self._losses):
            packed = self._packed
            if (
                packed is not None
                and inputs.dtype is self._input_dtype
                and self.input_spec is self._core_spec
                and packed.is_current()
            ):
                try:
                    return packed.result.plan(inputs)
                except (TypeError, ValueError):
                    pass  # these inputs are converted below, or refused in Keras's words
        return super().__call__(inputs, *args, **kwargs)

    def output_channels(self, channels: int | None) -> int | None:
        """Return the output channels for `channels` of input; None is open."""
        raise NotImplementedError(f"{type(self).__name__} must define `output_channels`")

    def channels_to_build(self, input_shape: Any) -> int:
        """Return the channels of `input_shape`, to make weights for.

        Raises:
            ValidationError: unknown or no channels, not of rank 3, or too short for the kernel.
        """
        shape = standardize_shape(input_shape)
        self.compute_output_shape(shape)  # which refuses what cannot be computed
        channels = shape[self._channel_axis]
        if channels is None:
            raise ValidationError(
                f"The number of input channels of layer '{self.name}' must be known to build it, "
                f"got input shape {shape}"
            )
        self._core_spec = InputSpec(min_ndim=3, axes={self._channel_axis: channels})
        self.input_spec = self._core_spec
        return channels

    def check_input(self, inputs: NDArray[Any]) -> None:
        if inputs.ndim != 3 or inputs.shape[self._time_axis] < self._min_time:
            self.compute_output_shape(inputs.shape)  # which says what is wrong

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, new time, filters), or (batch, filters, new time); None stays None.

        Raises:
            ValidationError: not of rank 3, no channels, or too short for the kernel.
        """
        shape = standardize_shape(input_shape)
        channels = shape[self._channel_axis] if len(shape) > 1 else None
        filters = self.output_channels(channels)
        kernel_shape = (self._taps, channels, filters)
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
        steps = output_steps(time, self._span, self._stride, self._padding)
        if steps is not None and steps < self._min_steps:
            raise ValidationError(
                f"Computed output size would be zero or negative. Received "
                f"`inputs shape={shape}`, `kernel shape={kernel_shape}`, "
                f"`dilation_rate={[self._dilation]}`, `strides={(self._stride,)}`, "
                f"`padding={self._padding}`."
            )
        order = (filters, steps) if self._channels_first else (steps, filters)
        return tuple(self._activation.output_shape((shape[0], *order)))
