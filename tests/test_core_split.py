"""Wide layers, whose products tiles compute from split numbers where the CPU has such tiles.

What is asked of them here holds for every instruction set; the chosen one is the best there is.
Each case has the products that tiles are used for (kernels/split_layers.h), those of the pointwise
half or of a convolution of all channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import isas
import ml_dtypes
import numpy as np
import pytest
from cases import DTYPES, FORMATS, Case, Geometry, varied
from convolution_cases import PADDINGS, Layer
from numpy.typing import NDArray

from sepconv import _core
from sepconv._core import ConvolutionPlan

pytestmark = pytest.mark.usefixtures("threads_restored")

WIDE = Case(batch=1, steps=90, channels=96, filters=80, taps=5)
WIDE_CONVOLUTION = Layer(batch=1, steps=90, channels=48, filters=80, taps=3)
KINDS = [WIDE, WIDE_CONVOLUTION]
# Tiles take 16 steps and filters and 32 of the depth, and blocks have two tiles each way.
AROUND_TILES = (15, 16, 17, 31, 32, 33, 47, 48, 49)
# Steps that cannot be split as three bfloat16: by what some of their channels are multiplied with.
UNSPLITTABLE = [(factor, 1) for factor in (np.inf, -np.inf, np.nan, 1e30, 3e38)]
UNSPLITTABLE += [(factor, 96) for factor in (1e-25, 1e-33, 1e-38, 1e-43)]


def wide_cases() -> Iterator[Case]:
    for channels_first in FORMATS:
        case = replace(WIDE, channels_first=channels_first)
        deep = replace(case, channels=256, filters=160)  # enough for tiles from 16 steps on
        yield from varied(deep, steps=(1, 2, *AROUND_TILES))
        yield from varied(case, filters=[64 + n for n in AROUND_TILES])
        yield from varied(case, channels=[64 + n for n in AROUND_TILES])
        yield from varied(case, taps=(1, 3, 4, 11, 13, 33), stride=(1, 2, 3), dilation=(1, 2))
        yield replace(case, channels=24, multiplier=4)
        yield replace(case, channels=33, multiplier=3, taps=14, padding="valid")
        yield replace(case, use_bias=False)


def wide_convolutions() -> Iterator[Layer]:
    for channels_first in FORMATS:
        case = replace(WIDE_CONVOLUTION, channels_first=channels_first)
        deep = replace(case, channels=256, filters=160)
        yield from varied(deep, steps=(1, 2, *AROUND_TILES), taps=(1, 2))
        yield from varied(case, filters=AROUND_TILES)
        yield from varied(case, channels=[*AROUND_TILES, 1, 2, 3, 5, 80], taps=(1, 9))
        yield from varied(case, taps=(1, 4, 33), stride=(1, 2, 3, 7), padding=PADDINGS)
        yield from varied(case, taps=(2, 5), dilation=(2, 7, 40), stride=(1, 3), channels=(5, 32))
        yield replace(case, channels=1, filters=64, taps=100)
        yield replace(case, steps=600, channels=96)  # in several strips
        yield replace(case, use_bias=False)


@pytest.mark.parametrize("case", [*wide_cases(), *wide_convolutions()], ids=str)
def test_wide_layer_is_right(case: Geometry) -> None:
    case.check()


ERROR = """
import numpy as np
from cases import Case
from convolution_cases import Layer
case = {}(batch=1, steps=200, channels=256, filters=96, taps=9)
x, weights = case.data()
exact = case.run(x.astype("float64"), [w.astype("float64") for w in weights])
print(np.sqrt(np.mean((case.run(x, weights) - exact) ** 2)))
"""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
@pytest.mark.parametrize("isa", isas.ISAS)
def test_error_is_no_larger_than_that_of_plain_float32(isa: str, kind: Geometry) -> None:
    code = ERROR.format(type(kind).__name__)
    found, plain = (float(isas.run(name, code).stdout) for name in (isa, "baseline"))
    assert 0 < found < 1.05 * plain


def apart(
    factor: float, channels: int, case: Geometry
) -> tuple[NDArray[Any], NDArray[Any], list[Any]]:
    """Return x, x with one step multiplied, and the weights."""
    x, weights = case.data()
    other = x.copy()
    with np.errstate(over="ignore"):
        other[:, case.steps // 2, :channels] *= np.float32(factor)
    return x, other, weights


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("factor", "channels"), UNSPLITTABLE)
def test_step_that_cannot_be_split_is_right(
    factor: float, channels: int, channels_first: bool, kind: Geometry
) -> None:
    case = replace(kind, taps=1, channels_first=channels_first)
    _, x, weights = apart(factor, channels, case)
    weights[-1][:] = 0  # beside which tiny sums would not be seen
    with np.errstate(invalid="ignore"):
        exact, size = case.exact(x, weights)
    found = case.run(x, weights)
    finite = np.isfinite(exact)
    assert np.array_equal(np.isnan(found), np.isnan(exact))
    assert np.array_equal(found[~finite], exact[~finite].astype("float32"), equal_nan=True)
    # What is split, below 2**-133 a subnormal number of 16 bits, may count as zero.
    matrix = weights[-2].reshape(-1, case.out_channels)
    tiny = 2.0**-133 * (1 + np.abs(matrix).sum(axis=0))
    bound = case.operations * 1.01 * 2.0**-24 * size + tiny
    assert (np.abs(found[finite] - exact[finite]) <= bound[finite]).all()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("factor", "channels"), UNSPLITTABLE)
def test_step_that_cannot_be_split_changes_no_other_bit(
    factor: float, channels: int, channels_first: bool, kind: Geometry
) -> None:
    case = replace(kind, channels_first=channels_first)
    x, other, weights = apart(factor, channels, case)
    ours, theirs = case.run(x, weights), case.run(other, weights)
    middle, reach = case.steps // 2, case.taps // 2
    rest = np.abs(np.arange(case.steps) - middle) > reach
    assert ours[:, rest].tobytes() == theirs[:, rest].tobytes()
    assert not np.array_equal(ours[:, ~rest], theirs[:, ~rest])


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(("factor", "channels"), [(1, 96), *UNSPLITTABLE])
def test_bits_depend_on_no_thread_batch_or_format(
    factor: float, channels: int, kind: Geometry
) -> None:
    case = replace(kind, batch=3, steps=700, channels=80, filters=112, taps=7)
    _, x, weights = apart(factor, channels, case)
    outputs = set()
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        for channels_first in FORMATS:
            one = replace(case, channels_first=channels_first)
            outputs.add(one.run(x, weights).tobytes())
            rows = [one.run(x[i : i + 1], weights) for i in range(case.batch)]
            outputs.add(np.concatenate(rows).tobytes())
    assert len(outputs) == 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("scale", [1e-20, 1e-30, 1e25])
def test_weights_that_cannot_be_split_are_right(
    scale: float, channels_first: bool, kind: Geometry
) -> None:
    case = replace(kind, channels_first=channels_first)
    x, weights = case.data()
    weights[-2][..., 3, 5] *= np.float32(scale)
    weights[-2][..., 7] *= np.float32(scale)
    weights[-1][7] = 0
    case.assert_near(case.run(x, weights), *case.exact(x, weights), case.operations)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinite_weight_reaches_its_filter_alone(value: float, kind: Geometry) -> None:
    x, weights = kind.data()
    x[:] = np.abs(x)
    weights[0][:] = np.abs(weights[0])
    weights[-2][..., 3, 5] = value
    y = kind.run(x, weights)
    assert not np.isfinite(y[..., 5]).any()
    assert np.isfinite(np.delete(y, 5, axis=2)).all()


@pytest.mark.parametrize("batch", [1, 5, 90])
def test_row_has_the_same_bits_in_every_batch(batch: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 90, 300)).astype("float32")
    kernel = rng.standard_normal((1, 300, 200)).astype("float32")
    plan = ConvolutionPlan(kernel, None, padding="same", channels_first=False, rows=True)
    assert plan(x)[:, :batch].tobytes() == plan(x[:, :batch].copy()).tobytes()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_narrow_layer_is_that_of_float32_between_two_conversions(
    dtype: Any, channels_first: bool, kind: Geometry
) -> None:
    case = replace(kind, channels_first=channels_first)
    x, weights = case.data()
    x = x.astype(dtype)
    expected = case.run(x.astype("float32"), weights).astype(dtype)
    assert case.run(x, weights, dtype=np.dtype(dtype)).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_give_the_bias(dtype: str, kind: Geometry) -> None:
    case = replace(kind, dtype=dtype)
    x, weights = case.data()
    y = case.run(np.zeros_like(x), weights)
    assert (y == weights[-1]).all()
