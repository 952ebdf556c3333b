"""Gradients of convolutions of all channels, and of matrix products, by what the core computes.

The gradient by x of a convolution is one of g, with the kernel turned round in time. For strides
there is one for each of the steps of x between two windows, whose taps are those that meet it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.layers.packed_kernels import PLAIN_RELU

if TYPE_CHECKING:
    from sepconv.core import ConvolutionPlan

Array = NDArray[Any]
Found = tuple[Array | None, Array, Array]  # by x, the kernel and the bias


class ConvolutionGradient:
    """The gradients of a `sepconv.core.ConvolutionPlan` of this kernel (K, C, F)."""

    def __init__(self, plan: ConvolutionPlan, kernel: Array) -> None:
        self._plan = plan
        self._kernel = kernel
        self._time_axis = 2 if plan.channels_first else 1

    @cached_property
    def _phases(self) -> list[_Phase]:
        taps = range(min(_period(self._plan), len(self._kernel)))
        return [_Phase.of(self._plan, self._kernel, tap) for tap in taps]

    def __call__(
        self, x: Array, g: Array, *, relu_output: Array | None = None, input_gradient: bool = True
    ) -> Found:
        from sepconv.core import activate_gradient

        x = np.ascontiguousarray(x)
        g = np.ascontiguousarray(g)
        by_y = g
        if relu_output is not None:
            by_y = activate_gradient(np.ascontiguousarray(relu_output), g, "relu", PLAIN_RELU)
        by_kernel, by_bias = self._plan.weight_gradients(x, by_y)
        if not np.isfinite(by_bias).all():  # nor is g, or the output
            if relu_output is not None:  # of which a NaN is not above 0, as in Keras
                by_y = np.where(relu_output > 0, g, g.dtype.type(0))
                by_kernel, by_bias = self._plan.weight_gradients(x, by_y)
            self._leave_out_padding(x, by_y, by_kernel)
        return self._by_input(x, by_y) if input_gradient else None, by_kernel, by_bias

    def _leave_out_padding(self, x: Array, g: Array, by_kernel: Array) -> None:
        """Put right what is not finite: the core's products hold those of g and the padding.

        A tap is computed once more as a convolution of its own, over the steps within x alone.
        """
        from sepconv.core import ConvolutionPlan

        plan, along = self._plan, (slice(None),) * self._time_axis
        steps, out_steps = x.shape[self._time_axis], g.shape[self._time_axis]
        alone = ConvolutionPlan(
            self._kernel[:1], None, padding="same", channels_first=plan.channels_first
        )
        for tap, found in enumerate(by_kernel):
            first = tap * plan.dilation_rate - plan.padding_left(steps)  # step of x
            begin = max(-(first // plan.strides), 0)
            end = max(min(-((first - steps) // plan.strides), out_steps), begin)
            wrong = ~np.isfinite(found)
            if end - begin == out_steps or not wrong.any():
                continue
            read = slice(first + begin * plan.strides, None, plan.strides)
            inside = np.ascontiguousarray(x[(*along, read)][(*along, slice(end - begin))])
            g_inside = np.ascontiguousarray(g[(*along, slice(begin, end))])
            found[wrong] = alone.weight_gradients(inside, g_inside)[0][0][wrong]

    def _by_input(self, x: Array, g: Array) -> Array:
        steps, stride = x.shape[self._time_axis], self._plan.strides
        left = self._plan.padding_left(steps)
        if stride == 1:
            return self._phases[0].windows(g, left, steps)
        dx = np.zeros(x.shape, g.dtype)  # what no window reads stays 0
        for phase in self._phases:
            first = (phase.offset - left) % stride
            count = max(-((first - steps) // stride), 0)
            steps_read = (slice(None),) * self._time_axis + (slice(first, None, stride),)
            dx[steps_read] = phase.windows(g, first + left, count)
        return dx


@dataclass(frozen=True)
class _Phase:
    """The taps that meet the steps t of x for which t + left is `offset` modulo the stride."""

    plan: ConvolutionPlan
    offset: int
    stride: int
    reach: int  # steps of g from the first tap's to the last one's

    @classmethod
    def of(cls, plan: ConvolutionPlan, kernel: Array, tap: int) -> _Phase:
        from sepconv.core import ConvolutionPlan

        dilation = plan.dilation_rate * _period(plan) // plan.strides
        turned = np.ascontiguousarray(kernel[tap :: _period(plan)][::-1].transpose(0, 2, 1))
        by_input = ConvolutionPlan(
            turned,
            None,
            padding="valid",
            channels_first=plan.channels_first,
            dilation_rate=dilation,
            rows=plan.rows,
        )
        return cls(by_input, tap * plan.dilation_rate, plan.strides, (len(turned) - 1) * dilation)

    def windows(self, g: Array, padded_step: int, count: int) -> Array:
        """Return the gradients at `count` steps of x with its padding, a stride apart."""
        last = (padded_step - self.offset) // self.stride  # the first tap's step of g
        return self.plan.windows(g, last - self.reach, count)


def _period(plan: ConvolutionPlan) -> int:
    """Return how many taps further one meets the same steps of x, modulo the stride."""
    return plan.strides // math.gcd(plan.strides, plan.dilation_rate)


class MatrixGradient:
    """The gradients of x @ kernel for x of shape (..., C), by those of a convolution of one tap."""

    def __init__(self, plan: ConvolutionPlan, kernel: Array) -> None:
        self._gradient = ConvolutionGradient(plan, kernel[None])

    def __call__(
        self, x: Array, g: Array, *, relu_output: Array | None = None, input_gradient: bool = True
    ) -> Found:
        relu = None if relu_output is None else _rows(relu_output)
        dx, by_kernel, by_bias = self._gradient(
            _rows(x), _rows(g), relu_output=relu, input_gradient=input_gradient
        )
        return None if dx is None else dx.reshape(x.shape), by_kernel[0], by_bias


def _rows(x: Array) -> Array:
    return x.reshape(1, -1, x.shape[-1])
