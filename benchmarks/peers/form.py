"""What every peer has in common: forms of a workload, and the layouts of (N, C, W) frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import Float32s, Workload


class Form(NamedTuple):
    """One way to run a workload."""

    label: str
    call: Callable[[], Any]  # what is timed
    result: Callable[[Any], NDArray[np.floating]]  # the array to check


class Peer(Protocol):
    """Constructed in its own process, after the process was confined to `threads` CPUs."""

    requires: ClassVar[tuple[str, ...]]

    def __init__(self, threads: int) -> None: ...

    def forms(self, workload: Any) -> Iterator[Form]: ...  # a Workload, or a kind of it


class Placement(NamedTuple):
    """Where a framework's convolution over (N, C, [H,] W) holds time.

    Frameworks tune their 2-D convolutions most: ONNX Runtime's blocked layout and oneDNN's
    depthwise kernels are for them alone. So each framework is also tried with an axis of length 1.
    """

    label: str
    extra_axis: int | None

    def lift(self, array: Float32s) -> Float32s:
        """Insert the axis of length 1 into an array whose last axis is time or taps."""
        return array if self.extra_axis is None else np.expand_dims(array, self.extra_axis)

    def drop(self, array: Float32s) -> Float32s:
        return array if self.extra_axis is None else np.squeeze(array, self.extra_axis)

    def sizes(self, along_time: int, across: int) -> list[int]:
        """A per-axis setting, such as the strides."""
        if self.extra_axis is None:
            return [along_time]
        return [across, along_time] if self.extra_axis == -2 else [along_time, across]


CONV1D = Placement("conv1d", None)
PLACEMENTS = (CONV1D, Placement("conv2d 1×T", -2), Placement("conv2d T×1", -1))
REWRITTEN = frozenset(p.label for p in PLACEMENTS if p is not CONV1D)


class OperandsNcw(NamedTuple):
    """A workload's operands as the (N, C, W) frameworks want them."""

    x: Float32s  # B C T
    depthwise: Float32s  # C*M 1 K
    pointwise: Float32s  # F C*M 1
    bias: Float32s  # F


def operands_ncw(workload: Workload) -> OperandsNcw:
    x_btc, depthwise_kcm, pointwise_1df, bias_f = workload.operands
    return OperandsNcw(
        np.ascontiguousarray(x_btc.transpose(0, 2, 1)),
        np.ascontiguousarray(depthwise_kcm.reshape(workload.K, 1, -1).transpose(2, 1, 0)),
        np.ascontiguousarray(pointwise_1df.transpose(2, 1, 0)),
        bias_f,
    )
