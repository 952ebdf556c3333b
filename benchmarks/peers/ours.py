"""sepconv in both data formats."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from benchmarks.peers.form import Form
from benchmarks.workloads import Float32s, Workload


class Sepconv:
    """The public call of a built layer."""

    requires: ClassVar[tuple[str, ...]] = ("sepconv", "sepconv._core")
    data_format = "channels_last"

    def __init__(self, threads: int) -> None:
        import_module("sepconv").set_num_threads(threads)

    def layer(self, workload: Workload) -> Any:
        """Return the workload's layer, with its weights set."""
        layer = import_module("sepconv.cli.bench.layers").layer_of(workload, self.data_format)
        x_btc, *weights = workload.operands
        layer.build(self.in_format(x_btc).shape)
        layer.set_weights(weights)
        return layer

    def in_format(self, x_btc: Float32s) -> Float32s:
        last = self.data_format == "channels_last"
        return x_btc if last else np.ascontiguousarray(x_btc.transpose(0, 2, 1))

    def forms(self, workload: Workload) -> Iterator[Form]:
        layer = self.layer(workload)
        x = self.in_format(workload.operands.x_btc)
        yield Form(self.data_format, lambda: layer(x), self.in_format)


class SepconvChannelsFirst(Sepconv):
    """The same layer on (N, C, T)."""

    data_format = "channels_first"
