"""Who runs whole networks: sepconv, and ONNX Runtime on what sepconv exports."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from benchmarks.peers.form import CONV1D, PLACEMENTS, Form, Peer, Placement
from benchmarks.peers.lifting import lifted
from benchmarks.peers.runtimes import OnnxRuntime
from benchmarks.workloads.networks import NetworkCall


class SepconvNetwork:
    """The public call of a network."""

    requires: ClassVar[tuple[str, ...]] = ("sepconv", "sepconv._core")

    def __init__(self, threads: int) -> None:
        import_module("sepconv").set_num_threads(threads)

    def forms(self, task: NetworkCall) -> Iterator[Form]:
        network, x = task.built(), task.x
        yield Form("channels_last", lambda: network(x), np.asarray)


class OnnxRuntimeNetwork(OnnxRuntime):
    """The exported network with channels first, input and output bound."""

    def forms(self, task: NetworkCall) -> Iterator[Form]:  # type: ignore[override]
        exported = import_module("sepconv.onnx").to_onnx(task.built("channels_first"))
        for placement in PLACEMENTS:
            yield self._of_network(task, exported, placement)

    def _of_network(self, task: NetworkCall, exported: Any, placement: Placement) -> Form:
        model = exported if placement is CONV1D else lifted(exported, placement)
        session = self._ort.InferenceSession(
            model.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
        )
        binding = session.io_binding()
        x = task.x.transpose(0, 2, 1) if task.x.ndim == 3 else task.x
        value = self._ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(x))
        binding.bind_ortvalue_input("x", value)
        steps_last = task.expected.ndim == 3
        shape = task.expected.transpose(0, 2, 1).shape if steps_last else task.expected.shape
        y = self._ort.OrtValue.ortvalue_from_shape_and_type(list(shape), np.float32)
        binding.bind_ortvalue_output(session.get_outputs()[0].name, y)
        return Form(
            placement.label,
            lambda: session.run_with_iobinding(binding),
            lambda _: y.numpy().transpose(0, 2, 1) if steps_last else y.numpy(),
        )


NETWORK_PEERS: dict[str, type[Peer]] = {
    "sepconv": SepconvNetwork,
    "onnxruntime": OnnxRuntimeNetwork,
}
