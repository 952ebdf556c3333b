"""ONNX files: ONNX Runtime gives, for each layer and network, what the network itself gives."""

from __future__ import annotations

from collections import Counter
from typing import Any

import ml_dtypes  # noqa: F401 - the dtype bfloat16
import numpy as np
import onnx
import onnxruntime
import pytest
from layer_cases import CALLED, Case
from layer_runs import ours
from network_cases import GRAPHS, SEPCONV, inputs_for
from onnx.reference import ReferenceEvaluator

import sepconv
from sepconv import activations
from sepconv.cli import main
from sepconv.errors import ValidationError
from sepconv.layers.structure import flat
from sepconv.onnx import to_onnx

U = 2.0**-24  # half a unit in the last place, of float32
NUMPY = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}


def executed(model: onnx.ModelProto, inputs: Any) -> list[Any]:
    """Return what ONNX Runtime makes of inputs, given in the order of the model's."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {
        told.name: np.asarray(x).astype(NUMPY[told.type])
        for told, x in zip(session.get_inputs(), flat(inputs), strict=True)
    }
    return list(session.run(None, given))


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def assert_close(found: Any, expected: Any, roundings: float) -> None:
    """Both may be `roundings` units of u * max|y| from the exact values."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    off = np.max(np.abs(found.astype(np.float64) - expected), initial=0)
    assert off <= 2 * roundings * U * np.max(np.abs(expected), initial=0)


# --- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CALLED, ids=str)
def test_a_layer_gives_the_same_values_in_onnx_runtime(case: Case) -> None:
    layer = ours(case)
    (found,) = executed(to_onnx(layer), case.inputs())
    assert_close(found, layer(case.inputs()), case.roundings)


# Within 4 ulp of ONNX Runtime's own functions and ours; formulas of several operators lose a few
# roundings more where they subtract values of about the size of x.
ACTIVATIONS = [
    *sorted({activations.registry[name].name for name in activations.registry} - {"threshold"}),
    activations.Threshold(0.5, -1.0),
    activations.Relu(0.25, 2.0, 0.5),
    activations.Relu(threshold=-0.5),
    activations.Relu(0.0, 1.5),
    activations.Elu(0.5),
    activations.Celu(2.0),
    activations.Celu(-0.5),
    activations.Gelu(approximate=True),
    activations.Squareplus(0.25),
    activations.SoftShrink(0.25),
    activations.HardShrink(1.5),
    activations.Softmax([1, -1]),
    activations.LogSoftmax(1),
    activations.Sparsemax(1),
    activations.Glu(1),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_an_activation_gives_the_same_values_in_onnx_runtime(
    activation: Any, data_format: str
) -> None:
    """In a layer that has its outputs in the other order, so that axes must be found."""
    layer = sepconv.DepthwiseConv1D(
        1, use_bias=False, activation=activation, data_format=data_format,
        depthwise_initializer="ones",
    )  # fmt: skip
    x = np.random.default_rng(0).normal(scale=3, size=(2, 8, 6)).astype(np.float32)
    expected = layer(x)
    (found,) = executed(to_onnx(layer), x)
    assert_close(found, expected, 16)


@pytest.mark.parametrize("layer", ["Conv1D", "SeparableConv1D", "MaxPooling1D", "AveragePooling1D"])
@pytest.mark.parametrize("strides", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_padding_is_keras_own_at_every_length(
    layer: str, strides: int, size: int, data_format: str
) -> None:
    arguments = {"strides": strides, "padding": "same", "data_format": data_format}
    of_pooling = layer.endswith("Pooling1D")
    made = getattr(sepconv, layer)(*([size] if of_pooling else [3, size]), **arguments)
    open_shape = (None, 2) if data_format == "channels_last" else (2, None)
    network = sepconv.Sequential([sepconv.Input(open_shape), made])
    model = to_onnx(network)
    for steps in range(size, 15):
        shape = (2, steps, 2) if data_format == "channels_last" else (2, 2, steps)
        x = np.random.default_rng(steps).normal(size=shape).astype(np.float32)
        (found,) = executed(model, x)
        # Sums of 12 products at most, and sum|x||w| below 8 times the largest output.
        assert_close(found, network(x), 12 * 8)


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "bfloat16", "mixed_bfloat16"])
def test_layers_of_16_bits_round_as_ours_do(dtype: str) -> None:
    network = sepconv.Sequential(
        [
            sepconv.Input((12, 4)),
            sepconv.SeparableConv1D(5, 3, activation="relu", dtype=dtype),
            sepconv.Dense(3, dtype=dtype),
            sepconv.Rescaling(1.0),
        ]
    )
    x = np.random.default_rng(0).normal(size=(3, 12, 4)).astype(np.float32)
    (found,) = executed(to_onnx(network), x)
    expected = network(x)
    # Before it is rounded to 16 bits, a value may be on either side of a boundary.
    unit = 2.0**-8 if "bfloat16" in dtype else 2.0**-11
    assert np.max(np.abs(found - expected)) <= 4 * unit * np.max(np.abs(expected))
    assert np.mean(found == expected) > 0.9


