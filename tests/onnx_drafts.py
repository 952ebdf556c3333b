"""ONNX graphs by hand, as other exporters write them: what test_onnx_import.py reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
FAR = 2**63 - 1


class Draft:
    """A graph while it is written down: `add` appends a node, arrays become initializers."""

    def __init__(self, opset: int = 18) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.rng = np.random.default_rng(0)

    def input(self, *shape: Any, name: str = "x", dtype: int = FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, ["n", *shape]))
        return name

    def add(self, kind: str, *inputs: Any, name: str = "", outputs: int = 1, **told: Any) -> Any:
        number = len(self.nodes)
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        made = [f"t{number}"] if outputs == 1 else [f"t{number}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, name, **told))
        return made[0] if outputs == 1 else made

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, f"c{len(self.constants)}"))
        return str(self.constants[-1].name)

    def weight(self, *shape: int) -> Array:
        return self.rng.normal(size=shape).astype(np.float32)

    def model(self, *outputs: str, ranks: tuple[int, ...] = (), dtype: int = FLOAT) -> Any:
        told = [
            helper.make_tensor_value_info(name, dtype, None if not ranks else [None] * rank)
            for name, rank in zip(outputs, ranks or [0] * len(outputs), strict=True)
        ]
        graph = helper.make_graph(self.nodes, "net", self.inputs, told, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@dataclass(frozen=True)
class Foreign:
    """A graph of another exporter.

    Arguments:
        write: draws it, and returns its outputs.
        layers: the classes that it is read as.
        roundings: how far an output may lie from the exact one, in units of u * max|y|: the
            longest sum, and 8 for the cancellation in it, for each layer one after the other.
        shape: of the input for the comparison.
    """

    write: Callable[[Draft], Any]
    layers: list[str]
    roundings: float
    shape: tuple[int, ...] = (2, 6, 13)
    opset: int = 18
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"{self.write.__name__}-{self.opset}"

    def model(self) -> onnx.ModelProto:
        draft = Draft(self.opset)
        made = self.write(draft)
        outputs = [made] if isinstance(made, str) else list(made)
        return draft.model(*outputs)

    def input(self) -> Array:
        rng = np.random.default_rng(1)
        if self.dtype == "int64":
            return rng.integers(0, 7, self.shape)
        return rng.normal(size=self.shape).astype(self.dtype)


# --- PyTorch's exporters -------------------------------------------------------------------------


def separable_block(g: Draft) -> str:
    x = g.input(6, None)
    h = g.add("Conv", x, g.weight(6, 1, 5), group=6, pads=[2, 2], name="/dw/Conv")
    h = g.add("Conv", h, g.weight(8, 6, 1), g.weight(8), name="/pw/Conv", kernel_shape=[1])
    h = g.add("Relu", h, name="/act/Relu")
    h = g.add("ReduceMean", h, np.array([-1]), keepdims=0, name="/ReduceMean")
    h = g.add("Gemm", h, g.weight(3, 8), g.weight(3), transB=1, name="/fc/Gemm")
    return g.add("Softmax", h, axis=-1, name="/Softmax")


def depthwise_bias_is_carried(g: Draft) -> str:
    x = g.input(6, None)
    h = g.add("Conv", x, g.weight(12, 1, 3), g.weight(12), group=6, pads=[1, 1])
    return g.add("Conv", h, g.weight(4, 12, 1))


def even_padding_with_strides(g: Draft) -> str:
    x = g.input(6, None)
    h = g.add("Conv", x, g.weight(6, 1, 4), group=6, pads=[1, 1], strides=[2])
    return g.add("Conv", h, g.weight(8, 6, 1), g.weight(8))


def same_for_a_known_length(g: Draft) -> str:
    return g.add("Conv", g.input(6, 13), g.weight(4, 6, 3), pads=[1, 1], strides=[2])


def causal_by_a_pad(g: Draft) -> str:
    h = g.add("Pad", g.input(6, None), np.array([0, 0, 4, 0, 0, 0]), np.float32(0))
    return g.add("Conv", h, g.weight(4, 6, 3), dilations=[2])


def causal_by_a_slice(g: Draft) -> str:
    h = g.add("Conv", g.input(6, None), g.weight(4, 6, 3), pads=[2, 2])
    return g.add("Slice", h, *map(np.array, ([0], [-2], [2], [1])))


def transposed_dense(g: Draft) -> str:
    h = g.add("Transpose", g.input(6, None), perm=[0, 2, 1])
    h = g.add("LayerNormalization", h, g.weight(6), g.weight(6), axis=-1, epsilon=1e-5)
    h = g.add("MatMul", h, g.weight(6, 5), name="/u/MatMul")
    h = g.add("Add", g.weight(5), h, name="/u/Add")
    return g.add("Transpose", h, perm=[0, 2, 1])


def residual(g: Draft) -> str:
    x = g.input(6, None)
    h = g.add("Conv", x, g.weight(6, 6, 3), g.weight(6), pads=[1, 1], name="/b/conv/Conv")
    statistics = (g.weight(6), g.weight(6), g.weight(6), np.abs(g.weight(6)) + 0.5)
    h = g.add("BatchNormalization", h, *statistics, epsilon=1e-3, name="/b/bn/BatchNormalization")
    return g.add("Relu", g.add("Add", h, x, name="/Add"), name="/Relu")


def squeeze_and_excitation(g: Draft) -> str:
    x = g.input(6, None)
    h = g.add("Squeeze", g.add("GlobalAveragePool", x), np.array([-1]))
    h = g.add("Sigmoid", g.add("Gemm", h, g.weight(6, 6)))
    return g.add("Mul", x, g.add("Unsqueeze", h, np.array([-1])))


def embedded_text(g: Draft) -> str:
    h = g.add("Gather", g.weight(7, 4), g.input(None, dtype=INT64))
    h = g.add("Transpose", h, perm=[0, 2, 1])
    h = g.add("Elu", g.add("Conv", h, g.weight(5, 4, 3), pads=[1, 1], name="/c"), name="/e/Elu")
    h = g.add("MaxPool", h, kernel_shape=[2], strides=[2])
    return g.add("ReduceMax", h, np.array([2]), keepdims=0)


def padded_maximum_of_positives(g: Draft) -> str:
    h = g.add("Relu", g.input(6, None))
    return g.add("MaxPool", h, kernel_shape=[3], strides=[2], pads=[1, 1])


def padded_mean(g: Draft) -> str:
    told = {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}
    return g.add("AveragePool", g.input(6, None), **told, count_include_pad=1)


def flattened_by_its_shape(g: Draft) -> str:
    x = g.input(6, 13)
    size = g.add("Gather", g.add("Shape", x), np.array(0), axis=0)
    size = g.add("Unsqueeze", size, np.array([0]))
    return g.add("Reshape", x, g.add("Concat", size, np.array([-1]), axis=0))


def channels_of_slopes(g: Draft) -> str:
    return g.add("PRelu", g.input(6, None), np.abs(g.weight(6, 1)))


def weight_norm(g: Draft) -> str:
    kernel = g.constant(g.weight(4, 6, 1))
    norm = g.add("ReduceL2", kernel, np.array([1, 2]), keepdims=1)
    kernel = g.add("Mul", g.weight(4, 1, 1), g.add("Div", kernel, norm))
    return g.add("Conv", g.input(6, None), kernel)


def sums_with_constants(g: Draft) -> str:
    x = g.input(6, None)
    gate = g.add("HardSigmoid", x, name="/m/HardSigmoid")
    mean = g.add("Mean", g.add("Mean", x, gate, name="/m/Mean"), x, name="/m/Mean_1")
    total = g.add("Add", g.add("Add", mean, g.weight(6, 1), name="/m/Add"), x, name="/m/Add_1")
    return g.add("Sub", 1.0, g.add("Div", total, np.float32(3), name="/d/Div"), name="/s/Sub")


def half_of_the_padding_by_a_slice(g: Draft) -> str:
    h = g.add("Conv", g.input(6, 13), g.weight(4, 6, 3), pads=[2, 2])
    h = g.add("Slice", h, *map(np.array, ([0], [-1], [2])))
    return g.add("AveragePool", h, kernel_shape=[3], strides=[3], pads=[0, 0])


def gated_halves(g: Draft) -> str:
    one, other = g.add("Split", g.input(6, None), np.array([2, 4]), outputs=2, axis=1)
    other = g.add("Slice", other, *map(np.array, ([1], [3], [1])))
    return g.add("Mul", g.add("Tanh", one), g.add("Sigmoid", other))


def shared_sigmoid(g: Draft) -> list[str]:
    x = g.input(6, None)
    gate = g.add("Sigmoid", x)
    return [g.add("Mul", x, gate), g.add("Log", gate)]


def repeated(g: Draft) -> str:
    scales = np.array([1, 1, 2], np.float32)
    return g.add(
        "Resize", g.input(6, None), "", scales, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip


def repeated_about_centres(g: Draft) -> str:
    return g.add("Resize", g.input(6, None), "", np.array([1, 1, 3], np.float32), mode="nearest")


# --- Keras's, on PyTorch -------------------------------------------------------------------------


def channels_last_with_casts(g: Draft) -> str:
    """Every layer transposes there and back, casts, and adds its bias by itself."""
    h = g.add("Cast", g.input(None, 6), to=FLOAT)
    h = g.add("Transpose", g.add("Cast", h, to=FLOAT), perm=[0, 2, 1])
    h = g.add("Pad", h, np.array([0, 0, 2, 0, 0, 2]), "")
    h = g.add("Conv", h, g.weight(6, 1, 5), group=6)
    h = g.add("Cast", g.add("Transpose", h, perm=[0, 2, 1]), to=FLOAT)
    h = g.add("Conv", g.add("Transpose", h, perm=[0, 2, 1]), g.weight(8, 6, 1))
    h = g.add("Cast", g.add("Transpose", h, perm=[0, 2, 1]), to=FLOAT)
    h = g.add("Cast", g.add("Add", h, g.weight(1, 1, 8)), to=FLOAT)
    h = g.add("Identity", g.add("Relu", h))
    h = g.add("Mul", g.add("Sub", h, g.weight(1, 1, 8)), g.weight(1, 1, 8))
    h = g.add("ReduceMean", g.add("Add", h, g.weight(1, 1, 8)), np.array([1]), keepdims=0)
    h = g.add("Cast", g.add("MatMul", g.add("Cast", h, to=FLOAT), g.weight(8, 3)), to=FLOAT)
    return g.add("Softmax", g.add("Add", h, g.weight(3)), axis=-1)


# --- tf2onnx's -----------------------------------------------------------------------------------


def image_of_one_row(g: Draft) -> str:
    """(batch, time, channels) as an image of height 1."""
    h = g.add("Unsqueeze", g.input(None, 6), np.array([-3]))
    h = g.add("Transpose", h, perm=[0, 3, 1, 2])
    h = g.add("Conv", h, g.weight(6, 1, 1, 3), group=6, auto_pad="SAME_UPPER", strides=[1, 2])
    h = g.add("Conv", h, g.weight(8, 6, 1, 1), g.weight(8))
    h = g.add("Squeeze", g.add("Relu", h), np.array([2]))
    return g.add("Transpose", h, perm=[0, 2, 1])


def one_microphone(g: Draft) -> str:
    h = g.add("Unsqueeze", g.input(None), np.array([1]))
    return g.add("Conv", h, g.weight(4, 1, 8), g.weight(4), strides=[4])


# --- older opsets --------------------------------------------------------------------------------


def attributes_for_inputs(g: Draft) -> str:
    h = g.add("Pad", g.input(6, None), pads=[0, 0, 1, 0, 0, 2], mode="constant", value=0.0)
    h = g.add("Slice", h, starts=[1], ends=[FAR], axes=[2])
    h = g.add("Clip", h, min=0.0, max=6.0)
    h = g.add("Upsample", h, np.array([1, 1, 2], np.float32), mode="nearest")
    h = g.add("Squeeze", g.add("Unsqueeze", h, axes=[1]), axes=[1])
    return g.add("ReduceMean", g.add("Dropout", h), axes=[2], keepdims=0)


def softmax_over_the_rest(g: Draft) -> str:
    return g.add("Softmax", g.input(6, 13))  # axis 1, and all behind it


def layer_normalization_by_hand(g: Draft) -> str:
    h = g.add("Transpose", g.input(6, None), perm=[0, 2, 1])
    centred = g.add("Sub", h, g.add("ReduceMean", h, axes=[-1]))
    variance = g.add("ReduceMean", g.add("Pow", centred, np.float32(2)), axes=[-1])
    root = g.add("Sqrt", g.add("Add", variance, np.float32(1e-5)))
    h = g.add("Mul", g.add("Div", centred, root), g.weight(6))
    return g.add("Add", h, g.weight(6))


FOREIGN = [
    Foreign(
        separable_block,
        ["SeparableConv1D", "ReLU", "GlobalAveragePooling1D", "Dense", "Softmax"],
        (11 + 13 + 8 + 16) * 8,
    ),
    Foreign(depthwise_bias_is_carried, ["SeparableConv1D"], (3 + 12) * 8),
    Foreign(even_padding_with_strides, ["ZeroPadding1D", "SeparableConv1D"], (4 + 6) * 8),
    Foreign(same_for_a_known_length, ["Conv1D"], 18 * 8),
    Foreign(causal_by_a_pad, ["Conv1D"], 18 * 8),
    Foreign(causal_by_a_slice, ["Conv1D"], 18 * 8),
    Foreign(transposed_dense, ["LayerNormalization", "Permute", "Dense", "Permute"], 30 * 8),
    Foreign(residual, ["Conv1D", "BatchNormalization", "Add", "ReLU"], 30 * 8),
    Foreign(
        squeeze_and_excitation,
        ["GlobalAveragePooling1D", "Dense", "Reshape", "Multiply"],
        (13 + 6 + 8) * 8,
    ),
    Foreign(
        embedded_text,
        ["Embedding", "Conv1D", "ELU", "MaxPooling1D", "GlobalMaxPooling1D"],
        (12 + 8) * 8,
        shape=(2, 12),
        dtype="int64",
    ),
    Foreign(padded_maximum_of_positives, ["ReLU", "ZeroPadding1D", "MaxPooling1D"], 0),
    Foreign(padded_mean, ["ZeroPadding1D", "AveragePooling1D"], 3 * 8),
    Foreign(flattened_by_its_shape, ["Reshape"], 0),
    Foreign(channels_of_slopes, ["PReLU"], 1),
    Foreign(weight_norm, ["Conv1D"], (6 + 8) * 8),
    Foreign(
        sums_with_constants,
        ["Rescaling", "ReLU", "Average", "Average", "Rescaling", "Add", "Rescaling", "Rescaling"],
        8 * 8,
    ),
    Foreign(
        half_of_the_padding_by_a_slice, ["ZeroPadding1D", "Conv1D", "AveragePooling1D"], 21 * 8
    ),
    Foreign(
        gated_halves,
        ["Cropping1D", "Cropping1D", "Cropping1D", "Activation", "Activation", "Multiply"],
        24,
    ),
    Foreign(shared_sigmoid, ["Activation", "Activation"], 8 * 8),
    Foreign(repeated, ["Permute", "UpSampling1D", "Permute"], 0),
    Foreign(repeated_about_centres, ["Permute", "UpSampling1D", "Permute"], 0),
    Foreign(
        channels_last_with_casts,
        ["SeparableConv1D", "BatchNormalization", "GlobalAveragePooling1D", "Dense"],
        (11 + 3 + 13 + 8 + 8) * 8,
        shape=(2, 13, 6),
    ),
    Foreign(image_of_one_row, ["SeparableConv1D"], (3 + 6) * 8, shape=(2, 13, 6)),
    Foreign(one_microphone, ["Reshape", "Conv1D"], 8 * 8, shape=(2, 40)),
    Foreign(
        attributes_for_inputs,
        [
            "ZeroPadding1D",
            "Permute",
            "Cropping1D",
            "Activation",
            "UpSampling1D",
            "GlobalAveragePooling1D",
        ],
        30 * 8,
        opset=9,
    ),
    Foreign(softmax_over_the_rest, ["Softmax"], (6 * 13 + 8) * 8, opset=11),
    Foreign(layer_normalization_by_hand, ["LayerNormalization", "Permute"], 30 * 8, opset=13),
]
