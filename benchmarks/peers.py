"""Who is timed: each peer builds the same layer from the same weights, in every form it may like.

A peer is a class constructed with the number of threads; `forms` yields its ways to run a workload.
The worker checks them all and times the fastest, so that each peer runs at its own best. Modules
are imported by name, inside the peer's own process: no peer is needed by another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from benchmarks.workloads import Float32s, Workload


class Form(NamedTuple):
    """One way to run a workload."""

    label: str
    call: Callable[[], Any]  # what is timed
    y_bsf: Callable[[Any], Float32s]  # makes an array of what `call` returned


class Peer(Protocol):
    """Constructed in its own process, after the process was confined to `threads` CPUs."""

    requires: ClassVar[tuple[str, ...]]

    def __init__(self, threads: int) -> None: ...

    def forms(self, workload: Workload) -> Iterator[Form]: ...


class Placement(NamedTuple):
    """Where a framework's convolution over (N, C, [H,] W) holds time.

    Frameworks tune their 2-D convolutions most: ONNX Runtime's blocked layout and oneDNN's
    depthwise kernels are for them alone. So each framework is also tried with an axis of length 1.
    """

    label: str
    extra_axis: int | None

    def lift(self, array: Float32s) -> Float32s:
        """Insert the axis of length 1 into an array whose last axis is time or taps."""
        return array if self.extra_axis is None else np.expand_dims(array, self.extra_axis)

    def drop(self, array: Float32s) -> Float32s:
        return array if self.extra_axis is None else np.squeeze(array, self.extra_axis)

    def sizes(self, along_time: int, across: int) -> list[int]:
        """A per-axis setting, such as the strides."""
        if self.extra_axis is None:
            return [along_time]
        return [across, along_time] if self.extra_axis == -2 else [along_time, across]


CONV1D = Placement("conv1d", None)
PLACEMENTS = (CONV1D, Placement("conv2d 1×T", -2), Placement("conv2d T×1", -1))
REWRITTEN = frozenset(p.label for p in PLACEMENTS if p is not CONV1D)


class OperandsNcw(NamedTuple):
    """A workload's operands as the (N, C, W) frameworks want them."""

    x: Float32s  # B C T
    depthwise: Float32s  # C*M 1 K
    pointwise: Float32s  # F C*M 1
    bias: Float32s  # F


def operands_ncw(workload: Workload) -> OperandsNcw:
    x_btc, depthwise_kcm, pointwise_1df, bias_f = workload.operands
    return OperandsNcw(
        np.ascontiguousarray(x_btc.transpose(0, 2, 1)),
        np.ascontiguousarray(depthwise_kcm.reshape(workload.K, 1, -1).transpose(2, 1, 0)),
        np.ascontiguousarray(pointwise_1df.transpose(2, 1, 0)),
        bias_f,
    )


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


class Jax:
    """Jitted lax: taps as shifted multiply-adds, which XLA fuses, then a matrix product.

    XLA's own grouped convolution is 10 to 100 times slower on CPUs: see the peer `keras_jax`.
    """

    requires: ClassVar[tuple[str, ...]] = ("jax",)

    def __init__(self, threads: int) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._jax = import_module("jax")

    def forms(self, workload: Workload) -> Iterator[Form]:
        jax, jnp = self._jax, self._jax.numpy
        x, depthwise_kcm, pointwise_1df, bias_f = map(jnp.asarray, workload.operands)
        reach = (workload.out_steps - 1) * workload.stride + 1

        @jax.jit  # type: ignore[untyped-decorator]
        def layer(x_btc: Any) -> Any:
            x_btc = jnp.pad(x_btc, ((0, 0), workload.pads, (0, 0)))
            h_bscm: Any = 0.0
            for k in range(workload.K):
                begin = k * workload.dilation
                x_bsc = x_btc[:, begin : begin + reach : workload.stride]
                h_bscm = h_bscm + x_bsc[..., None] * depthwise_kcm[k]
            h_bsd = h_bscm.reshape(workload.B, workload.out_steps, -1)
            return jax.nn.relu(h_bsd @ pointwise_1df[0] + bias_f)

        yield Form("shifted sums", lambda: layer(x).block_until_ready(), np.asarray)


class _Keras:
    """Keras's own SeparableConv1D, compiled by its backend."""

    backend: str

    def __init__(self, threads: int) -> None:
        os.environ["KERAS_BACKEND"] = self.backend
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._configure(threads)
        self._keras = import_module("keras")

    def _configure(self, threads: int) -> None:
        """Set the backend's threads, where the confinement to CPUs does not."""

    def _layer(self, workload: Workload) -> Any:
        layer = self._keras.layers.SeparableConv1D(
            workload.F,
            workload.K,
            strides=workload.stride,
            padding=workload.padding,
            data_format="channels_last",
            dilation_rate=workload.dilation,
            depth_multiplier=workload.M,
            activation="relu",
        )
        x_btc, *weights = workload.operands
        layer.build(x_btc.shape)
        layer.set_weights(weights)
        return layer


class KerasJax(_Keras):
    """Keras on JAX, the stateless call jitted."""

    requires: ClassVar[tuple[str, ...]] = ("keras", "jax")
    backend = "jax"

    def forms(self, workload: Workload) -> Iterator[Form]:
        jax = import_module("jax")
        layer = self._layer(workload)
        weights = [v.value for v in layer.trainable_variables]
        compiled = jax.jit(lambda x: layer.stateless_call(weights, [], x)[0])
        x = jax.numpy.asarray(workload.operands.x_btc)
        yield Form("jit", lambda: compiled(x).block_until_ready(), np.asarray)


class KerasTensorflow(_Keras):
    """Keras on TensorFlow, as a graph and through XLA."""

    requires: ClassVar[tuple[str, ...]] = ("keras", "tensorflow")
    backend = "tensorflow"

    def _configure(self, threads: int) -> None:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        threading = import_module("tensorflow").config.threading
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)

    def forms(self, workload: Workload) -> Iterator[Form]:
        tensorflow = import_module("tensorflow")
        layer = self._layer(workload)
        x = tensorflow.constant(workload.operands.x_btc)
        for label, xla in (("graph", False), ("xla", True)):
            compiled = tensorflow.function(layer, jit_compile=xla)
            yield Form(label, partial(compiled, x), lambda y: y.numpy())


PEERS: dict[str, type[Peer]] = {
    "sepconv": Sepconv,
    "sepconv_channels_first": SepconvChannelsFirst,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "torch": Torch,
    "jax": Jax,
    "keras_jax": KerasJax,
    "keras_tensorflow": KerasTensorflow,
}
OURS = ("sepconv", "sepconv_channels_first")


def unavailable(name: str) -> str | None:
    """Why a peer cannot run, or None.

    >>> unavailable("sepconv_channels_first") is None or "not installed"
    True
    """
    missing = [module for module in PEERS[name].requires if not _found(module)]
    return f"{', '.join(missing)} not installed" if missing else None


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False