def test_float64_is_written_as_float64() -> None:
    """ONNX Runtime has no such convolution; ONNX's own reference has."""
    layer = sepconv.SeparableConv1D(4, 3, padding="same", activation="tanh", dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 9, 5))
    expected = layer(x)
    (found,) = ReferenceEvaluator(to_onnx(layer)).run(None, {"input": x})
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


# --- networks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_a_network_gives_the_same_values_in_onnx_runtime(build: Any) -> None:
    network = build(SEPCONV)
    inputs = inputs_for(network)
    model = to_onnx(network)
    expected = flat(network(inputs))
    found = executed(model, inputs)
    for one, other in zip(found, expected, strict=True):
        # 3 layers of 30 products, of sums below 8 times the largest output, each.
        assert_close(one, other, 3 * 30 * 8)


def speech(length: int | None = None) -> sepconv.Functional:
    """A network with everything that stands between convolutions."""
    x = sepconv.Input((length, 6), name="sound")
    h = sepconv.Conv1D(8, 5, strides=2, padding="same", activation="relu")(x)
    for number in range(2):
        y = sepconv.SeparableConv1D(8, 7, padding="same", use_bias=False)(h)
        y = sepconv.BatchNormalization()(y)
        y = sepconv.Dropout(0.5)(sepconv.ReLU()(y))
        h = sepconv.Add(name=f"sum{number}")([h, y])
    h = sepconv.MaxPooling1D(2, padding="same")(sepconv.ZeroPadding1D(1)(h))
    steps = sepconv.SeparableConv1D(4, 3, padding="same", activation="softmax", name="steps")(h)
    whole = sepconv.Dense(3, name="whole")(sepconv.GlobalAveragePooling1D()(h))
    return sepconv.Functional(x, {"steps": steps, "whole": whole}, name="speech")


def test_batch_and_length_are_open_in_the_file() -> None:
    network = speech()
    model = to_onnx(network)
    for shape in [(1, 9, 6), (4, 32, 6), (2, 51, 6)]:
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        expected = network(x)
        for found, name in zip(executed(model, x), ("steps", "whole"), strict=True):
            # 5 layers of at most 56 products, of sums below 8 times the largest output, each.
            assert_close(found, expected[name], 5 * 56 * 8)


def test_channels_stay_before_time_from_the_input_to_the_outputs() -> None:
    assert kinds(to_onnx(speech()))["Transpose"] == 2  # of `sound` and of `steps`


def test_channels_first_needs_no_transposes() -> None:
    network = sepconv.Sequential(
        [
            sepconv.Input((4, 20)),
            sepconv.SeparableConv1D(5, 3, data_format="channels_first"),
            sepconv.BatchNormalization(axis=1),
            sepconv.MaxPooling1D(2, data_format="channels_first"),
            sepconv.Permute((2, 1)),
            sepconv.Conv1D(3, 2),
            sepconv.Permute((2, 1)),
        ]
    )
    assert "Transpose" not in kinds(to_onnx(network))


def test_inputs_and_outputs_have_the_names_of_the_network() -> None:
    model = to_onnx(speech())
    assert [value.name for value in model.graph.input] == ["sound"]
    assert [value.name for value in model.graph.output] == ["steps", "whole"]
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == ["batch", "sound_1", 6]


