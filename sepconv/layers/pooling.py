"""Pooling over time: the largest value or the mean of each window, or of all steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import kept_where
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers import arguments
from sepconv.layers.base import Layer
from sepconv.layers.geometry import output_steps
from sepconv.layers.gradients import Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape, sizes
from sepconv.layers.variable import widened
from sepconv.rules import Choice, Flag, Nullable, Size1D


class _OverTime(Layer):
    """The base of all pooling: by the core where it can, else by NumPy."""

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the largest value or the mean of each window; NaN where it holds one.

        Means are summed in at least float32.
        """
        operations = self.core_operations()
        if operations is None or inputs.dtype.itemsize < 4:
            return self.pooled(inputs)
        direct: NDArray[Any] | None = operations[0](inputs)
        return self.pooled(inputs) if direct is None else direct

    def pooled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs, computed with NumPy."""
        raise NotImplementedError


class _Pooling(_OverTime):
    """The base of pooling over windows, tap by tap of the window.

    Raises:
        ValidationError: an argument that breaks its rule; an input shorter than the window with
            "valid".
    """

    pool_size: Argument[int | Sequence[int], tuple[int]] = argument(
        Size1D(), default=2, doc="Steps of time in a window."
    )
    strides: Argument[int | Sequence[int] | None, tuple[int]] = argument(
        Nullable(Size1D()),
        default=None,
        doc="Steps of time from one window to the next; null is pool_size.",
    )
    padding: Argument[str, str] = argument(
        Choice("valid", "same", any_case=True),
        default="valid",
        doc='"valid": whole windows; "same": so that time shrinks by strides alone.',
    )
    data_format: Argument[str | None, str] = arguments.data_format()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["strides"] = self.strides or self.pool_size
        self.input_spec = InputSpec(ndim=3)
        self._time_axis = 2 if self.data_format == "channels_first" else 1

    @property
    def window(self) -> tuple[int, int]:
        return self.pool_size[0], self.strides[0]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with as many steps as there are windows.

        Raises:
            ValidationError: not of rank 3, or no whole window with "valid".
        """
        shape = list(self._suitable(input_shape))
        steps = shape[self._time_axis]
        windows = output_steps(steps, self.pool_size[0], self.strides[0], self.padding)
        if windows is not None and windows <= 0 and self.padding == "valid":
            raise ValidationError(
                f"Computed output size would be zero or negative. Received: "
                f"`inputs.shape={shape}`, `pool_size={list(self.pool_size)}`, "
                f"`strides={self.strides}`, `padding={self.padding}`."
            )
        shape[self._time_axis] = windows
        return tuple(shape)

    def core_operations(self) -> Sequence[Any] | None:
        if self._time_axis == 2:
            return None
        from sepconv.core import pooling

        (size,), (stride,) = self.pool_size, self.strides
        return [pooling(size, stride, self.padding == "same", isinstance(self, AveragePooling1D))]

    def _by_time(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view of (batch, time, channels)."""
        return array.swapaxes(1, 2) if self._time_axis == 2 else array

    def _taps(self, steps: int, windows: int) -> Iterator[tuple[slice, slice]]:
        """Yield, for each tap, the windows in which it meets an input step, and these steps.

        What is padded is thus left out of every window.
        """
        (size,), (stride,) = self.pool_size, self.strides
        padded = max((windows - 1) * stride + size - steps, 0) if self.padding == "same" else 0
        left = padded // 2
        for tap in range(size):
            first = max(-(-(left - tap) // stride), 0)
            last = min((steps - 1 + left - tap) // stride, windows - 1)
            if first <= last:
                start = first * stride + tap - left
                stop = last * stride + tap - left + 1
                yield slice(first, last + 1), slice(start, stop, stride)


@registry.register()
class MaxPooling1D(_Pooling):
    """The largest value of each window over time.

    The gradient goes to the first of several largest values, as on Keras's JAX.

    >>> MaxPooling1D(2)([[[1.0], [3.0], [2.0], [0.0]]])[0, :, 0]
    array([3., 2.], dtype=float32)
    """

    def pooled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        y = np.full(sizes(self.compute_output_shape(inputs.shape)), -np.inf, inputs.dtype)
        x_btc, y_bsc = self._by_time(inputs), self._by_time(y)
        for windows, steps in self._taps(x_btc.shape[1], y_bsc.shape[1]):
            np.maximum(y_bsc[:, windows], x_btc[:, steps], out=y_bsc[:, windows])
        return y

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        y = self.call(inputs)

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[NDArray[Any] | None, Any]:
            if not input_gradient:
                return None, {}
            dx = np.zeros(inputs.shape, dy.dtype)
            x_btc, dx_btc = self._by_time(inputs), self._by_time(dx)
            y_bsc, rest = self._by_time(y), self._by_time(dy.copy())
            for windows, steps in self._taps(x_btc.shape[1], y_bsc.shape[1]):
                here = x_btc[:, steps] == y_bsc[:, windows]
                dx_btc[:, steps] += kept_where(rest[:, windows], here)
                rest[:, windows] = kept_where(rest[:, windows], ~here)  # a later tap gets nothing
            return dx, {}

        return y, pull


@registry.register()
class AveragePooling1D(_Pooling):
    """The mean of each window over time; padding does not count.

    >>> AveragePooling1D(2)([[[1.0], [3.0], [2.0], [0.0]]])[0, :, 0]
    array([2., 1.], dtype=float32)
    """

    pool_size: Argument[int | Sequence[int], tuple[int]] = argument(
        Size1D(), doc="Steps of time in a window."
    )

    def pooled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        wide = widened(inputs)
        y = np.zeros(sizes(self.compute_output_shape(inputs.shape)), wide.dtype)
        x_btc, y_bsc = self._by_time(wide), self._by_time(y)
        for windows, steps in self._taps(x_btc.shape[1], y_bsc.shape[1]):
            y_bsc[:, windows] += x_btc[:, steps]
        y_bsc /= self._counts(x_btc.shape[1], y_bsc.shape[1], wide.dtype)
        return y.astype(self._input_dtype, copy=False)

    def _counts(self, steps: int, windows: int, dtype: Any) -> NDArray[Any]:
        """Return the number of input steps in each window, of (windows, 1)."""
        counts = np.zeros((windows, 1), dtype)
        for met, _ in self._taps(steps, windows):
            counts[met] += 1
        return counts

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        shape = inputs.shape

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[NDArray[Any] | None, Any]:
            if not input_gradient:
                return None, {}
            dx = np.zeros(shape, dy.dtype)
            dx_btc, dy_bsc = self._by_time(dx), self._by_time(dy)
            time, out = dx_btc.shape[1], dy_bsc.shape[1]
            share = dy_bsc / self._counts(time, out, dy.dtype)
            for windows, steps in self._taps(time, out):
                dx_btc[:, steps] += share[:, windows]
            return dx, {}

        return self.call(inputs), pull


class _GlobalPooling(_OverTime):
    """The base of pooling over all of time."""

    data_format: Argument[str | None, str] = arguments.data_format()
    keepdims: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether the axis of time stays, with one step."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        self._time_axis = 2 if self.data_format == "channels_first" else 1

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, channels), or with one step of time between or behind them."""
        shape = list(self._suitable(input_shape))
        shape[self._time_axis : self._time_axis + 1] = [1] if self.keepdims else []
        return tuple(shape)

    def core_operations(self) -> Sequence[Any] | None:
        if self._time_axis == 2:
            return None
        from sepconv.core import pooling

        mean = isinstance(self, GlobalAveragePooling1D)
        return [pooling(None, 1, False, mean, self.keepdims)]

    def _kept(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an output or its gradient with one step of time."""
        return array if self.keepdims else np.expand_dims(array, self._time_axis)


@registry.register()
class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of each channel over time.

    Several largest values have equal shares of the gradient, as in Keras.

    Raises:
        ValidationError: an input without steps.

    >>> GlobalMaxPooling1D()([[[1.0], [3.0], [2.0]]])
    array([[3.]], dtype=float32)
    """

    def pooled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        if not inputs.shape[self._time_axis]:
            raise ValidationError(
                f"layer '{self.name}' takes the maximum over time, "
                f"and an input of shape {inputs.shape} has no steps"
            )
        return np.asarray(np.max(inputs, axis=self._time_axis, keepdims=self.keepdims))

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        y = self.call(inputs)

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[NDArray[Any] | None, Any]:
            if not input_gradient:
                return None, {}
            here = inputs == self._kept(y)
            with np.errstate(invalid="ignore"):  # a channel with a NaN has no largest value
                share = self._kept(dy) / here.sum(axis=self._time_axis, keepdims=True)
            return np.where(here, share, 0).astype(dy.dtype, copy=False), {}

        return y, pull


@registry.register()
class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over time; NaN for an input without steps, as in Keras.

    >>> GlobalAveragePooling1D()([[[1.0], [3.0], [2.0]]])
    array([[2.]], dtype=float32)
    """

    def pooled(self, inputs: NDArray[Any]) -> NDArray[Any]:
        wide = widened(inputs)
        total = wide.sum(axis=self._time_axis, keepdims=self.keepdims)
        with np.errstate(invalid="ignore"):
            mean = total / wide.dtype.type(wide.shape[self._time_axis])
        return np.asarray(mean.astype(self._input_dtype, copy=False))

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        shape = inputs.shape

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[NDArray[Any] | None, Any]:
            if not input_gradient:
                return None, {}
            share = self._kept(dy) / dy.dtype.type(shape[self._time_axis])
            return np.ascontiguousarray(np.broadcast_to(share, shape)), {}

        return self.call(inputs), pull
