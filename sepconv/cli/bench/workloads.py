"""Thirteen layers of published networks, which `sepconv bench` and the repository's bench time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """A separable convolution with bias and relu on one float32 input.

    >>> str(Workload("page", B=4, T=10, C=12, F=4, K=4, stride=2, padding="valid"))
    '4,10,12 → 4, k4, stride 2, valid'
    """

    name: str
    B: int  # samples
    T: int  # steps
    C: int  # channels
    F: int  # filters
    K: int  # taps
    stride: int = 1
    dilation: int = 1
    M: int = 1  # depth multiplier
    padding: str = "same"

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
