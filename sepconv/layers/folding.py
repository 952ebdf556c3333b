"""What a layer tells a network that folds it and its neighbours into one in inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from sepconv.activations import Activation


@dataclass(frozen=True)
class Kernels:
    """The layer computes in the core with kernels, into which what follows can be folded.

    Arguments:
        channel_axes: how many of the last axes of the last kernel are the output channels.
    """

    channel_axes: int


@dataclass(frozen=True)
class Affine:
    """The layer scales and moves each channel: its outputs are x * scale + shift.

    Arguments:
        axis: that of the channels.
        factors: returns scale and shift of each channel, in float64, by the present weights.
    """

    axis: int
    factors: Callable[[], tuple[NDArray[Any], NDArray[Any]]]


@dataclass(frozen=True)
class Elementwise:
    """The layer is a function of each value by itself, and nothing else."""

    function: Activation


Folding = Kernels | Affine | Elementwise
