"""What is right: sampled outputs in float64, from the layer's definition."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SAMPLES = 64

# Float32 sums of up to 45,000 terms come out near 1e-7 to 1e-6; a peer that computes in bfloat16
# behind one's back, as OpenVINO does by default on CPUs with AMX, near 3e-3.
LIMIT = 1e-5

Positions = tuple[NDArray[np.intp], NDArray[np.intp]]  # indices of batch and output steps


def sampled_positions(batch: int, steps: int) -> Positions:
    """What to compare of (batch, steps), the first and last step always among them."""
    random = np.random.default_rng(1)
    b = random.integers(batch, size=SAMPLES)
    s = random.integers(steps, size=SAMPLES)
    s[0], s[1] = 0, steps - 1
    return b, s


def expected_rows(
    operands: Iterable[NDArray[np.float32]],
    positions: Positions,
    *,
    stride: int,
    dilation: int,
    left: int,
) -> NDArray[np.float64]:
    """All filters at the sampled positions: (SAMPLES, F), float64; `left` zeros stand before x."""
    x_btc, depthwise_kcm, pointwise_1df, bias_f = (
        operand.astype(np.float64) for operand in operands
    )
    rows = np.zeros((SAMPLES, len(bias_f)))
    for row, b, s in zip(rows, *positions, strict=True):
        h_cm = np.zeros(depthwise_kcm.shape[1:])
        for k, taps_cm in enumerate(depthwise_kcm):
            t = s * stride + k * dilation - left
            if 0 <= t < x_btc.shape[1]:
                h_cm += x_btc[b, t, :, None] * taps_cm
        row[:] = np.maximum(h_cm.reshape(-1) @ pointwise_1df[0] + bias_f, 0.0)
    return rows


def relative_error(y: NDArray[np.floating], expected: NDArray[np.float64]) -> float:
    """Root mean square of the error over that of what is expected."""
    return float(np.sqrt(np.mean((y - expected) ** 2) / np.mean(expected**2)))