def test_input_shape_closes_open_sizes() -> None:
    model = to_onnx(speech(), input_shape=(40, 6))
    sizes = model.graph.output[0].type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == ["batch", 11, 4]
    with pytest.raises(ValidationError, match=r"`input_shape=\(40, 5\)` is none of"):
        to_onnx(speech(), input_shape=(40, 5))


def test_a_layer_that_is_called_twice_has_its_weights_once() -> None:
    x = sepconv.Input((10, 6))
    layer = sepconv.Conv1D(6, 3, padding="same")
    model = to_onnx(sepconv.Functional(x, layer(layer(x))))
    assert kinds(model)["Conv"] == 2
    assert len(model.graph.initializer) == 2


def test_weights_are_those_of_the_call() -> None:
    network = sepconv.Sequential([sepconv.Input((10, 6)), sepconv.Conv1D(4, 3)])
    before = to_onnx(network)
    network.set_weights([2 * weight for weight in network.get_weights()])
    x = np.ones((1, 10, 6), np.float32)
    np.testing.assert_array_equal(2 * executed(before, x)[0], executed(to_onnx(network), x)[0])


# --- files and refusals --------------------------------------------------------------------------


def test_export_writes_a_file_that_onnx_runtime_reads(tmp_path: Any) -> None:
    network = speech()
    path = tmp_path / "speech.onnx"
    sepconv.export(network, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.ones((1, 20, 6), np.float32)
    steps, _ = session.run(None, {"sound": x})
    assert_close(steps, network(x)["steps"], 5 * 56 * 8)


def test_another_suffix_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"ends with \.onnx, got '/tmp/speech.pb'"):
        sepconv.export(speech(), "/tmp/speech.pb")


def test_a_network_that_is_not_built_is_refused() -> None:
    with pytest.raises(ValidationError, match="built"):
        to_onnx(sepconv.Sequential([sepconv.Conv1D(4, 3)]))


class Doubled(sepconv.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def test_one_error_tells_of_everything_that_has_no_onnx_form() -> None:
    inner = sepconv.Sequential(
        [sepconv.Input((8, 4)), Doubled(name="twice"), sepconv.ReLU()], name="inner"
    )
    network = sepconv.Sequential(
        [
            sepconv.Input((10, 6)),
            sepconv.Conv1D(4, 3, activation=np.sinh, name="first"),
            inner,
        ],
        name="net",
    )
    with pytest.raises(ValidationError) as refusal:
        to_onnx(network)
    first, *reasons = str(refusal.value).splitlines()
    assert first == "'net' cannot be written as ONNX:"
    assert [reason.split(": ")[0] for reason in reasons] == [
        "  net/first (Conv1D)",
        "  net/inner/twice (Doubled)",
    ]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Any) -> Any:
    path = tmp_path / "net.yaml"
    path.write_text("SeparableConv1D: {filters: 4, kernel_size: 3, name: sep}\n")
    return path


def test_the_command_writes_a_config_with_its_weights(
    config: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = sepconv.SeparableConv1D(4, 3, name="sep")
    x = np.random.default_rng(0).normal(size=(2, 9, 5)).astype(np.float32)
    expected = layer(x)
    layer.save_weights(tmp_path / "w.npz")
    target = str(tmp_path / "net.onnx")
    options = ["--weights", str(tmp_path / "w.npz"), "--input-shape", "null,5"]
    assert main(["export", str(config), target, *options]) == 0
    assert capsys.readouterr().err == f"{config} -> {target}: 39 parameters\n"
    (found,) = executed(onnx.load(target), x)
    assert_close(found, expected, 30 * 8)


@pytest.mark.parametrize(
    ("target", "options", "told"),
    [
        ("net.pb", [], "net.pb: an ONNX file ends with .onnx"),
        ("net.onnx", [], "tells no input shape, so no weights: --input-shape"),
    ],
)
def test_the_command_tells_what_it_cannot_write(
    config: Any,
    capsys: pytest.CaptureFixture[str],
    target: str,
    options: list[str],
    told: str,
) -> None:
    assert main(["export", str(config), str(config.with_name(target)), *options]) == 2
    assert told in capsys.readouterr().err
    assert not config.with_name(target).exists()
