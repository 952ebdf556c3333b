"""The gradients of convolutions against the oracle, within gamma_n * the sum of |products|."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import isas
import numpy as np
import pytest
import reference
from guarded import guarded
from hypothesis import assume, given, strategies as st
from numpy.typing import NDArray
from test_core_convolution import Layer, random_layers

from sepconv import _core
from sepconv._core import ConvolutionPlan
from sepconv.layers.kernel_gradients import ConvolutionGradient

pytestmark = pytest.mark.usefixtures("threads_restored")

LAYERS = ("convolution", "depthwise")
FORMATS = (False, True)
NAMES = ("x", "kernel", "bias")


def turned(layer: Layer, x: NDArray[Any]) -> NDArray[Any]:
    """Return (B, T, C) as the layer takes it, or the other way round."""
    return np.ascontiguousarray(x.transpose(0, 2, 1)) if layer.channels_first else x


def gradient_of(layer: Layer, weights: list[Any]) -> Any:
    plan = layer.plan(weights)
    if isinstance(plan, ConvolutionPlan):
        return ConvolutionGradient(plan, weights[0])
    return _core.Gradient(plan, weights[0])


def output_gradient(layer: Layer, seed: int = 0) -> NDArray[Any]:
    """Return g (B, S, F)."""
    shape = (layer.batch, layer.out_steps, layer.out_channels)
    return np.random.default_rng([seed, 1]).standard_normal(shape).astype(layer.dtype)


def found_by(layer: Layer, seed: int = 0, **options: Any) -> list[NDArray[Any]]:
    """Return the gradients by x (B, T, C), the kernel and the bias."""
    x, weights = layer.data(seed)
    g = turned(layer, output_gradient(layer, seed))
    dx, *others = gradient_of(layer, weights)(turned(layer, x), g, **options)
    return [turned(layer, dx) if dx is not None else dx, *others]


def check(layer: Layer, seed: int = 0) -> None:
    """Assert that the gradients are within the bounds of the oracle's."""
    x, weights = layer.data(seed)
    exact, sizes = getattr(reference, f"{layer.layer}_gradients")(
        x,
        weights[0],
        output_gradient(layer, seed),
        first=-reference.padding_left(
            layer.steps, layer.taps, layer.stride, layer.dilation, layer.padding
        ),
        strides=layer.stride,
        dilation_rate=layer.dilation,
    )
    rows = layer.batch * layer.out_steps
    # the sums of partitions are begun with 0 and added up: fewer than 64 sums more
    chains = (layer.taps * layer.filters + 1, rows + 64, rows + 64)
    found = found_by(layer, seed)
    for name, ours, theirs, size, chain in zip(NAMES, found, exact, sizes, chains, strict=True):
        assert ours.shape == theirs.shape, name
        assert ours.dtype == layer.dtype
        bound = reference.tolerance(size, chain, np.dtype(layer.dtype))
        worst = np.max(np.abs(ours - theirs) / bound, initial=0)
        assert worst <= 1, f"{layer}: {name} {worst} times the bound"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("axis", ["steps", "channels", "filters", "taps"])
def test_every_size_around_the_vector_widths(
    axis: str, layer: str, channels_first: bool, dtype: str
) -> None:
    base = Layer(layer, channels_first=channels_first, dtype=dtype)
    for size in (*range(1, 20), 24, 25, 31, 32, 33):
        check(replace(base, **{axis: size}))


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("size", [47, 48, 49, 63, 64, 65, 96, 97, 129, 193])
def test_sizes_around_the_tiles(size: int, layer: str, channels_first: bool) -> None:
    base = Layer(layer, steps=9, channels_first=channels_first)
    for axis in ("steps", "channels", "filters", "batch"):
        check(replace(base, **{axis: size}))


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("padding", ["same", "valid", "causal"])
@pytest.mark.parametrize("stride", [1, 2, 3, 6, 50])
@pytest.mark.parametrize("dilation", [1, 2, 4, 9, 400])
def test_strides_and_dilations(
    dilation: int, stride: int, padding: str, channels_first: bool
) -> None:
    for layer in LAYERS:
        for taps, steps in ((1, 19), (2, 1), (3, 19), (3, 97), (13, 1), (13, 50)):
            case = Layer(
                layer,
                steps=steps,
                channels=3,
                taps=taps,
                stride=stride,
                dilation=dilation,
                padding=padding,
                channels_first=channels_first,
                dtype="float64",
            )
            if case.out_steps > 0:
                check(case)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("taps", "channels"), [(3, 64), (9, 250), (2, 1030)])
