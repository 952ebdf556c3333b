"""The convolution of all channels and the depthwise one alone, within gamma_n * sum |x||w|."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import isas
import ml_dtypes
import numpy as np
import pytest
import reference
from cases import DTYPES, FORMATS, varied
from convolution_cases import LARGE, LAYERS, PADDINGS, Layer, any_layer, random_layers
from guarded import guarded
from hypothesis import given
from numpy.typing import NDArray

from sepconv import _core
from sepconv._core import ConvolutionPlan, DepthwisePlan

pytestmark = pytest.mark.usefixtures("threads_restored")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("axis", ["steps", "channels", "filters", "taps"])
def test_every_size_around_the_vector_widths(
    axis: str, layer: str, channels_first: bool, dtype: str
) -> None:
    base = Layer(layer, batch=1, channels_first=channels_first, dtype=dtype)
    for case in varied(base, **{axis: range(1, 36)}):
        case.check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("size", [63, 64, 65, 127, 129, 193, 400])
def test_sizes_around_the_register_tiles(size: int, layer: str, channels_first: bool) -> None:
    base = Layer(layer, batch=1, steps=9, channels_first=channels_first)
    for axis in ("steps", "channels", "filters"):
        replace(base, **{axis: size}).check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("dilation", [1, 2, 3, 9, 400])
def test_strides_and_dilations(
    dilation: int, stride: int, padding: str, channels_first: bool
) -> None:
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    base = Layer(batch=1, channels=3, channels_first=channels_first, **geometry)
    for case in varied(base, layer=LAYERS, taps=(1, 2, 3, 13), steps=(1, 19, 97)):
        case.check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(
    ("taps", "channels", "dilation"), [(3, 341, 1), (4, 256, 2), (9, 250, 1), (5, 1030, 3)]
)
def test_depths_around_the_blocks_of_the_reduction(
    taps: int, channels: int, dilation: int, channels_first: bool
) -> None:
    for dtype in ("float32", "float64"):
        case = Layer(
            batch=1,
            steps=21,
            channels=channels,
            filters=70,
            taps=taps,
            dilation=dilation,
            channels_first=channels_first,
            dtype=dtype,
        )
        x, weights = case.data()
        case.check()
        for activation in ("tanh", "relu6"):
            y = case.run(x, weights, activation=activation)
            expected = _core.activate(np.ascontiguousarray(case.run(x, weights)), activation)
            np.testing.assert_array_equal(y, expected)


def test_random_layers() -> None:
    for seed, layer in enumerate(random_layers(250)):
        layer.check(seed)


@given(any_layer(steps=100, channels=40, filters=20, taps=20))
def test_any_layer(layer: Layer) -> None:
    layer.check()


@pytest.mark.parametrize("isa", isas.ISAS)
def test_every_instruction_set(isa: str) -> None:
    code = "from convolution_cases import *\nfor i in random_layers(80, seed=5): i.check()"
    isas.assert_passes(isa, code)


@pytest.mark.parametrize("layer", random_layers(60, seed=1), ids=str)
def test_formats_give_the_same_bits(layer: Layer) -> None:
    x, weights = layer.data()
    last = replace(layer, channels_first=False).run(x, weights)
    first = replace(layer, channels_first=True).run(x, weights)
    np.testing.assert_array_equal(last, first)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", LARGE)
def test_threads_and_batches_do_not_change_a_bit(name: str, channels_first: bool) -> None:
    layer = replace(LARGE[name], channels_first=channels_first)
    x, weights = layer.data()
    outputs = set()
    for threads in (1, 2, 3, 8):
        _core.set_num_threads(threads)
        outputs.add(layer.run(x, weights, activation="tanh").tobytes())
    parts = [layer.run(part, weights, activation="tanh") for part in np.split(x, len(x))]
    outputs.add(np.concatenate(parts).tobytes())
    assert len(outputs) == 1


def test_one_tap_over_all_rows_is_the_same_as_over_each_sample() -> None:
    layer = Layer(steps=50, channels=37, filters=70, taps=1)
    x, weights = layer.data()
    rows = layer.plan(weights)(x.reshape(1, -1, 37))
    np.testing.assert_array_equal(rows.reshape(2, 50, 70), layer.plan(weights)(x))


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)], ids=str)
@pytest.mark.parametrize("activation", ["linear", "relu6", "tanh"])
def test_narrow_layers_are_float32_layers_between_two_conversions(
    dtype: np.dtype[Any], activation: str
) -> None:
    blocks = Layer(batch=1, channels=250, filters=70, taps=9, steps=30)
    many = random_layers(60, seed=3, dtype="float32")
    for layer in (*many, blocks, replace(blocks, channels_first=True)):
        x, weights = layer.data()
        x = x.astype(dtype)
        expected = layer.run(x.astype(np.float32), weights, activation=activation).astype(dtype)
        y = layer.run(x, weights, activation=activation, dtype=dtype)
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("channels_first", FORMATS)
def test_memory_outside_the_arrays_is_never_touched(channels_first: bool, at_end: bool) -> None:
    blocks = Layer(batch=1, channels=250, filters=70, taps=9, steps=30)
    for layer in (*random_layers(100, seed=4), blocks):
        layer = replace(layer, channels_first=channels_first)
        x, weights = layer.data()
        expected = layer.run(x, weights)
        if channels_first:
            x, expected = x.transpose(0, 2, 1), expected.transpose(0, 2, 1)
        with (
            guarded(x.shape, layer.dtype, at_end=at_end) as inside,
            guarded(expected.shape, layer.dtype, at_end=at_end) as out,
        ):
            inside[:] = x
            y = layer.plan(weights)(inside, out)
            assert y is out
            np.testing.assert_array_equal(out, expected)
            del inside, out, y


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("first", [-40, -3, 0, 7, 60])
def test_windows_may_lie_anywhere(first: int, layer: str, channels_first: bool) -> None:
    for stride, dilation in ((1, 1), (3, 1), (1, 5)):
        case = Layer(layer, stride=stride, dilation=dilation, channels_first=channels_first)
        x, weights = case.data()
        given = np.ascontiguousarray(x.transpose(0, 2, 1)) if channels_first else x
        for steps in (0, 1, 33):
            exact, size = getattr(reference, layer)(
                x, *weights, first=first, out=steps, strides=stride, dilation_rate=dilation
            )
            y = case.plan(weights).windows(given, first, steps)
            y = y.transpose(0, 2, 1) if channels_first else y
            assert y.shape == exact.shape
            bound = reference.tolerance(size, 16, np.dtype(np.float32))
            assert (np.abs(y - exact) <= bound).all()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_padding_is_never_multiplied(
    padding: str, stride: int, dilation: int, value: float, layer: str, channels_first: bool
) -> None:
    for taps, end in ((3, 0), (3, -1), (15, 0), (15, -1)):
        case = Layer(
            layer,
            steps=21,
            taps=taps,
            stride=stride,
            dilation=dilation,
            padding=padding,
            channels_first=channels_first,
        )
        x, (kernel, bias) = case.data()
        kernel[end, 1, 0] = value  # over the padding for the outputs of one end
        y = case.run(x, [kernel, bias])
        first = -reference.padding_left(case.steps, taps, stride, dilation, padding)
        with np.errstate(invalid="ignore"):
            exact, _ = getattr(reference, layer)(
                x, kernel, bias, first=first, out=case.out_steps,
                strides=stride, dilation_rate=dilation,
            )  # fmt: skip
        np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
        np.testing.assert_array_equal(np.isposinf(y), np.isposinf(exact))
        assert np.isfinite(exact).any()


@pytest.mark.parametrize(("first", "steps"), [(0, -1), (2**61, 1), (-(2**61), 1), (0, 2**61)])
def test_windows_out_of_range_are_refused(first: int, steps: int) -> None:
    case = Layer()
    x, weights = case.data()
    with pytest.raises(ValueError, match="are out of range"):
        case.plan(weights).windows(x, first, steps)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_empty_batches_and_empty_inputs_give_empty_outputs(
    layer: str, channels_first: bool
) -> None:
    for case in (Layer(layer, batch=0), Layer(layer, steps=0)):
        case = replace(case, channels_first=channels_first)
        x, weights = case.data()
        assert case.run(x, weights).shape == (case.batch, case.steps, case.out_channels)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_largest_strides_and_dilations_need_no_memory(
    name: str, channels_first: bool, layer: str
) -> None:
    case = replace(Layer(layer, channels_first=channels_first), **{name: 2**31 - 1})
    x, weights = case.data()
    assert case.run(x, weights).shape[1] == (1 if name == "stride" else 20)


def zeros(*shape: int, dtype: str = "float32") -> NDArray[Any]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize("kind", [ConvolutionPlan, DepthwisePlan])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kernel": zeros(3, 5)}, ValueError, r"kernel must be \(K, C, .\), none of them 0"),
        ({"kernel": zeros(3, 0, 2)}, ValueError, "none of them 0"),
        ({"bias": zeros(6)}, ValueError, r"bias must be \(2,\), got \(6,\)"),
        ({"bias": zeros(2, dtype="float64")}, TypeError, "weights must have one dtype"),
        ({"kernel": zeros(3, 1, 2, dtype="int32")}, TypeError, "got int32"),
        ({"strides": 0}, ValueError, r"strides must be in 1\.\.2\*\*31-1, got 0"),
        ({"padding": "full"}, ValueError, 'padding must be "valid", "same" or "causal"'),
        ({"activation": "softmax"}, ValueError, "activation must be one of"),
    ],
)
def test_plan_refuses(
    kind: type[ConvolutionPlan], changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"kernel": zeros(3, 1, 2), "bias": zeros(2), "padding": "same"}
    with pytest.raises(error, match=message):
        kind(**{**arguments, "channels_first": False, **changes})
