"""Sums over all axes but one, in an order that depends on the shape alone.

A channel is what an index of that axis selects: arrays are seen as (O, C, I), the axes before it,
itself, and those behind it. They are worked on in blocks, so that what one step of the arithmetic
leaves is still in the cache for the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Values at a time: 128 KiB of float32 stay in the second-level cache. Sums are taken in the
# values' dtype within a block and in float64 from block to block.
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


def channel_sum(x_oci: NDArray[Any], term: Callable[[slice], NDArray[Any]]) -> NDArray[np.float64]:
    """Return the sums over O and I of what `term` makes of the rows of each block, in float64."""
    total = np.zeros(x_oci.shape[1])
    for rows in blocks(x_oci):
        total += np.add.reduce(term(rows), axis=(0, 2))
    return total


def moments(
    x_oci: NDArray[Any], dtype: np.dtype[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and biased variance of each channel, computed in `dtype` and float64.

    The variance is that of the deviations from a first mean, which their own mean corrects, so a
    large mean costs no digits. (T. Chan, G. Golub, R. LeVeque, Am. Stat. 37, 1983, eq. 1.7.)
    """
    count = x_oci.shape[0] * x_oci.shape[2]
    first = channel_sum(x_oci, lambda rows: x_oci[rows].astype(dtype, copy=False)) / count
    first = first.astype(dtype).astype(np.float64)  # as it is subtracted
    total, squares = np.zeros((2, x_oci.shape[1]))
    for rows in blocks(x_oci):
        deviations = centred(x_oci[rows], first, dtype)
        total += np.add.reduce(deviations, axis=(0, 2))
        deviations *= deviations
        squares += np.add.reduce(deviations, axis=(0, 2))
    correction = total / count
    return first + correction, squares / count - correction**2


def centred(x_oci: NDArray[Any], mean_c: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return x - mean in `dtype`."""
    return np.asarray(np.subtract(x_oci, _column(mean_c, dtype), dtype=dtype))


def affine(
    x_oci: NDArray[Any],
    shift_c: NDArray[Any],
    scale_c: NDArray[Any],
    offset_c: NDArray[Any],
    dtype: np.dtype[Any],
    out_oci: NDArray[Any],
) -> None:
    """Put (x - shift) * scale + offset, computed in `dtype`, into `out`."""
    scale, offset = _column(scale_c, dtype), _column(offset_c, dtype)
    for rows in blocks(x_oci):
        y = centred(x_oci[rows], shift_c, dtype)
        y *= scale
        y += offset
        out_oci[rows] = y


def _column(values_c: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.asarray(values_c).astype(dtype)[:, None]
