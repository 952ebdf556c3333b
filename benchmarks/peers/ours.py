"""sepconv in both data formats."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import ClassVar

import numpy as np

from benchmarks.peers.form import Form
from benchmarks.workloads import Workload


class Sepconv:
    """The public call of a built layer."""

    requires: ClassVar[tuple[str, ...]] = ("sepconv", "sepconv._core")
    data_format = "channels_last"

    def __init__(self, threads: int) -> None:
        self._sepconv = import_module("sepconv")
        self._sepconv.set_num_threads(threads)

    def forms(self, workload: Workload) -> Iterator[Form]:
        layer = self._sepconv.SeparableConv1D(
            workload.F,
            workload.K,
            strides=workload.stride,
            padding=workload.padding,
            data_format=self.data_format,
            dilation_rate=workload.dilation,
            depth_multiplier=workload.M,
            activation="relu",
        )
        x_btc, *weights = workload.operands
        last = self.data_format == "channels_last"
        x = x_btc if last else np.ascontiguousarray(x_btc.transpose(0, 2, 1))
        layer.build(x.shape)
        layer.set_weights(weights)
        yield Form(
            self.data_format, lambda: layer(x), lambda y: y if last else y.transpose(0, 2, 1)
        )


class SepconvChannelsFirst(Sepconv):
    """The same layer on (N, C, T)."""

    data_format = "channels_first"
