"""Gradients of wide layers, whose matrix products tiles compute from split numbers where there are
such tiles. What is asked of them here holds for every instruction set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import isas
import numpy as np
import pytest
import reference
from cases import FORMATS, Case, Geometry, varied
from convolution_cases import PADDINGS, Layer
from numpy.typing import NDArray

from sepconv import _core

pytestmark = pytest.mark.usefixtures("threads_restored")

WIDE = Case(batch=1, steps=70, channels=130, filters=140, taps=5)
WIDE_CONVOLUTION = Layer(batch=1, steps=70, channels=150, filters=160, taps=3)
KINDS = [WIDE, WIDE_CONVOLUTION]
# Tiles take 32 steps, filters and channels of two tiles each, and whole panels 64 channels.
AROUND_TILES = (15, 16, 17, 31, 32, 33, 47, 49, 64, 65)
# By what a step's first number, or for small ones all, is multiplied so that the step cannot be
# split as three bfloat16.
UNSPLITTABLE = (1e30, np.inf, np.nan, 1e-25, 1e-33, 1e-36, 1e-43)


def wide_cases() -> Iterator[Case]:
    for channels_first in FORMATS:
        case = replace(WIDE, channels_first=channels_first)
        yield from varied(case, steps=(1, 2, *AROUND_TILES, 96, 97, 200))
        yield from varied(case, filters=[128 + n for n in AROUND_TILES])
        yield from varied(case, channels=[128 + n for n in AROUND_TILES])
        yield from varied(case, taps=(1, 3, 4, 13, 33), stride=(1, 2, 3), dilation=(1, 2))
        yield replace(case, channels=70, multiplier=2)
        yield replace(case, channels=2, multiplier=70, taps=14, padding="valid")
        yield replace(case, batch=5, steps=300, channels=400, filters=100)


def wide_convolutions() -> Iterator[Layer]:
    for channels_first in FORMATS:
        case = replace(WIDE_CONVOLUTION, channels_first=channels_first)
        yield from varied(case, steps=(1, 2, *AROUND_TILES, 96, 97, 200))
        yield from varied(case, filters=[240 + n for n in AROUND_TILES], taps=(1,), channels=(230,))
        yield from varied(case, channels=[128 + n for n in AROUND_TILES], taps=(2,))
        yield from varied(case, stride=(1, 2, 3), dilation=(1, 4), padding=PADDINGS)
        yield replace(case, batch=5, steps=130, channels=1100, filters=128, taps=1)


@pytest.mark.parametrize("case", [*wide_cases(), *wide_convolutions()], ids=str)
def test_gradients_of_wide_layer_are_right(case: Geometry) -> None:
    case.check_gradient()


ERROR = """
import numpy as np
from cases import Case
from convolution_cases import Layer
case = {}(batch=2, steps=300, channels=256, filters=256, taps=3)
x, weights = case.data()
g = case.output_gradient()
exact = case.run_gradient(
    x.astype("float64"), [w.astype("float64") for w in weights], g.astype("float64")
)
for found, wanted in zip(case.run_gradient(x, weights, g), exact):
    print(np.sqrt(np.mean((found - wanted) ** 2)))
"""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
@pytest.mark.parametrize("isa", isas.ISAS)
def test_errors_are_no_larger_than_those_of_plain_float32(isa: str, kind: Geometry) -> None:
    code = ERROR.format(type(kind).__name__)
    ours, plain = (isas.run(name, code).stdout.split() for name in (isa, "baseline"))
    for name, found, wanted in zip(kind.GRADIENTS, ours, plain, strict=True):
        assert float(found) < 1.05 * float(wanted), name


def scaled(array: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return an array whose middle step is multiplied, or its first number."""
    other = array.copy()
    with np.errstate(over="ignore"):
        other[:, array.shape[1] // 2, : None if factor < 1 else 1] *= np.float32(factor)
    return other


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("factor", UNSPLITTABLE)
@pytest.mark.parametrize("of", ["x", "g"])
def test_step_that_cannot_be_split_is_right(
    of: str, factor: float, channels_first: bool, kind: Geometry
) -> None:
    case = replace(kind, channels_first=channels_first, taps=1 if kind is WIDE else 3)
    x, weights = case.data()
    g = case.output_gradient()
    x, g = (scaled(x, factor), g) if of == "x" else (x, scaled(g, factor))
    with np.errstate(invalid="ignore"):
        exact, sizes, chains = case.exact_gradients(x, weights, g)
    for name, found, wanted, size, chain in zip(
        case.GRADIENTS, case.run_gradient(x, weights, g), exact, sizes, chains, strict=True
    ):
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), name)
        np.testing.assert_array_equal(found[~finite], wanted[~finite].astype("float32"), name)
        # What is split, below 2**-133 a subnormal number of 16 bits, may count as zero; it is
        # multiplied with fewer than 600 numbers of size 1.
        bound = reference.tolerance(size[finite], chain, found.dtype) + 2.0**-133 * 600
        assert (np.abs(found[finite] - wanted[finite]) <= bound).all(), name


@pytest.mark.parametrize("channels_first", FORMATS)
@pytest.mark.parametrize("factor", UNSPLITTABLE)
def test_step_of_g_that_cannot_be_split_changes_no_other_bit_of_dx(
    factor: float, channels_first: bool
) -> None:
    case = replace(WIDE, channels_first=channels_first)
    x, weights = case.data()
    g = case.output_gradient()
    ours, theirs = (case.run_gradient(x, weights, one)[0] for one in (g, scaled(g, factor)))
    rest = np.abs(np.arange(case.steps) - case.steps // 2) > case.taps // 2
    assert ours[:, rest].tobytes() == theirs[:, rest].tobytes()
    assert not np.array_equal(ours[:, ~rest], theirs[:, ~rest])


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_gradients_of_weights_that_cannot_be_split_are_right(scale: float) -> None:
    x, weights = WIDE.data()
    weights[1][3, 5] *= np.float32(scale)
    g = WIDE.output_gradient()
    exact, sizes, chains = WIDE.exact_gradients(x, weights, g)
    found = WIDE.run_gradient(x, weights, g)
    for name, one, wanted, size, chain in zip(
        WIDE.GRADIENTS, found, exact, sizes, chains, strict=True
    ):
        WIDE.assert_near(one, wanted, size, chain, name)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("factor", [1, *UNSPLITTABLE])
def test_bits_depend_on_no_thread_or_format(factor: float, kind: Geometry) -> None:
    case = replace(kind, batch=3, steps=500)
    x, weights = case.data()
    g = scaled(case.output_gradient(), factor)
    found = set()
    for threads in (1, 2, 3):
        _core.set_num_threads(threads)
        for channels_first in FORMATS:
            one = replace(case, channels_first=channels_first)
            found.add(b"".join(a.tobytes() for a in one.run_gradient(x, weights, g)))
    assert len(found) == 1


def test_dx_of_a_sample_has_the_same_bits_in_every_batch() -> None:
    case = replace(WIDE, batch=4, steps=300)
    x, weights = case.data()
    g = case.output_gradient()
    together = case.run_gradient(x, weights, g)[0]
    for i in range(case.batch):
        alone = case.run_gradient(x[i : i + 1], weights, g[i : i + 1])[0]
        assert alone.tobytes() == together[i : i + 1].tobytes()
