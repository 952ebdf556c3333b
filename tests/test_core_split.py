"""Wide layers, whose pointwise half tiles compute from split numbers where the CPU has such tiles.

What is asked of them here holds for every instruction set; the chosen one is the best there is.
Each case has the products that tiles are used for (kernels/split_layers.h).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import isas
import numpy as np
import pytest
import reference
from cases import DTYPES, FORMATS, Case, varied
from numpy.typing import NDArray

from sepconv import _core

pytestmark = pytest.mark.usefixtures("threads_restored")

WIDE = Case(batch=1, steps=90, channels=96, filters=80, taps=5)
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


@pytest.mark.parametrize("case", [*wide_cases()], ids=str)
def test_wide_layer_is_right(case: Case) -> None:
    case.check()


ERROR = """
import numpy as np
from cases import Case
case = Case(batch=1, steps=200, channels=256, filters=96, taps=9)
x, weights = case.data()
exact = Case.run(case, x.astype("float64"), [w.astype("float64") for w in weights])
print(np.sqrt(np.mean((case.run(x, weights) - exact) ** 2)))
"""


@pytest.mark.parametrize("isa", isas.ISAS)
def test_error_is_no_larger_than_that_of_plain_float32(isa: str) -> None:
    found, plain = (float(isas.run(name, ERROR).stdout) for name in (isa, "baseline"))
    assert 0 < found < 1.05 * plain


def apart(factor: float, channels: int, case: Case) -> tuple[NDArray[Any], NDArray[Any], list[Any]]:
    """Return x, x with one step multiplied, and the weights."""
    x, weights = case.data()
    other = x.copy()
    with np.errstate(over="ignore"):
        other[:, case.steps // 2, :channels] *= np.float32(factor)
    return x, other, weights


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("factor", "channels"), UNSPLITTABLE)
def test_step_that_cannot_be_split_is_right(
    factor: float, channels: int, channels_first: bool
) -> None:
    case = replace(WIDE, taps=1, channels_first=channels_first)
    _, x, weights = apart(factor, channels, case)
    weights[2][:] = 0  # beside which tiny sums would not be seen
    with np.errstate(invalid="ignore"):
        exact, size = reference.separable_conv1d(x, *weights, padding="same")
    found = case.run(x, weights)
    finite = np.isfinite(exact)
    assert np.array_equal(np.isnan(found), np.isnan(exact))
    assert np.array_equal(found[~finite], exact[~finite].astype("float32"), equal_nan=True)
    # H below 2**-133, a subnormal number of 16 bits, may count as zero.
    tiny = 2.0**-133 * (1 + np.abs(weights[1]).sum(axis=0))
    bound = (case.depth + 2) * 1.01 * 2.0**-24 * size + tiny
    assert (np.abs(found[finite] - exact[finite]) <= bound[finite]).all()


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize(("factor", "channels"), UNSPLITTABLE)
def test_step_that_cannot_be_split_changes_no_other_bit(
    factor: float, channels: int, channels_first: bool
) -> None:
    case = replace(WIDE, channels_first=channels_first)
    x, other, weights = apart(factor, channels, case)
    ours, theirs = case.run(x, weights), case.run(other, weights)
    middle, reach = case.steps // 2, case.taps // 2
    rest = np.abs(np.arange(case.steps) - middle) > reach
    assert ours[:, rest].tobytes() == theirs[:, rest].tobytes()
    assert not np.array_equal(ours[:, ~rest], theirs[:, ~rest])


@pytest.mark.parametrize(("factor", "channels"), [(1, 96), *UNSPLITTABLE])
def test_bits_depend_on_no_thread_batch_or_format(factor: float, channels: int) -> None:
    case = Case(batch=3, steps=700, channels=80, filters=112, taps=7)
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


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("scale", [1e-20, 1e-30, 1e25])
def test_weights_that_cannot_be_split_are_right(scale: float, channels_first: bool) -> None:
    case = replace(WIDE, channels_first=channels_first)
    x, weights = case.data()
    weights[1][3, 5] *= np.float32(scale)
    weights[1][:, 7] *= np.float32(scale)
    weights[2][7] = 0
    exact, size = reference.separable_conv1d(x, *weights, padding="same")
    case.assert_near(case.run(x, weights), exact, size, case.taps + case.depth + 1)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinite_weight_reaches_its_filter_alone(value: float) -> None:
    x, weights = WIDE.data()
    x[:] = np.abs(x)
    weights[0][:] = np.abs(weights[0])
    weights[1][3, 5] = value
    y = WIDE.run(x, weights)
    assert not np.isfinite(y[..., 5]).any()
    assert np.isfinite(np.delete(y, 5, axis=2)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_give_the_bias(dtype: str) -> None:
    case = replace(WIDE, dtype=dtype)
    x, weights = case.data()
    y = case.run(np.zeros_like(x), weights)
    assert (y == weights[2]).all()
