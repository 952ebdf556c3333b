"""The core's gradients against the oracle, within gamma_n * the sum of the products' sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import isas
import numpy as np
import pytest
import reference
from cases import DTYPES, FORMATS, PADDINGS, Case, any_case, random_cases, varied
from hypothesis import given, strategies as st
from numpy.typing import NDArray

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("axis", ["steps", "channels", "filters", "taps"])
def test_gradients_every_size_around_the_vector_widths(
    axis: str, channels_first: bool, dtype: str
) -> None:
    base = Case(channels_first=channels_first, dtype=dtype)
    for case in varied(base, **{axis: SIZES}, padding=PADDINGS):
        case.check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("size", [47, 48, 49, 63, 64, 65, 95, 97, 127, 129, 200])
def test_gradients_sizes_around_the_register_tiles(size: int, channels_first: bool) -> None:
    base = Case(batch=1, channels_first=channels_first)
    for axis in ("steps", "channels", "filters"):
        replace(base, **{axis: size}).check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3, 6, 50])
@pytest.mark.parametrize("dilation", [1, 2, 4, 9, 400])
def test_gradients_strides_and_dilations(
    dilation: int, stride: int, padding: str, channels_first: bool
) -> None:
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    base = Case(batch=1, channels_first=channels_first, **geometry)
    for case in varied(base, taps=(1, 2, 3, 8, 13, 25), steps=(1, 19, 97)):
        case.check_gradient()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("multiplier", [2, 3, 4, 8, 17, 70])
def test_gradients_depth_multipliers(multiplier: int, channels_first: bool) -> None:
    base = Case(batch=1, multiplier=multiplier, channels_first=channels_first)
    for case in varied(base, channels=(1, 3, 16, 33), taps=(1, 3, 14), steps=(11, 20)):
        case.check_gradient()


def test_gradients_random_layers() -> None:
    for seed, case in enumerate(random_cases(150, seed=4)):
        case.check_gradient(seed)


@given(any_case(Case, PADDINGS, steps=140, channels=70, filters=140, taps=40, multiplier=4))
def test_gradients_any_layer(case: Case) -> None:
    case.check_gradient()


@pytest.mark.parametrize("isa", isas.ISAS)
def test_gradients_of_each_isa(isa: str) -> None:
    code = f"""
from cases import random_cases
from sepconv import _core
assert _core.kernel_info()["isa"] == {isa!r}
for seed, case in enumerate(random_cases(100, seed=6)):
    case.check_gradient(seed)
