"""Sums over all axes but one, in an order that depends on the shape alone.

A channel is what an index of that axis selects: arrays are seen as (O, C, I), the axes before it,
itself, and those behind it. What NumPy computes is worked on in blocks, so that what one step of
the arithmetic leaves is still in the cache for the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Values at a time: 128 KiB of float32 stay in the second-level cache.
BLOCK = 1 << 15


def by_channel(x: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return a view of a C-contiguous array as (O, C, I).

    >>> by_channel(np.zeros((2, 3, 4)), axis=1).shape
    (2, 3, 4)
    >>> by_channel(np.zeros((2, 3, 4)), axis=-1).shape
    (6, 4, 1)
    """
    axis %= x.ndim
    before, behind = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return x.reshape(before, x.shape[axis], behind)


def blocks(x: NDArray[Any]) -> Iterator[slice]:
    """Yield the rows of `x` that are worked on together."""
    rows = max(BLOCK // max(math.prod(x.shape[1:]), 1), 1)
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


def moments(x_oci: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and biased variance of each channel.

    The variance is that of the deviations from a first mean, which their own mean corrects, so a
    large mean costs no digits. (T. Chan, G. Golub, R. LeVeque, Am. Stat. 37, 1983, eq. 1.7.)
    """
    from sepconv.core import channel_sums

    count = x_oci.shape[0] * x_oci.shape[2]
    nothing = np.zeros(x_oci.shape[1], x_oci.dtype)
    first = (channel_sums(x_oci, nothing)[0] / count).astype(x_oci.dtype)  # as it is subtracted
    total, squares = channel_sums(x_oci, first)
    correction = total / count
    return first.astype(np.float64) + correction, squares / count - correction**2
