"""ONNX files read as networks: they give what ONNX Runtime gives for the same file."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from layer_cases import CALLED, Case
from layer_runs import ours
from network_cases import GRAPHS, SEPCONV, inputs_for
from onnx import TensorProto, helper
from onnx_drafts import FLOAT, FOREIGN, Draft, Foreign
from test_onnx_export import ACTIVATIONS, assert_close, executed

import sepconv
from sepconv import activations
from sepconv.cli import main
from sepconv.errors import SepconvError, ValidationError, WeightsError
from sepconv.layers.structure import flat
from sepconv.onnx import from_onnx, to_onnx


def classes(network: Any) -> list[str]:
    named = [type(layer).__name__ for layer in network.layers]
    return [name for name in named if name != "InputLayer"]


def given(inputs: Any) -> Any:
    """Return inputs as a network takes them: an array alone is no list."""
    arrays = flat(inputs)
    return arrays[0] if len(arrays) == 1 else arrays


# --- what sepconv wrote --------------------------------------------------------------------------

# What the file does not tell: what does nothing, and layers that are the formula of others.
READ_AS: dict[str, list[list[str]]] = {
    "Activation": [["Activation"], ["ReLU"], []],
    "Normalization": [["Rescaling"], ["Rescaling", "Rescaling"]],
    "Dropout": [[]],
    "SpatialDropout1D": [[]],
    **{name: [[name], ["Reshape", name], []] for name in ("Add", "Multiply", "Maximum", "Minimum")},
    "Average": [["Average"], ["Reshape", "Average"], ["Rescaling"]],
    "Concatenate": [["Concatenate"], []],
}


@pytest.mark.parametrize("case", CALLED, ids=str)
def test_a_layer_comes_back_from_its_file(case: Case) -> None:
    layer = ours(case)
    model = to_onnx(layer)
    network = from_onnx(model)
    found = network(given(case.inputs()))
    assert_close(found, layer(case.inputs()), case.roundings)
    assert_close(found, executed(model, case.inputs())[0], case.roundings)
    assert classes(network) in READ_AS.get(case.layer, [[case.layer]])


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_an_activation_comes_back_as_that_of_its_layer(activation: Any, data_format: str) -> None:
    layer = sepconv.DepthwiseConv1D(1, activation=activation, data_format=data_format)
    x = np.random.default_rng(0).normal(scale=3, size=(2, 8, 6)).astype(np.float32)
    expected = layer(x)
    network: Any = from_onnx(to_onnx(layer))
    assert classes(network) == ["DepthwiseConv1D"]
    assert_close(network(x), expected, 16)
    if activation not in ("celu", activations.Relu(threshold=-0.5)):  # of 1: ELU
        assert network.layers[0].activation == layer.activation


LAYERS = ["Conv1D", "SeparableConv1D", "DepthwiseConv1D", "MaxPooling1D", "AveragePooling1D"]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("strides", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_padding_comes_back_for_open_lengths(
    layer: str, strides: int, size: int, data_format: str, padding: str
) -> None:
    first = [3] if layer in ("Conv1D", "SeparableConv1D") else []
    made = getattr(sepconv, layer)(
        *first, size, strides=strides, padding=padding, data_format=data_format
    )
    open_shape = (None, 2) if data_format == "channels_last" else (2, None)
    network = sepconv.Sequential([sepconv.Input(open_shape), made])
    (again,) = from_onnx(to_onnx(network)).layers
    config = {**again.get_config(), "name": made.name}
    if size == 1:  # nothing to pad
        config["padding"] = padding
    assert config == made.get_config()


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_a_network_comes_back_from_its_file(build: Any) -> None:
    network = build(SEPCONV)
    inputs = inputs_for(network)
    model = to_onnx(network)
    again = from_onnx(model)
    found = again(given(inputs))
    if isinstance(found, dict):
        found = [found[value.name] for value in model.graph.output]
    for one, other in zip(flat(found), flat(network(inputs)), strict=True):
        # 3 layers of 30 products, of sums below 8 times the largest output, each.
        assert_close(one, other, 3 * 30 * 8)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_what_is_read_is_written_again_byte_for_byte(data_format: str) -> None:
    last = data_format == "channels_last"
    form, axis = {"data_format": data_format}, -1 if last else 1
    network = sepconv.Sequential(
        [
            sepconv.Input((None, 6) if last else (6, None), name="sound"),
            sepconv.SeparableConv1D(8, 5, strides=2, padding="same", activation="gelu", **form),
            sepconv.BatchNormalization(axis=axis),
            sepconv.LeakyReLU(),
            sepconv.DepthwiseConv1D(3, padding="same", activation="silu", **form),
            sepconv.Conv1D(4, 1, **form),
            sepconv.AveragePooling1D(2, 3, padding="same", **form),
            sepconv.UpSampling1D(2),
            sepconv.GlobalMaxPooling1D(**form),
            sepconv.Dense(3, activation="softmax"),
        ],
        name="net",
    )
    network.set_weights(
        [np.random.default_rng(0).uniform(0.5, 1, w.shape) for w in network.weights]
    )
    model = to_onnx(network)
    # The depthwise layer has an activation, so it is no half of a separable one.
    assert to_onnx(from_onnx(model)).SerializeToString() == model.SerializeToString()


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "bfloat16", "mixed_bfloat16"])
def test_layers_of_16_bits_round_where_they_did(dtype: str) -> None:
    network = sepconv.Sequential(
        [
            sepconv.Input((12, 4)),
            sepconv.SeparableConv1D(5, 3, activation="relu", dtype=dtype),
            sepconv.Dense(3, dtype=dtype),
            sepconv.Rescaling(2.0),
        ]
    )
    x = np.random.default_rng(0).normal(size=(3, 12, 4)).astype(np.float32)
    again = from_onnx(to_onnx(network))
    assert classes(again) == classes(network)
    np.testing.assert_array_equal(again(x), network(x))


def test_layers_that_are_equal_but_not_one_stay_two() -> None:
    """Equal constants stand in the file once, as those of layers that have learnt nothing do."""
    x = sepconv.Input((10, 6))
    norms = [sepconv.BatchNormalization(name=f"norm{n}") for n in range(2)]
    network = sepconv.Functional(x, sepconv.Add()([norm(x) for norm in norms]))
    assert classes(from_onnx(to_onnx(network))) == ["BatchNormalization"] * 2 + ["Add"]
    layer = sepconv.Conv1D(6, 3, padding="same")
    assert classes(from_onnx(to_onnx(sepconv.Functional(x, layer(layer(x)))))) == ["Conv1D"]


def test_inputs_and_outputs_keep_their_names() -> None:
    a, b = sepconv.Input((4,), name="a"), sepconv.Input((4,), name="b")
    outputs = {"y": sepconv.Add(name="sum")([a, b]), "z": sepconv.Multiply(name="product")([a, b])}
    network: Any = from_onnx(to_onnx(sepconv.Functional([a, b], outputs, name="two")))
    assert network.name == "two"
    assert [tensor.name for tensor in network.inputs] == ["a", "b"]
    assert sorted(network.output) == ["y", "z"]


# --- what others wrote ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", FOREIGN, ids=str)
def test_a_graph_of_another_exporter_gives_the_same_values(case: Foreign) -> None:
    model, x = case.model(), case.input()
    network = from_onnx(model)
    found = network(x)
    found = list(found.values()) if isinstance(found, dict) else [found]
    for one, other in zip(found, executed(model, x), strict=True):
        assert_close(one, other, case.roundings)
    assert classes(network) == case.layers


ERF = {
    "torch": lambda g, x: g.add("Div", x, np.sqrt(2.0)),
    "tf": lambda g, x: g.add("Mul", np.sqrt(0.5), x),
}


@pytest.mark.parametrize("inner", ERF)
@pytest.mark.parametrize("order", range(4))
def test_gelu_is_found_in_any_order_of_its_factors(inner: str, order: int) -> None:
    g = Draft()
    x = g.input(6, None)
    factors = [x, g.add("Add", g.add("Erf", ERF[inner](g, x)), 1.0)]
    factors.insert(order % 3, g.constant(0.5))
    product = g.add("Mul", *factors[:2])
    model = g.model(g.add("Mul", product, factors[2]) if order < 3 else product)
    network: Any = from_onnx(model)
    if order < 3:
        assert classes(network) == ["Activation"]
        assert network.layers[-1].activation == activations.Gelu()
    x = np.random.default_rng(0).normal(scale=2, size=(2, 6, 9)).astype(np.float32)
    assert_close(network(x), executed(model, x)[0], 16)


# Each as an operator, or a formula of several: of x alone, within some roundings.
SCALAR: dict[str, tuple[Any, Any]] = {
    "gelu_tanh": (
        lambda g, x: g.add("Mul", g.add("Mul", 0.5, x), g.add("Add", g.add("Tanh", g.add("Mul",
            g.add("Add", x, g.add("Mul", g.add("Pow", x, 3.0), 0.044715)), math.sqrt(2 / math.pi))),
            1.0)), activations.Gelu(approximate=True),
    ),
    "gelu": (lambda g, x: g.add("Gelu", x), activations.Gelu()),
    "gelu_tanh_20": (
        lambda g, x: g.add("Gelu", x, approximate="tanh"), activations.Gelu(approximate=True)
    ),
    "silu": (lambda g, x: g.add("Mul", g.add("Sigmoid", x), x), activations.Silu()),
    "hard_swish": (lambda g, x: g.add("HardSwish", x), activations.HardSilu()),
    "mish": (
        lambda g, x: g.add("Mul", x, g.add("Tanh", g.add("Softplus", x))), activations.Mish()
    ),
    "relu6": (
        lambda g, x: g.add("Min", g.add("Relu", x), 6.0), activations.Relu6()
    ),
    "clip": (
        lambda g, x: g.add("Clip", x, np.float32(0), np.float32(20)),
        activations.Relu(max_value=20.0),
    ),
    "hard_tanh": (
        lambda g, x: g.add("Clip", x, np.float32(-1), np.float32(1)), activations.HardTanh()
    ),
    "elu": (lambda g, x: g.add("Elu", x, alpha=0.7), activations.Elu(0.7)),
    "celu": (lambda g, x: g.add("Celu", x, alpha=0.7), activations.Celu(0.7)),
    "leaky": (lambda g, x: g.add("LeakyRelu", x), activations.LeakyRelu(0.01)),
    "leaky_max": (lambda g, x: g.add("Max", x, g.add("Mul", x, 0.1)), activations.LeakyRelu(0.1)),
    "threshold": (
        lambda g, x: g.add("ThresholdedRelu", x, alpha=0.5), activations.Threshold(0.5, 0.0)
    ),
    "softplus": (
        lambda g, x: g.add("Log", g.add("Add", g.add("Exp", x), 1.0)), activations.Softplus()
    ),
    "softsign": (
        lambda g, x: g.add("Div", x, g.add("Add", g.add("Abs", x), 1.0)), activations.Softsign()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALAR)
def test_an_activation_is_found_by_its_values(name: str) -> None:
    write, expected = SCALAR[name]
    g = Draft(20)
    model = g.model(write(g, g.input(6, None)))
    (layer,) = from_onnx(model).layers
    found = getattr(layer, "activation", getattr(layer, "_function", None))
    assert found == expected
    x = np.random.default_rng(0).normal(scale=3, size=(2, 6, 9)).astype(np.float32)
    assert_close(layer(x), executed(model, x)[0], 16)


def test_a_formula_that_no_activation_is_becomes_its_parts() -> None:
    g = Draft()
    x = g.input(6, None)
    model = g.model(g.add("Mul", x, g.add("Sigmoid", g.add("Mul", x, 1.702))))
    network = from_onnx(model)
    assert classes(network) == ["Rescaling", "Activation", "Multiply"]
    x = np.random.default_rng(0).normal(size=(2, 6, 9)).astype(np.float32)
    assert_close(network(x), executed(model, x)[0], 16)


def test_numbers_far_from_the_points_that_are_tried_count() -> None:
    g = Draft()
    model = g.model(g.add("Clip", g.input(6, None), np.float32(-1e4), np.float32(1)))
    with pytest.raises(ValidationError, match=r"\(Clip\): no layer does this"):
        from_onnx(model)


def test_a_file_of_16_bit_floats_is_a_network_of_them() -> None:
    g = Draft()
    x = g.input(6, None, dtype=TensorProto.FLOAT16)
    kernel, bias = (g.weight(*shape).astype(np.float16) for shape in ((4, 6, 3), (4,)))
    model = g.model(g.add("Relu", g.add("Conv", x, kernel, bias)), dtype=TensorProto.FLOAT16)
    network = from_onnx(model)
    assert [layer.compute_dtype for layer in network.layers] == ["float16"]
    x = np.random.default_rng(0).normal(size=(2, 6, 9)).astype(np.float16)
    found, (expected,) = network(x), executed(model, x)
    assert found.dtype == np.float16
    # Sums of 18 products of 16-bit numbers in float32, rounded to 16 bits, to either side.
    assert np.max(np.abs(found - expected)) <= 2.0**-10 * np.max(np.abs(expected))


def test_a_batch_that_the_file_fixes_is_open_in_the_network() -> None:
    g = Draft()
    g.inputs.append(helper.make_tensor_value_info("x", FLOAT, [1, 6, 10]))
    model = g.model(g.add("Reshape", "x", np.array([1, 60])))
    x = np.random.default_rng(0).normal(size=(3, 6, 10)).astype(np.float32)
    np.testing.assert_array_equal(from_onnx(model)(x), x.reshape(3, 60))


# --- refusals ------------------------------------------------------------------------------------


def test_one_error_tells_of_every_node_that_no_layer_stands_for() -> None:
    g = Draft()
    x = g.input(6, None)
    h = g.add("Det", g.add("MatMul", x, x, name="/attention/MatMul"), name="/det")
    h = g.add("LSTM", h, g.weight(1, 8, 6), g.weight(1, 8, 2), hidden_size=2, name="/rnn/LSTM")
    h = g.add("Pad", h, np.array([0, 0, 1, 0, 0, 1]), mode="reflect", name="/pad")
    g.nodes[1].domain = "com.example"
    with pytest.raises(ValidationError) as refusal:
        from_onnx(g.model(h))
    assert str(refusal.value).splitlines() == [
        "'net' cannot be read from ONNX:",
        "  '/attention/MatMul' (MatMul): multiplies by what is no constant matrix",
        "  '/det' (com.example.Det): no layer does this",
        "  '/rnn/LSTM' (LSTM): no layer does this",
        "  '/pad' (Pad): pads by reflect",
    ]


def refused(g: Draft, *outputs: str) -> str:
    with pytest.raises(ValidationError) as refusal:
        from_onnx(g.model(*outputs))
    return str(refusal.value).splitlines()[1].split(": ", 1)[1]


REFUSED: dict[str, tuple[Any, str]] = {
    "images": (
        lambda g: g.add("Conv", g.input(6, 9, 9), g.weight(4, 6, 3, 3)), "goes over several axes"
    ),
    "batch to time": (
        lambda g: g.add("Reshape", g.input(6, None), np.array([-1, 6])), "moves values from one"
    ),
    "maximum of the padded": (
        lambda g: g.add("MaxPool", g.input(6, None), kernel_shape=[3], strides=[2], pads=[1, 1]),
        "pads with",
    ),
    "mean of the padded": (
        lambda g: g.add("AveragePool", g.input(6, None), kernel_shape=[3], pads=[2, 0]),
        "leaves out what it pads",
    ),
    "ceil": (
        lambda g: g.add("MaxPool", g.input(6, None), kernel_shape=[3], ceil_mode=1), "`ceil_mode`"
    ),
    "linear": (
        lambda g: g.add(
            "Resize", g.input(6, None), "", np.array([1, 1, 2], np.float32), mode="linear"
        ),
        "interpolates",
    ),
    "every other step": (
        lambda g: g.add("Slice", g.input(6, None), *map(np.array, ([0], [99], [2], [2]))),
        "takes other steps than each",
    ),
    "every other step of a convolution": (
        lambda g: g.add(
            "Slice",
            g.add("Conv", g.input(6, None), g.weight(4, 6, 3), pads=[2, 2]),
            *map(np.array, ([0], [-2], [2], [2])),
        ),
        "takes other steps than each",
    ),
    "half a step off": (
        lambda g: g.add(
            "Resize",
            g.input(6, None),
            "",
            np.array([1, 1, 2], np.float32),
            mode="nearest",
            nearest_mode="floor",
        ),
        "interpolates (nearest, half_pixel, floor)",
    ),
    "from the end": (
        lambda g: g.add("Slice", g.input(6, None), *map(np.array, ([-2], [-1], [2]))),
        "by their number from the other end of an open axis",
    ),
    "dilated strides": (
        lambda g: g.add(
            "Conv", g.input(6, None), g.weight(4, 6, 3), strides=[2], dilations=[2]
        ),
        "`strides > 1` not supported in conjunction with `dilation_rate > 1`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_layer_computes_is_refused_with_its_reason(name: str) -> None:
    write, told = REFUSED[name]
    g = Draft()
    assert told in refused(g, write(g))


def conv() -> onnx.ModelProto:
    g = Draft()
    return g.model(g.add("Conv", g.input(6, None), g.weight(4, 6, 3)))


def _external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _changed(path: str, value: Any) -> Any:
    def change(model: onnx.ModelProto) -> None:
        *places, last = path.split(".")
        target: Any = model
        for place in places:
            target = target[int(place)] if place.isdigit() else getattr(target, place)
        setattr(target, last, value)

    return change


BROKEN: dict[str, tuple[Any, str]] = {
    "other files": (_external, "are in another file, which is not opened"),
    "values": (_changed("graph.initializer.0.raw_data", b"1234"), "declares 72 values, the file"),
    "type": (_changed("graph.initializer.0.data_type", 99), "is of type 99"),
    "opset": (_changed("opset_import.0.version", 6), "must declare one opset from 7 to"),
    "newer": (_changed("opset_import.0.version", 2000), "declares [2000]"),
    "reads": (_changed("graph.output.0.name", "y"), "returns 'y', which nothing makes"),
    "functions": (lambda model: model.functions.add(name="f"), "defines functions"),
    "twice": (
        lambda model: model.graph.initializer.append(model.graph.initializer[0]), "holds 'c0' twice"
    ),
    "sizes": (
        lambda model: model.graph.initializer[0].dims.__setitem__(0, 2**40),
        "declares 19791209299968 values, the file holds 72",
    ),
    "negative": (
        lambda model: model.graph.initializer[0].dims.__setitem__(0, -4), "declares the shape"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_file_declares_and_does_not_hold_is_refused(name: str, tmp_path: Path) -> None:
    change, told = BROKEN[name]
    model = conv()
    change(model)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError) as refusal:
        sepconv.load(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert told in str(refusal.value)


@pytest.mark.parametrize("kind", ["ConstantOfShape", "Expand", "Concat", "Gather", "Add"])
def test_constants_take_no_more_memory_than_the_file(kind: str) -> None:
    """A file of 300 bytes would make 8 GB of them."""
    g = Draft()
    x = g.input(6, None)
    huge = np.array([2**15, 2**16])
    ones = np.ones((2**10,), np.float32)
    made = {
        "ConstantOfShape": lambda: g.add("ConstantOfShape", huge),
        "Expand": lambda: g.add("Expand", np.float32(1), huge),
        "Concat": lambda: functools.reduce(
            lambda a, _: g.add("Concat", a, a, axis=0), range(24), g.constant(ones)
        ),
        "Gather": lambda: g.add(
            "Gather", ones[None], g.add("ConstantOfShape", np.array([2**22]), value=zero), axis=0
        ),
        "Add": lambda: g.add("Add", g.add("Expand", np.float32(1), huge), np.float32(1)),
    }
    zero = helper.make_tensor("", TensorProto.INT64, [1], [0])
    model = g.model(g.add("Add", x, made[kind]())).SerializeToString()
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SepconvError):
        from_onnx(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # KiB


def test_without_the_package_the_error_names_it(tmp_path: Path) -> None:
    sepconv.export(sepconv.Sequential([sepconv.Input((4,)), sepconv.ReLU()]), tmp_path / "m.onnx")
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import sepconv\n"
        f"sepconv.load({str(tmp_path / 'm.onnx')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: ONNX files need the package onnx: pip install 'sepconv[onnx]'"
    )


# --- `load` and the commands ---------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    layers = [
        sepconv.SeparableConv1D(4, 3, activation="relu", name="front"),
        sepconv.Dense(2, name="last"),
    ]
    network = sepconv.Sequential([sepconv.Input((9, 3), name="sound"), *layers], name="net")
    network.save("m.keras")
    sepconv.export(network, "m.onnx")
    np.save("x.npy", np.random.default_rng(0).normal(size=(5, 9, 3)).astype("float32"))
    return tmp_path


def outputs(name: str, **arguments: Any) -> bytes:
    return np.asarray(sepconv.load(name, **arguments)(np.load("x.npy"))).tobytes()


@pytest.mark.parametrize("target", ["a.keras", "a.safetensors", "a.onnx"])
def test_convert_makes_a_model_of_a_graph(folder: Path, target: str) -> None:
    assert main(["convert", "m.onnx", target]) == 0
    assert outputs(target) == outputs("m.onnx") == outputs("m.keras")
    assert main(["diff", "m.onnx", "m.keras"]) == 0
    assert main(["diff", "m.onnx", target]) == 0


def test_convert_makes_a_config_and_weights_of_a_graph(folder: Path) -> None:
    assert main(["convert", "m.onnx", "a.yaml", "--save-weights", "w.npz"]) == 0
    assert outputs("a.yaml", weights="w.npz") == outputs("m.onnx")
    assert outputs("m.onnx", weights="w.npz") == outputs("m.keras")


def test_run_and_show_take_graphs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "m.onnx", "--input", "x.npy", "--output", "y.npy"]) == 0
    assert "initializers" not in capsys.readouterr().err
    assert np.load("y.npy").tobytes() == outputs("m.keras")
    assert main(["show", "m.onnx"]) == 0
    assert "front (SeparableConv1D)" in capsys.readouterr().out


def test_what_a_graph_has_not_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "m.onnx", "a.keras", "--set", "name=other"]) == 2
    assert "an ONNX file holds no config to change" in capsys.readouterr().err
    assert main(["convert", "m.onnx", "a.keras", "--verify"]) == 2
    assert "an ONNX file holds no self-test" in capsys.readouterr().err
    with pytest.raises(WeightsError, match="not a regular file"):
        Path("folder.onnx").mkdir()
        sepconv.load("folder.onnx")
