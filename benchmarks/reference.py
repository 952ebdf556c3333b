"""What is right: sampled outputs in float64, from the layer's definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.workloads import Workload

SAMPLES = 64

# Float32 sums of up to 45,000 terms come out near 1e-7 to 1e-6; a peer that computes in bfloat16
# behind one's back, as OpenVINO does by default on CPUs with AMX, near 3e-3.
LIMIT = 1e-5


def sampled_positions(workload: Workload) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Batch and output-step indices to compare, the first and last step always among them."""
    random = np.random.default_rng(1)
    b = random.integers(workload.B, size=SAMPLES)
    s = random.integers(workload.out_steps, size=SAMPLES)
    s[0], s[1] = 0, workload.out_steps - 1
    return b, s


def expected_rows(workload: Workload) -> NDArray[np.float64]:
    """All filters at the sampled positions: (SAMPLES, F), float64."""
    x_btc, depthwise_kcm, pointwise_1df, bias_f = (
        operand.astype(np.float64) for operand in workload.operands
    )
    left, _ = workload.pads
    rows = np.zeros((SAMPLES, workload.F))
    for row, b, s in zip(rows, *sampled_positions(workload), strict=True):
        h_cm = np.zeros((workload.C, workload.M))
        for k in range(workload.K):
            t = s * workload.stride + k * workload.dilation - left
            if 0 <= t < workload.T:
                h_cm += x_btc[b, t, :, None] * depthwise_kcm[k]
        row[:] = np.maximum(h_cm.reshape(-1) @ pointwise_1df[0] + bias_f, 0.0)
    return rows


def relative_error(workload: Workload, y_bsf: NDArray[np.floating]) -> float:
    """Root mean square of the error over that of the reference, on the sampled rows."""
    expected = expected_rows(workload)
    shape = (workload.B, workload.out_steps, workload.F)
    if y_bsf.shape != shape:
        raise ValueError(f"{workload.name}: expected an output of shape {shape}, got {y_bsf.shape}")
    error = y_bsf[sampled_positions(workload)] - expected
    return float(np.sqrt(np.mean(error**2) / np.mean(expected**2)))
