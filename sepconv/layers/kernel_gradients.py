"""Gradients of the layers beside SeparableConv1D, by those that the core has of that one.

A matrix product is a separable convolution of one tap whose depthwise kernel is 1; a depthwise
convolution is one whose pointwise kernel is the identity. Neither changes a number. The sums of a
convolution of all channels are those of a matrix product of its windows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Found = tuple[Array | None, Array, Array]  # by x, the kernel and the bias

# Windows held at once: what stays near the caches, and is work for several threads.
WINDOW_BYTES = 8 << 20


class MatrixGradient:
    """The gradients of x @ kernel for x of shape (rows, C) and a kernel of shape (C, F)."""

    def __init__(self, kernel: Array) -> None:
        from sepconv.core import Gradient, Plan

        ones = np.ones((1, len(kernel), 1), kernel.dtype)
        plan = Plan(
            ones, kernel, None, strides=1, padding="same", dilation_rate=1, channels_first=False
        )
        self._gradient = Gradient(plan, ones, kernel)
        self._shape = kernel.shape

    def __call__(
        self, x: Array, g: Array, *, relu_output: Array | None = None, input_gradient: bool = True
    ) -> Found:
        rows = [np.ascontiguousarray(a).reshape(1, -1, a.shape[-1]) for a in (x, g)]
        relu = None if relu_output is None else relu_output.reshape(rows[1].shape)
        dx, _, by_kernel, by_bias = self._gradient(
            *rows, relu_output=relu, input_gradient=input_gradient
        )
        return None if dx is None else dx.reshape(x.shape), by_kernel.reshape(self._shape), by_bias


class DepthwiseGradient:
    """The gradients of `sepconv.core.DepthwisePlan(kernel, bias, **geometry)`."""

    def __init__(self, kernel: Array, geometry: dict[str, Any]) -> None:
        from sepconv.core import Gradient, Plan

        identity = np.eye(kernel.shape[1] * kernel.shape[2], dtype=kernel.dtype)
        self._gradient = Gradient(Plan(kernel, identity, None, **geometry), kernel, identity)

    def __call__(
        self, x: Array, g: Array, *, relu_output: Array | None = None, input_gradient: bool = True
    ) -> Found:
        dx, by_kernel, _, by_bias = self._gradient(
            x, np.ascontiguousarray(g), relu_output=relu_output, input_gradient=input_gradient
        )
        return dx, by_kernel, by_bias


class ConvolutionGradient:
    """The gradients of `sepconv.core.ConvolutionPlan(kernel, bias, **geometry)`.

    Windows of x are copied and multiplied a stretch at a time, so the memory they take is bounded.
    The stretches, and the order in which their sums are added, depend on the shapes alone.
    """

    def __init__(self, kernel: Array, geometry: dict[str, Any]) -> None:
        self._taps, self._channels, filters = self._shape = kernel.shape
        self._matrix = MatrixGradient(kernel.reshape(-1, filters))
        self._stride, self._dilation = geometry["strides"], geometry["dilation_rate"]
        self._padding, self._channels_first = geometry["padding"], geometry["channels_first"]

    def __call__(
        self, x: Array, g: Array, *, relu_output: Array | None = None, input_gradient: bool = True
    ) -> Found:
        if not self._channels_first:
            return self._by_last(x, g, relu_output, input_gradient)
        relu = None if relu_output is None else _turned(relu_output)
        dx, by_kernel, by_bias = self._by_last(_turned(x), _turned(g), relu, input_gradient)
        return None if dx is None else _turned(dx), by_kernel, by_bias

    def _by_last(self, x: Array, g: Array, relu: Array | None, input_gradient: bool) -> Found:
        """Return the gradients for x (B, T, C) and g (B, S, F)."""
        batch, steps, channels = x.shape
        out, filters = g.shape[1:]
        left, total = self._padded(steps, out)
        padded = np.zeros((batch, total, channels), x.dtype)
        padded[:, left : left + steps] = x
        d_padded = np.zeros_like(padded) if input_gradient else None
        by_kernel = np.zeros((self._taps * channels, filters), x.dtype)
        by_bias = np.zeros(filters, x.dtype)
        for here in self._stretches(batch, out, x.itemsize):
            windows = np.ascontiguousarray(self._windows(padded, out)[here])
            rows = windows.reshape(-1, len(by_kernel))
            dh, d_kernel, d_bias = self._matrix(
                rows,
                g[here].reshape(-1, filters),
                relu_output=None if relu is None else relu[here].reshape(-1, filters),
                input_gradient=input_gradient,
            )
            by_kernel += d_kernel
            by_bias += d_bias
            if d_padded is not None and dh is not None:
                target = self._windows(d_padded, out)[here]
                for k in range(self._taps):  # the windows of one tap do not meet
                    target[:, :, k] += dh.reshape(windows.shape)[:, :, k]
        dx = None if d_padded is None else d_padded[:, left : left + steps].copy()
        return dx, by_kernel.reshape(self._shape), by_bias

    def _padded(self, steps: int, out: int) -> tuple[int, int]:
        """Return the steps of padding before x, and the steps of x with all padding."""
        span = (self._taps - 1) * self._dilation + 1
        needed = max((out - 1) * self._stride + span, 0) if out else 0
        if self._padding == "valid":
            return 0, max(needed, steps)
        missing = max(needed - steps, 0)
        left = span - 1 if self._padding == "causal" else missing // 2
        return left, max(needed, left + steps)

    def _windows(self, padded: Array, out: int) -> Array:
        """Return the windows of `out` outputs, a view of shape (B, S, K, C)."""
        batch, _, channels = padded.shape
        sample, step, item = padded.strides
        return np.lib.stride_tricks.as_strided(
            padded,
            (batch, out, self._taps, channels),
            (sample, self._stride * step, self._dilation * step, item),
        )

    def _stretches(self, batch: int, out: int, itemsize: int) -> list[tuple[slice, slice]]:
        """Return what is computed at once: several samples, or a part of one."""
        rows = max(WINDOW_BYTES // (self._taps * self._channels * itemsize), 1)
        samples = max(rows // max(out, 1), 1)
        return [
            (slice(b, b + samples), slice(s, min(s + rows, out)))
            for b in range(0, batch, samples)
            for s in range(0, out, rows)
        ]


def _turned(x: Array) -> Array:
    """Return (B, T, C) for (B, C, T), and the other way round, C-contiguous."""
    return np.ascontiguousarray(x.transpose(0, 2, 1))
