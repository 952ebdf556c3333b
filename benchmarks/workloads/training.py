"""Training steps of layers: forward, backward and Adam's update."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads.layers import BY_NAME, Workload
from benchmarks.workloads.task import FLOAT32_BYTES, Float32s

LEARNING_RATE = 1e-3
NAMES = ("sepcnn_text", "sepcnn_b128", "quartz_b1_k33", "quartz_k75", "kws_b1", "xception1d")


@dataclass(frozen=True)
class TrainingStep(Workload):
    """A training step of a workload's layer. What is checked are the first two losses."""

    # The second loss follows an update of LEARNING_RATE times the gradient's sign: where float32
    # noise turns the sign of a gradient near 0, the loss hardly changes.
    largest_error: ClassVar[float] = 1e-4

    @cached_property
    def dy_bsf(self) -> Float32s:
        """Positive, so that no cancellation blurs the loss."""
        shape = (self.B, self.out_steps, self.F)
        return np.random.default_rng(1).random(shape, np.float32)

    def loss(self, y_bsf: NDArray[np.floating]) -> float:
        """The loss whose gradient by y is dy, over the number of outputs."""
        return float(np.mean(y_bsf * self.dy_bsf, dtype=np.float64))

    @property
    def flops(self) -> int:
        """The forward's, and twice these for the gradients by input and weights."""
        return 3 * super().flops

    @property
    def bytes_moved(self) -> int:
        """x, dy and weights in, y and dx out, Adam's two moments in and out, each once."""
        weights = sum(array.size for array in self.operands[1:])
        x, y = self.B * self.T * self.C, self.B * self.out_steps * self.F
        return FLOAT32_BYTES * 2 * (x + y + 3 * weights)

    def relative_error(self, losses: NDArray[np.floating]) -> float:
        """Of the losses before and after the first update."""
        return float(np.max(np.abs(losses / self.expected_losses - 1)))

    @cached_property
    def expected_losses(self) -> NDArray[np.float64]:
        """In float64, from the definitions of the layer and of Adam (Kingma & Ba, 2015)."""
        weights = [array.astype(np.float64) for array in self.operands[1:]]
        before, gradients = self._loss_and_gradients(weights)
        # Bias-corrected, Adam's first moments are g and g².
        after, _ = self._loss_and_gradients(
            [w - LEARNING_RATE * np.sign(g) for w, g in zip(weights, gradients, strict=True)]
        )
        return np.array([before, after])

    def _loss_and_gradients(
        self, weights: list[NDArray[np.float64]]
    ) -> tuple[float, list[NDArray[np.float64]]]:
        depthwise_kcm, pointwise_1df, bias_f = weights
        x_btc = np.pad(self.operands.x_btc.astype(np.float64), ((0, 0), self.pads, (0, 0)))
        reach = (self.out_steps - 1) * self.stride + 1
        windows = [x_btc[:, k * self.dilation :][:, : reach : self.stride] for k in range(self.K)]
        h_bscm = sum(
            window[..., None] * taps for window, taps in zip(windows, depthwise_kcm, strict=True)
        )
        h_bsd = np.reshape(h_bscm, (self.B, self.out_steps, -1))
        z_bsf = h_bsd @ pointwise_1df[0] + bias_f
        dz_bsf = self.dy_bsf * (z_bsf > 0)
        dh_bscm = (dz_bsf @ pointwise_1df[0].T).reshape(*h_bsd.shape[:2], self.C, self.M)
        gradients = [
            np.stack([np.einsum("bsc,bscm->cm", window, dh_bscm) for window in windows]),
            np.tensordot(h_bsd, dz_bsf, ((0, 1), (0, 1)))[None],
            dz_bsf.sum((0, 1)),
        ]
        return self.loss(np.maximum(z_bsf, 0)), gradients


STEPS = {name: TrainingStep(**asdict(BY_NAME[name])) for name in NAMES}
