"""Every geometry against the float64 oracle, within gamma_n * sum |x||w|."""

from __future__ import annotations

import doctest
from dataclasses import replace

import numpy as np
import pytest
import reference
from cases import DTYPES, EDGES, FORMATS, PADDINGS, Case, any_case, random_cases, varied
from hypothesis import given, settings

from sepconv import _core
from sepconv._core import Plan


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("axis", ["steps", "channels", "filters", "taps"])
def test_geometry_every_size_around_the_vector_widths(
    axis: str, channels_first: bool, dtype: str
) -> None:
    base = Case(channels_first=channels_first, dtype=dtype)
    for case in varied(base, **{axis: EDGES}, padding=PADDINGS):
        case.check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("size", [47, 48, 49, 63, 64, 65, 127, 128, 129, 191, 192, 193, 400])
def test_geometry_sizes_around_the_register_tiles(size: int, channels_first: bool) -> None:
    base = Case(batch=1, channels_first=channels_first)
    for axis in ("steps", "channels", "filters"):
        replace(base, **{axis: size}).check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7, 50])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4, 9, 33, 400])
def test_geometry_strides_and_dilations(
    dilation: int, stride: int, padding: str, channels_first: bool
) -> None:
    geometry = {"stride": stride, "dilation": dilation, "padding": padding}
    base = Case(channels_first=channels_first, **geometry)
    for case in varied(base, taps=(1, 2, 3, 8, 12, 13, 25), steps=(1, 19, 97)):
        case.check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("multiplier", [1, 2, 3, 4, 8, 17])
def test_geometry_depth_multipliers(multiplier: int, channels_first: bool) -> None:
    base = Case(multiplier=multiplier, channels_first=channels_first)
    for case in varied(base, channels=(1, 3, 8, 16, 17, 33), taps=(1, 5, 14)):
        case.check()


def test_geometry_random_layers() -> None:
    for seed, case in enumerate(random_cases(400)):
        case.check(seed)


@settings(deadline=None)  # a slow machine is no wrong result
@given(any_case(Case, PADDINGS, steps=140, channels=70, filters=140, taps=40, multiplier=4))
def test_geometry_any_layer(case: Case) -> None:
    case.check()


@pytest.mark.parametrize("case", random_cases(40, seed=1), ids=str)
def test_geometry_formats_give_the_same_bits(case: Case) -> None:
    x, weights = case.data()
    last = replace(case, channels_first=False).run(x, weights)
    first = replace(case, channels_first=True).run(x, weights)
    np.testing.assert_array_equal(last, first)


@pytest.mark.parametrize("channels_first", FORMATS)
def test_geometry_long_kernel_over_a_short_input(channels_first: bool) -> None:
    for taps, steps in ((101, 3), (40, 1), (25, 24)):
        Case(steps=steps, taps=taps, channels_first=channels_first).check()


@pytest.mark.parametrize("channels_first", FORMATS)
def test_geometry_stride_beyond_the_kernel_reads_only_the_windows(channels_first: bool) -> None:
    Case(
        batch=1, steps=30_000, channels=2, taps=3, stride=997, channels_first=channels_first
    ).check()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("taps", [3, 9, 15])
def test_padding_is_never_multiplied(
    taps: int, end: int, stride: int, dilation: int, value: float, channels_first: bool
) -> None:
    case = Case(
        steps=51, taps=taps, stride=stride, dilation=dilation, channels_first=channels_first
    )
    x, (depthwise, pointwise, bias) = case.data()
    depthwise[end, 1, 0] = value  # over the padding for the outputs of one end
    y = case.run(x, [depthwise, pointwise, bias])
    with np.errstate(invalid="ignore"):
        exact, _ = reference.separable_conv1d(
            x, depthwise, pointwise, bias, strides=stride, padding="same", dilation_rate=dilation
        )
    np.testing.assert_array_equal(np.isnan(y), np.isnan(exact))
    np.testing.assert_array_equal(np.isposinf(y), np.isposinf(exact))
    assert np.isfinite(exact).any()


@pytest.mark.parametrize("channels_first", FORMATS)
def test_non_finite_inputs_reach_the_outputs_they_belong_to(channels_first: bool) -> None:
    case = Case(steps=60, channels=20, channels_first=channels_first)
    for step in (0, 13, 59):
        x, weights = case.data()
        x[1, step, 19] = np.nan
        expected = np.zeros(case.out_steps, bool)
        expected[max(step - 1, 0) : step + 2] = True
        y = case.run(x, weights)
        assert np.isfinite(y[0]).all()
        np.testing.assert_array_equal(np.isnan(y[1]).all(axis=1), expected)
        assert np.isfinite(y[1][~expected]).all()


@pytest.mark.parametrize("channels_first", FORMATS)
def test_subnormals_are_honoured(channels_first: bool) -> None:
    case = Case(channels=1, filters=1, taps=1, use_bias=False, channels_first=channels_first)
    x = np.full((2, 20, 1), np.finfo(np.float32).smallest_subnormal)
    y = case.run(x, [np.ones((1, 1, 1), np.float32), np.full((1, 1), 3, np.float32), None])
    np.testing.assert_array_equal(y, 3 * x)


@pytest.mark.parametrize("channels_first", FORMATS)
def test_empty_batches_and_empty_inputs_give_empty_outputs(channels_first: bool) -> None:
    for case in (Case(batch=0), Case(steps=0), Case(batch=0, steps=0)):
        case = replace(case, channels_first=channels_first)
        x, weights = case.data()
        assert case.run(x, weights).shape == (case.batch, case.steps, case.filters)


def test_output_size_is_keras_formula() -> None:
    def plan(padding: str) -> Plan:
        case = Case(taps=3, stride=2, dilation=4, padding=padding)
        return case.plan(case.data()[1])

    assert [plan("same").output_steps(t) for t in (0, 1, 2, 3, 10)] == [0, 1, 1, 2, 5]
    assert [plan("valid").output_steps(t) for t in (9, 10, 11, 12)] == [1, 1, 2, 2]


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("steps", [0, 1, 8])
def test_input_shorter_than_the_window_is_an_error(steps: int, channels_first: bool) -> None:
    case = Case(steps=steps, taps=3, dilation=4, padding="valid", channels_first=channels_first)
    x, weights = case.data()
    with pytest.raises(
        ValueError, match=r"^Computed output size would be zero or negative\. .*at least 9 steps"
    ):
        case.run(x, weights)


def test_examples_in_the_core_s_docstrings_run() -> None:
    failed, attempted = doctest.testmod(_core)
    assert attempted > 0
    assert failed == 0
