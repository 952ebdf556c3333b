"""What is timed, of whatever kind, and what every kind must tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import reference

Float32s = NDArray[np.float32]

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Task:
    """What is timed, of whatever kind."""

    name: str

    largest_error: ClassVar[float] = reference.LIMIT

    @property
    def flops(self) -> int:
        """Two per multiply-add."""
        raise NotImplementedError

    @property
    def bytes_moved(self) -> int:
        """The least that must move, each array once."""
        raise NotImplementedError

    def relative_error(self, y: NDArray[np.floating]) -> float:
        """Of what a peer computed."""
        raise NotImplementedError

    def roofline_seconds(self, flops_per_second: float, bytes_per_second: float) -> float:
        """The roofline of the two rates (Williams et al., CACM 52(4), 2009).

        Nothing is faster while it computes at the first and its arrays come from memory; what
        lives in a cache, or computes on other units than the rate was measured on, can be.
        """
        return max(self.flops / flops_per_second, self.bytes_moved / bytes_per_second)