"""
    isas.assert_passes(isa, code)


# --- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", random_cases(12, seed=7), ids=str)
def test_gradients_are_those_of_central_differences(case: Case) -> None:
    case = replace(case, dtype="float64", use_bias=True)
    x, weights = case.data()
    g = case.output_gradient()
    rng = np.random.default_rng(1)
    places: list[NDArray[Any]] = [x, *weights]
    gradients = case.run_gradient(x, weights, g)
    for i, gradient in enumerate(gradients):
        direction = rng.standard_normal(places[i].shape)
        step = 1e-3  # y is linear in each: the differences are exact but for rounding
        ends = []
        for sign in (1, -1):
            moved = [*places]
            moved[i] = places[i] + sign * step * direction
            ends.append(float(np.sum(g * case.run(moved[0], moved[1:]))))
        difference = (ends[0] - ends[1]) / (2 * step)
        slope = float(np.sum(direction * gradient.reshape(direction.shape)))
        # two sums of |g||y| rounded in float64, over the step
        size = float(np.sum(np.abs(g) * np.abs(case.run(x, weights)))) + abs(slope) + 1
        assert abs(difference - slope) <= 1e-9 * size, Case.GRADIENTS[i]


@pytest.mark.parametrize("case", random_cases(30, seed=8), ids=str)
def test_gradients_by_x_are_the_transposed_map(case: Case) -> None:
    # <J v, g> = <v, J^T g>, and J v is the layer without its bias
    case = replace(case, dtype="float64", use_bias=False)
    v, weights = case.data()
    g = case.output_gradient()
    forward = float(np.sum(case.run(v, weights) * g))
    dx, dw, dv, _ = case.run_gradient(v, weights, g)
    # the layer is linear in each of the three
    sums = [np.sum(v * dx), np.sum(weights[0] * dw), np.sum(weights[1] * dv[0])]
    np.testing.assert_allclose(sums, forward, rtol=1e-9, atol=1e-9 * g.size)


integers = st.integers(-3, 3)


@given(case=st.sampled_from(random_cases(50, seed=9)), a=integers, b=integers)
def test_gradients_are_linear_in_g(case: Case, a: int, b: int) -> None:
    # Small whole numbers: every sum is exact, so the law holds to the bit.
    rng = np.random.default_rng(0)
    x, weights = case.data()
    x, *weights = [rng.integers(-2, 3, w.shape).astype(case.dtype) for w in (x, *weights[:2])]
    g, h = (rng.integers(-2, 3, case.output_gradient().shape).astype(case.dtype) for _ in "gh")
    one, other = (case.run_gradient(x, weights, part) for part in (g, h))
    both = case.run_gradient(x, weights, (a * g + b * h).astype(case.dtype))
    for of_g, of_h, of_both in zip(one, other, both, strict=True):
        np.testing.assert_array_equal(of_both, a * of_g + b * of_h)


@pytest.mark.parametrize("case", random_cases(40, seed=10), ids=str)
def test_gradients_of_both_formats_have_the_same_bits(case: Case) -> None:
    x, weights = case.data()
    g = case.output_gradient()
    last = replace(case, channels_first=False).run_gradient(x, weights, g)
    first = replace(case, channels_first=True).run_gradient(x, weights, g)
    for a, b in zip(last, first, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("case", random_cases(40, seed=11), ids=str)
def test_relu_output_is_a_mask_over_g(case: Case) -> None:
    x, weights = case.data()
    g = case.output_gradient()
    y = np.maximum(case.run(x, weights), 0)
    y[0, 0, 0] = np.nan  # is not above 0
    masked = case.run_gradient(x, weights, np.where(y > 0, g, 0).astype(case.dtype))
    turned = y.transpose(0, 2, 1) if case.channels_first else y
    fused = case.run_gradient(x, weights, g, relu_output=np.ascontiguousarray(turned))
    for a, b in zip(masked, fused, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("case", random_cases(20, seed=12), ids=str)
def test_gradient_by_x_can_be_left_out(case: Case) -> None:
    x, weights = case.data()
    g = case.output_gradient()
    _, *expected = case.run_gradient(x, weights, g)
    dx, *others = case.run_gradient(x, weights, g, input_gradient=False)
    assert dx is None
    for a, b in zip(expected, others, strict=True):
        assert a.tobytes() == b.tobytes()


# --- padding and what is not finite --------------------------------------------------------------


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("place", ["first tap", "last tap", "x", "g", "pointwise"])
@pytest.mark.parametrize("taps", [3, 9, 15])
def test_gradients_never_multiply_padding(
    taps: int, place: str, stride: int, dilation: int, channels_first: bool
) -> None:
    case = Case(
        steps=51, taps=taps, stride=stride, dilation=dilation, channels_first=channels_first
    )
    x, (depthwise, pointwise, _) = case.data()
    g = case.output_gradient()
    where: dict[str, tuple[NDArray[Any], Any]] = {
        "first tap": (depthwise, (0, 1, 0)),
        "last tap": (depthwise, (-1, 1, 0)),
        "x": (x, (1, 0, 2)),
        "g": (g, (1, 0, 2)),
        "pointwise": (pointwise, (3, 2)),
    }
    array, index = where[place]
    array[index] = np.inf
    with np.errstate(invalid="ignore"):
        found = case.run_gradient(x, [depthwise, pointwise], g)
        exact, _ = reference.separable_conv1d_gradients(
            x, depthwise, pointwise, g, strides=stride, padding="same", dilation_rate=dilation
        )
    for name, ours, theirs in zip(Case.GRADIENTS, found, exact, strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), name)
        np.testing.assert_array_equal(np.isposinf(ours), np.isposinf(theirs), name)
        np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs), name)


@pytest.mark.parametrize("channels_first", FORMATS)
def test_gradients_of_nothing_are_zero(channels_first: bool) -> None:
    for case in (Case(batch=0), Case(steps=0), Case(batch=0, steps=0)):
        case = replace(case, channels_first=channels_first)
        x, weights = case.data()
        dx, *others = case.run_gradient(x, weights, case.output_gradient())
        assert dx.shape == x.shape
        assert [a.shape for a in others] == [(3, 5, 1), (1, 5, 7), (7,)]
        assert not any(a.any() for a in others)


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("name", ["strides", "dilation_rate"])
def test_gradients_of_largest_strides_and_dilations_need_no_memory(
    name: str, channels_first: bool
) -> None:
    field = {"strides": "stride", "dilation_rate": "dilation"}[name]
    for steps in (1, 4, 500):
        case = replace(Case(steps=steps), **{field: 2**31 - 1}, channels_first=channels_first)
        case.check_gradient()