def test_blocks_of_the_depth(taps: int, channels: int, channels_first: bool) -> None:
    for filters in (7, 70):
        check(
            Layer(
                steps=33,
                channels=channels,
                filters=filters,
                taps=taps,
                channels_first=channels_first,
            )
        )


def test_random_layers() -> None:
    for seed, layer in enumerate(random_layers(300, seed=2)):
        check(layer, seed)


@given(
    st.builds(
        Layer,
        layer=st.sampled_from(LAYERS),
        batch=st.integers(1, 3),
        steps=st.integers(1, 60),
        channels=st.integers(1, 40),
        filters=st.integers(1, 20),
        taps=st.integers(1, 12),
        stride=st.integers(1, 9),
        dilation=st.integers(1, 9),
        padding=st.sampled_from(["same", "valid", "causal"]),
        channels_first=st.booleans(),
        dtype=st.sampled_from(["float32", "float64"]),
    )
)
def test_any_layer(layer: Layer) -> None:
    assume(layer.out_steps > 0)
    check(layer)


@pytest.mark.parametrize("isa", isas.ISAS)
def test_every_instruction_set(isa: str) -> None:
    code = (
        "from test_core_convolution_gradients import *\n"
        "for i in random_layers(80, seed=5): check(i)"
    )
    isas.assert_passes(isa, code)


LARGE = {
    "batches": Layer(batch=16, steps=150, channels=48, filters=70, taps=5),
    "steps": Layer(batch=1, steps=3000, channels=40, filters=64, taps=9, stride=2),
    "filters": Layer(batch=2, steps=5, channels=300, filters=1200),
    "blocks": Layer(batch=1, steps=300, channels=250, filters=100, taps=9),
    "depthwise": Layer("depthwise", batch=3, steps=3000, channels=70, filters=1, taps=31),
    "classes": Layer("depthwise", batch=1, steps=9000, channels=40, filters=2, dilation=31),
    "few": Layer(batch=1, steps=20000, channels=1, filters=16, taps=25, stride=4),
}


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
    g = turned(layer, output_gradient(layer))
    relu = np.random.default_rng(3).standard_normal(g.shape).astype(layer.dtype)
    gradient = gradient_of(layer, weights)
    masked = gradient(turned(layer, x), np.where(relu > 0, g, 0))
    for found, expected in zip(
        gradient(turned(layer, x), g, relu_output=relu), masked, strict=True
    ):
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
        x, g = turned(layer, x), turned(layer, output_gradient(layer))
        gradient = gradient_of(layer, weights)
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
        check(replace(case, channels_first=channels_first))


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_depthwise_channels_do_not_touch_each_other(
    value: float, multiplier: int, channels_first: bool
) -> None:
    layer = Layer("depthwise", channels=37, filters=multiplier, channels_first=channels_first)
    x, weights = layer.data()
    g = output_gradient(layer)
    x[0, 4, 20] = g[1, 7, 20 * multiplier] = weights[0][0, 20, 0] = value
    dx, by_kernel, by_bias = gradient_of(layer, weights)(turned(layer, x), turned(layer, g))
    dx = turned(layer, dx)
    for found, axis in ((dx, 2), (by_kernel, 1), (by_bias.reshape(37, -1), 0)):
        others = np.delete(found, 20, axis)
        assert np.isfinite(others).all()
        assert not np.isfinite(found).all()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_largest_strides_and_dilations_need_no_memory(
    name: str, channels_first: bool, layer: str
) -> None:
    check(replace(Layer(layer, channels_first=channels_first), **{name: 2**31 - 1}))


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
