"""The layers of published networks, with what each must compute and move."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import reference
from benchmarks.workloads.task import FLOAT32_BYTES, Float32s, Task
from sepconv.cli.bench import workloads


class Operands(NamedTuple):
    """Seeded float32 input and weights, in Keras's layouts."""

    x_btc: Float32s
    depthwise_kcm: Float32s
    pointwise_1df: Float32s  # D = C * M
    bias_f: Float32s


@dataclass(frozen=True)
class Workload(workloads.Workload, Task):
    """A layer of the package's table, with what it must compute and move, and what is right.

    >>> Workload("page", B=4, T=10, C=12, F=4, K=4, stride=2, padding="valid").out_steps
    4
    """

    @property
    def span(self) -> int:
        """Input steps under one output: (K - 1) * dilation + 1."""
        return (self.K - 1) * self.dilation + 1

    @property
    def out_steps(self) -> int:
        if self.padding == "same":
            return -(-self.T // self.stride)
        return (self.T - self.span) // self.stride + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Zeros before the first step and after the last, as Keras places them."""
        if self.padding == "valid":
            return 0, 0
        total = max((self.out_steps - 1) * self.stride + self.span - self.T, 0)
        return total // 2, total - total // 2

    @property
    def depthwise_channels(self) -> int:
        return self.C * self.M

    @property
    def flops(self) -> int:
        """Two per multiply-add of both convolutions; padding counted, bias and relu not."""
        return 2 * self.B * self.out_steps * self.depthwise_channels * (self.K + self.F)

    @property
    def bytes_moved(self) -> int:
        """The least that must move: x, weights and bias in, y out, each once."""
        weights = self.K * self.depthwise_channels + self.depthwise_channels * self.F + self.F
        x, y = self.B * self.T * self.C, self.B * self.out_steps * self.F
        return FLOAT32_BYTES * (x + weights + y)

    @cached_property
    def operands(self) -> Operands:
        """Standard normal values, the weights scaled so that outputs stay near 1."""
        random = np.random.default_rng(0)

        def normal(*shape: int, scale: float = 1.0) -> Float32s:
            return random.standard_normal(shape, np.float32) * np.float32(scale)

        d = self.depthwise_channels
        return Operands(
            normal(self.B, self.T, self.C),
            normal(self.K, self.C, self.M, scale=self.K**-0.5),
            normal(1, d, self.F, scale=d**-0.5),
            normal(self.F),
        )

    def relative_error(self, y_bsf: NDArray[np.floating]) -> float:
        """On sampled rows, the first and the last step always among them."""
        shape = (self.B, self.out_steps, self.F)
        if y_bsf.shape != shape:
            raise ValueError(f"{self.name}: expected an output of shape {shape}, got {y_bsf.shape}")
        at = reference.sampled_positions(self.B, self.out_steps)
        steps = {"stride": self.stride, "dilation": self.dilation, "left": self.pads[0]}
        return reference.relative_error(
            y_bsf[at], reference.expected_rows(self.operands, at, **steps)
        )


WORKLOADS = tuple(Workload(**asdict(layer)) for layer in workloads.WORKLOADS)
BY_NAME = {workload.name: workload for workload in WORKLOADS}
