"""The layers of published networks, with what each must compute and move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import reference
from benchmarks.workloads.task import FLOAT32_BYTES, Float32s, Task


class Operands(NamedTuple):
    """Seeded float32 input and weights, in Keras's layouts."""

    x_btc: Float32s
    depthwise_kcm: Float32s
    pointwise_1df: Float32s  # D = C * M
    bias_f: Float32s


@dataclass(frozen=True)
class Workload(Task):
    """One layer on one input: depthwise and pointwise convolution, bias, relu; float32.

    >>> Workload("page", B=4, T=10, C=12, F=4, K=4, stride=2, padding="valid").out_steps
    4
    """

    B: int
    T: int
    C: int
    F: int
    K: int
    stride: int = 1
    dilation: int = 1
    M: int = 1
    padding: str = "same"

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

    def __str__(self) -> str:
        extras = [
            f"stride {self.stride}" if self.stride > 1 else "",
            f"dilation {self.dilation}" if self.dilation > 1 else "",
            f"multiplier {self.M}" if self.M > 1 else "",
            "valid" if self.padding == "valid" else "",
        ]
        shape = f"{self.B},{self.T},{self.C} → {self.F}, k{self.K}"
        return ", ".join([shape, *filter(None, extras)])


# Text and image classifiers (Keras's guides, Xception), keyword spotting (MatchboxNet), speech
# recognition (QuartzNet), source separation (Conv-TasNet), electrocardiograms, and the example of
# Keras's own documentation page.
WORKLOADS = (
    Workload("sepcnn_text", B=32, T=500, C=200, F=64, K=3),
    Workload("sepcnn_b128", B=128, T=500, C=64, F=64, K=3),
    Workload("kws_b1", B=1, T=98, C=64, F=64, K=9),
    Workload("matchbox_b1", B=1, T=128, C=128, F=128, K=11),
    Workload("quartz_b1_k33", B=1, T=800, C=256, F=256, K=33),
    Workload("quartz_b3_k51_b8", B=8, T=800, C=512, F=512, K=51),
    Workload("quartz_k75", B=4, T=800, C=512, F=512, K=75),
    Workload("quartz_c2_dil2", B=4, T=800, C=512, F=512, K=87, dilation=2),
    Workload("quartz_c1_stride2", B=8, T=1600, C=64, F=256, K=33, stride=2),
    Workload("convtasnet", B=1, T=3200, C=512, F=128, K=3, dilation=8),
    Workload("ecg_dm4", B=16, T=5000, C=12, F=64, K=16, M=4, padding="valid"),
    Workload("xception1d", B=8, T=300, C=728, F=728, K=3),
    Workload("page", B=4, T=10, C=12, F=4, K=4, stride=2, padding="valid"),
)

BY_NAME = {workload.name: workload for workload in WORKLOADS}
