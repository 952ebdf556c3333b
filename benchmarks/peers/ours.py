"""sepconv in both data formats, and on the kernels of lesser machines."""

from __future__ import annotations

import os
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


class SepconvLowered(Sepconv):
    """The same layer on the kernels of a lower instruction set: what machines without more get.

    Constructed before this process has loaded the core, which then reads SEPCONV_ISA.
    """

    isa: ClassVar[str]

    def __init__(self, threads: int) -> None:
        default = os.environ.get("SEPCONV_ISA")
        os.environ["SEPCONV_ISA"] = self.isa
        available = import_module("sepconv").kernel_info()["available"]
        default = default or available[-1]
        if available.index(self.isa) >= available.index(default):
            raise ValueError(f"no lower than {default}, which the other rows of sepconv run")
        super().__init__(threads)


class SepconvAvx512(SepconvLowered):
    isa = "avx512"


class SepconvAvx2(SepconvLowered):
    isa = "avx2"
