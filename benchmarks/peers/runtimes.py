"""Inference runtimes with convolutions of their own: ONNX Runtime, OpenVINO, PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from benchmarks.peers.form import CONV1D, PLACEMENTS, Form, Placement, operands_ncw
from benchmarks.workloads import Workload


class OnnxRuntime:
    """An ONNX graph with bound input and output, and all optimisations.

    Its threads spin between calls, as by default: not spinning costs up to 36 % (quartz_b1_k33 in
    398 or 542 µs) and gains only where one thread is faster still (kws_b1).
    """

    requires: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnx")

    def __init__(self, threads: int) -> None:
        self._ort = import_module("onnxruntime")
        self._onnx = import_module("onnx")
        self._options = self._ort.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1

    def forms(self, workload: Workload) -> Iterator[Form]:
        for placement in PLACEMENTS:
            yield self._form(workload, placement)

    def _form(self, workload: Workload, placement: Placement) -> Form:
        session = self._ort.InferenceSession(
            self._model(workload, placement), self._options, providers=["CPUExecutionProvider"]
        )
        binding = session.io_binding()
        x = self._ort.OrtValue.ortvalue_from_numpy(placement.lift(operands_ncw(workload).x))
        binding.bind_ortvalue_input("x", x)
        y_bfs = np.empty((workload.B, workload.F, workload.out_steps), np.float32)
        shape = placement.lift(y_bfs).shape
        y = self._ort.OrtValue.ortvalue_from_shape_and_type(list(shape), np.float32)
        binding.bind_ortvalue_output("y", y)
        return Form(
            placement.label,
            lambda: session.run_with_iobinding(binding),
            lambda _: placement.drop(y.numpy()).transpose(0, 2, 1),
        )

    def _model(self, workload: Workload, placement: Placement) -> bytes:
        helper, float32 = self._onnx.helper, self._onnx.TensorProto.FLOAT
        _, depthwise, pointwise, bias = operands_ncw(workload)
        left, right = workload.pads
        nodes = [
            helper.make_node(
                "Conv",
                ["x", "depthwise"],
                ["h"],
                group=workload.C,
                pads=placement.sizes(left, 0) + placement.sizes(right, 0),
                strides=placement.sizes(workload.stride, 1),
                dilations=placement.sizes(workload.dilation, 1),
            ),
            helper.make_node("Conv", ["h", "pointwise", "bias"], ["z"]),
            helper.make_node("Relu", ["z"], ["y"]),
        ]
        weights = {
            "depthwise": placement.lift(depthwise),
            "pointwise": placement.lift(pointwise),
            "bias": bias,
        }
        rank = 3 if placement is CONV1D else 4
        graph = helper.make_graph(
            nodes,
            workload.name,
            [helper.make_tensor_value_info("x", float32, [None] * rank)],
            [helper.make_tensor_value_info("y", float32, [None] * rank)],
            [self._onnx.numpy_helper.from_array(a, name) for name, a in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8  # opset 17's own; a newer onnx would write one ORT may not read yet
        return bytes(model.SerializeToString())


class OpenVino:
    """One stream, float32 (its default is bfloat16 where the CPU has AMX), shared tensors."""

    requires: ClassVar[tuple[str, ...]] = ("openvino",)

    def __init__(self, threads: int) -> None:
        self._openvino = import_module("openvino")
        self._ops = import_module("openvino.opset13")
        self._core = self._openvino.Core()
        self._config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }

    def forms(self, workload: Workload) -> Iterator[Form]:
        for placement in PLACEMENTS:
            yield self._form(workload, placement)

    def _form(self, workload: Workload, placement: Placement) -> Form:
        ops, operands = self._ops, operands_ncw(workload)
        x = placement.lift(operands.x)
        # (groups, M, 1, taps): OpenVINO keeps the group as an axis of its own.
        depthwise = placement.lift(operands.depthwise.reshape(workload.C, workload.M, 1, -1))
        pointwise = placement.lift(operands.pointwise)
        left, right = workload.pads
        ones, zeros = placement.sizes(1, 1), placement.sizes(0, 0)
        parameter = ops.parameter(list(x.shape), self._openvino.Type.f32)
        h = ops.group_convolution(
            parameter,
            ops.constant(depthwise),
            placement.sizes(workload.stride, 1),
            placement.sizes(left, 0),
            placement.sizes(right, 0),
            placement.sizes(workload.dilation, 1),
        )
        z = ops.convolution(h, ops.constant(pointwise), ones, zeros, zeros, ones)
        bias = operands.bias.reshape(1, -1, *[1] * len(ones))
        model = self._openvino.Model([ops.relu(ops.add(z, ops.constant(bias)))], [parameter], "y")
        request = self._core.compile_model(model, "CPU", self._config).create_infer_request()
        tensor = self._openvino.Tensor(x, shared_memory=True)
        request.set_input_tensor(tensor)

        def call() -> Any:
            request.infer()
            return tensor, x  # the request owns neither: they live as long as the form

        return Form(
            placement.label,
            call,
            lambda _: placement.drop(request.get_output_tensor().data).transpose(0, 2, 1),
        )


class Torch:
    """Eager mode under inference_mode: (N, C, T), and 2-D with channels_last memory.

    torch.compile with frozen weights is left out: after 16 s of compiling it was 7 % faster on
    sepcnn_b128, slower on quartz_b1_k33, and half as fast on kws_b1.
    """

    requires: ClassVar[tuple[str, ...]] = ("torch",)

    def __init__(self, threads: int) -> None:
        self._torch = import_module("torch")
        self._torch.set_num_threads(threads)

    def forms(self, workload: Workload) -> Iterator[Form]:
        for placement in PLACEMENTS:
            yield self._form(workload, placement)

    def _form(self, workload: Workload, placement: Placement) -> Form:
        torch, functional = self._torch, self._torch.nn.functional
        convolution = functional.conv1d if placement is CONV1D else functional.conv2d
        layout = torch.contiguous_format if placement is CONV1D else torch.channels_last
        operands = operands_ncw(workload)
        x, depthwise, pointwise = (
            torch.from_numpy(placement.lift(a)).contiguous(memory_format=layout)
            for a in operands[:3]
        )
        bias = torch.from_numpy(operands.bias)
        left, right = workload.pads
        strides = placement.sizes(workload.stride, 1)
        dilation = placement.sizes(workload.dilation, 1)
        # Torch pads both sides alike; where Keras does not, a copy has to be padded first.
        padding = placement.sizes(left if left == right else 0, 0)
        extra = [0, 0, left, right] if placement.extra_axis == -1 else [left, right]

        @torch.inference_mode()  # type: ignore[untyped-decorator]
        def call() -> Any:
            padded = x if left == right else functional.pad(x, extra)
            h = convolution(padded, depthwise, None, strides, padding, dilation, workload.C)
            return functional.relu_(convolution(h, pointwise, bias))

        return Form(placement.label, call, lambda y: placement.drop(y.numpy()).transpose(0, 2, 1))
