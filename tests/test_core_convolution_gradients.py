"""The gradients of convolutions against the oracle, within gamma_n * the sum of |products|."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import isas
import numpy as np
import pytest
import reference
from cases import DTYPES, FORMATS, varied
from convolution_cases import LARGE, LAYERS, PADDINGS, Layer, any_layer, random_layers
from guarded import guarded
from hypothesis import given
from numpy.typing import NDArray

from sepconv import _core
from sepconv._core import ConvolutionPlan

pytestmark = pytest.mark.usefixtures("threads_restored")


def found_by(layer: Layer, **options: Any) -> list[NDArray[Any]]:
    """Return the gradients by x (B, T, C), the kernel and the bias."""
    x, weights = layer.data()
    return layer.run_gradient(x, weights, layer.output_gradient(), **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("axis", ["steps", "channels", "filters", "taps"])
def test_every_size_around_the_vector_widths(
    axis: str, layer: str, channels_first: bool, dtype: str
) -> None:
    base = Layer(layer, channels_first=channels_first, dtype=dtype)
    for case in varied(base, **{axis: (*range(1, 20), 24, 25, 31, 32, 33)}):
        case.check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("size", [47, 48, 49, 63, 64, 65, 96, 97, 129, 193])
def test_sizes_around_the_tiles(size: int, layer: str, channels_first: bool) -> None:
    base = Layer(layer, steps=9, channels_first=channels_first)
    for axis in ("steps", "channels", "filters", "batch"):
        replace(base, **{axis: size}).check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3, 6, 50])
@pytest.mark.parametrize("dilation", [1, 2, 4, 9, 400])
def test_strides_and_dilations(
    dilation: int, stride: int, padding: str, channels_first: bool
) -> None:
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    base = Layer(channels=3, channels_first=channels_first, dtype="float64", **geometry)
    for taps, steps in ((1, 19), (2, 1), (3, 19), (3, 97), (13, 1), (13, 50)):
        for case in varied(base, layer=LAYERS, taps=[taps], steps=[steps]):
            case.check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("taps", "channels"), [(3, 64), (9, 250), (2, 1030)])
def test_blocks_of_the_depth(taps: int, channels: int, channels_first: bool) -> None:
    base = Layer(steps=33, channels=channels, taps=taps, channels_first=channels_first)
    for case in varied(base, filters=(7, 70)):
        case.check_gradient()


def test_random_layers() -> None:
    for seed, layer in enumerate(random_layers(300, seed=2)):
        layer.check_gradient(seed)


@given(any_layer(steps=60, channels=40, filters=20, taps=12))
def test_any_layer(layer: Layer) -> None:
    layer.check_gradient()


@pytest.mark.parametrize("isa", isas.ISAS)
def test_every_instruction_set(isa: str) -> None:
    code = "from convolution_cases import *\nfor i in random_layers(80, seed=5): i.check_gradient()"
    isas.assert_passes(isa, code)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", LARGE)
def test_threads_do_not_change_a_bit(name: str, channels_first: bool) -> None:
    layer = replace(LARGE[name], channels_first=channels_first)
    found = set()
    for threads in (1, 2, 3, 8):
        _core.set_num_threads(threads)
        found.add(tuple(part.tobytes() for part in found_by(layer)))
    assert len(found) == 1


@pytest.mark.parametrize("layer", random_layers(60, seed=6), ids=str)
def test_gradient_by_a_relu_counts_where_its_output_is_positive(layer: Layer) -> None:
    x, weights = layer.data()
    g = layer.turned(layer.output_gradient())
    relu = np.random.default_rng(3).standard_normal(g.shape).astype(layer.dtype)
    relu[0, 0, 0] = np.nan  # is not above 0
    gradient = layer.gradient(weights)
    masked = gradient(layer.turned(x), np.where(relu > 0, g, 0))
    for found, expected in zip(gradient(layer.turned(x), g, relu_output=relu), masked, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_without_that_by_x_are_the_same(name: str, channels_first: bool) -> None:
    layer = Layer(name, stride=2, channels_first=channels_first)
    none, *others = found_by(layer, input_gradient=False)
    assert none is None
    for found, expected in zip(others, found_by(layer)[1:], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("channels_first", FORMATS)
def test_memory_outside_the_arrays_is_never_touched(channels_first: bool, at_end: bool) -> None:
    blocks = Layer(batch=1, channels=250, filters=70, taps=9, steps=30)
    for layer in (*random_layers(100, seed=4), blocks):
        layer = replace(layer, channels_first=channels_first)
        x, weights = layer.data()
        x, g = layer.turned(x), layer.turned(layer.output_gradient())
        gradient = layer.gradient(weights)
        expected = gradient(x, g)
        with (
            guarded(x.shape, layer.dtype, at_end=at_end) as inside,
            guarded(g.shape, layer.dtype, at_end=at_end) as by_y,
        ):
            inside[:], by_y[:] = x, g
            for found, wanted in zip(gradient(inside, by_y), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)
            del inside, by_y


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
def test_empty_batches_and_inputs_give_zeros(layer: str, channels_first: bool) -> None:
    for case in (Layer(layer, batch=0), Layer(layer, steps=0), Layer(layer, steps=0, stride=2)):
        replace(case, channels_first=channels_first).check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_depthwise_channels_do_not_touch_each_other(
    value: float, multiplier: int, channels_first: bool
) -> None:
    layer = Layer("depthwise", channels=37, filters=multiplier, channels_first=channels_first)
    x, weights = layer.data()
    g = layer.output_gradient()
    x[0, 4, 20] = g[1, 7, 20 * multiplier] = weights[0][0, 20, 0] = value
    dx, by_kernel, by_bias = layer.gradient(weights)(layer.turned(x), layer.turned(g))
    dx = layer.turned(dx)
    for found, axis in ((dx, 2), (by_kernel, 1), (by_bias.reshape(37, -1), 0)):
        others = np.delete(found, 20, axis)
        assert np.isfinite(others).all()
        assert not np.isfinite(found).all()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("place", ["x", "first g", "last g", "first tap", "last tap"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_padding_is_never_multiplied(
    padding: str, stride: int, dilation: int, place: str, layer: str, channels_first: bool
) -> None:
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    base = Layer(layer, channels_first=channels_first, **geometry)
    for case in varied(base, steps=(3, 21), taps=(3, 15)):
        x, weights = case.data()
        g = case.output_gradient()
        arrays: dict[str, tuple[NDArray[Any], Any]] = {
            "x": (x, (1, 0, 2)),
            "first g": (g, (1, 0, 2)),
            "last g": (g, (1, -1, 2)),
            "first tap": (weights[0], (0, 1, 0)),
            "last tap": (weights[0], (-1, 1, 0)),
        }
        array, index = arrays[place]
        array[index] = np.inf
        found = case.run_gradient(x, weights, g)
        with np.errstate(invalid="ignore"):
            exact, _ = getattr(reference, f"{layer}_gradients")(x, weights[0], g, **case.windows)
        for of, ours, theirs in zip(case.GRADIENTS, found, exact, strict=True):
            np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), of)
            np.testing.assert_array_equal(np.isposinf(ours), np.isposinf(theirs), of)
            np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs), of)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_largest_strides_and_dilations_need_no_memory(
    name: str, channels_first: bool, layer: str
) -> None:
    base = Layer(layer, channels_first=channels_first)
    replace(base, **{name: 2**31 - 1}).check_gradient()


@pytest.mark.parametrize(
    ("x", "g", "error", "message"),
    [
        (np.zeros((1, 5, 2)), np.zeros((1, 5, 4), "f4"), TypeError, "x must have dtype float32"),
        (np.zeros((1, 5, 3), "f4"), np.zeros((1, 5, 4), "f4"), ValueError, "2 channels on axis 2"),
        (np.zeros((1, 5, 2), "f4"), np.zeros((1, 5, 3), "f4"), ValueError, "g must have 3 dim"),
        (np.zeros((1, 5, 2), "f4"), np.zeros((1, 4, 4), "f4"), ValueError, "1 samples of 5 steps"),
        (np.zeros((1, 5, 2), "f4"), np.zeros((2, 5, 4), "f4"), ValueError, "1 samples of 5 steps"),
    ],
)
def test_weight_gradients_refuse(
    x: NDArray[Any], g: NDArray[Any], error: type[Exception], message: str
) -> None:
    plan = ConvolutionPlan(np.zeros((3, 2, 4), "f4"), None, padding="same", channels_first=False)
    with pytest.raises(error, match=message):
        plan.weight_gradients(x, g)
