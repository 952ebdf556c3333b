"""Sums and affine functions by channel: against extended precision, and without surprises."""

from __future__ import annotations

from typing import Any

import isas
import numpy as np
import pytest
from guarded import guarded
from numpy.typing import NDArray
from reference import Wide, tolerance

from sepconv import _core

pytestmark = pytest.mark.usefixtures("threads_restored")

WIDTHS = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130)
SHAPES = [
    *((5, channels, 1) for channels in WIDTHS),
    *((3, 2, inner) for inner in WIDTHS),
    (1, 1, 9001),
    (9001, 1, 1),
    (300, 70, 1),
    (130, 3, 77),
    (2, 5, 5000),
]


def drawn(shape: tuple[int, int, int], dtype: str) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return x and z (O, C, I), and four arrays (C,)."""
    rng = np.random.default_rng(shape)
    tensors = [rng.standard_normal(shape).astype(dtype) for _ in range(2)]
    return tensors, [rng.standard_normal(shape[1]).astype(dtype) for _ in range(4)]


def check(shape: tuple[int, int, int], dtype: str) -> None:
    """Assert that sums and maps are within the bounds of those in extended precision."""
    (x, z), factors = drawn(shape, dtype)
    wide_x, wide_z = x.astype(Wide), z.astype(Wide)
    shift, scale, offset, z_scale = (a.astype(Wide)[:, None] for a in factors)
    unit = np.dtype(dtype)

    for given, wide in ((z, wide_z), (None, wide_x - shift)):
        found = _core.channel_sums(x, factors[0], given)
        products = (wide_x - shift) * wide
        sizes = (np.abs(wide_x) + np.abs(shift)) * (np.abs(wide) if given is not None else 1)
        if given is None:
            sizes = (np.abs(wide_x) + np.abs(shift)) ** 2
        first_size = np.abs(wide) if given is not None else np.abs(wide_x) + np.abs(shift)
        # Of float32, up to 128 terms are added in this precision; float64 hides the others' error.
        terms = 128 + 8 if dtype == "float32" else x.size // shape[1] + 8
        for ours, theirs, size in (
            (found[0], wide.sum((0, 2)), first_size),
            (found[1], products.sum((0, 2)), sizes),
        ):
            assert (np.abs(ours - theirs) <= tolerance(size.sum((0, 2)), terms, unit)).all()

    mapped = (wide_x - shift) * scale + offset
    size = (np.abs(wide_x) + np.abs(shift)) * np.abs(scale) + np.abs(offset)
    alone = _core.channel_affine(x, *factors[:3])
    assert alone.dtype == unit
    assert (np.abs(alone - mapped) <= tolerance(size, 3, unit)).all()
    both = _core.channel_affine(x, *factors[:3], z, factors[3])
    size = size + np.abs(wide_z * z_scale)
    assert (np.abs(both - mapped - wide_z * z_scale) <= tolerance(size, 5, unit)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_and_maps_are_within_their_bounds(shape: tuple[int, int, int], dtype: str) -> None:
    check(shape, dtype)


@pytest.mark.parametrize("isa", isas.ISAS)
def test_every_instruction_set(isa: str) -> None:
    code = "from test_core_by_channel import *\nfor shape in SHAPES: check(shape, 'float32')"
    isas.assert_passes(isa, code)


@pytest.mark.parametrize("shape", [(40000, 7, 1), (4000, 64, 1), (70, 9, 500)], ids=str)
def test_threads_do_not_change_a_bit(shape: tuple[int, int, int]) -> None:
    (x, z), factors = drawn(shape, "float32")
    found = set()
    for threads in (1, 2, 3, 8):
        _core.set_num_threads(threads)
        sums = _core.channel_sums(x, factors[0], z)
        found.add(sums.tobytes() + _core.channel_affine(x, *factors[:3]).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", [(5, 19, 1), (3, 2, 21), (3, 70, 1)], ids=str)
def test_memory_outside_the_arrays_is_never_touched(
    shape: tuple[int, int, int], at_end: bool
) -> None:
    (x, z), factors = drawn(shape, "float32")
    with (
        guarded(x.shape, "float32", at_end=at_end) as inside,
        guarded(x.shape, "float32", at_end=at_end) as other,
        guarded(factors[0].shape, "float32", at_end=at_end) as shift,
    ):
        inside[:], other[:], shift[:] = x, z, factors[0]
        np.testing.assert_array_equal(
            _core.channel_sums(inside, shift, other), _core.channel_sums(x, factors[0], z)
        )
        np.testing.assert_array_equal(
            _core.channel_affine(inside, shift, shift, shift, other, shift),
            _core.channel_affine(x, *factors[:1] * 3, z, factors[0]),
        )
        del inside, other, shift


@pytest.mark.parametrize("shape", [(0, 3, 1), (2, 3, 0), (2, 0, 4)], ids=str)
def test_empty_tensors_have_sums_of_zero(shape: tuple[int, int, int]) -> None:
    x, values = np.zeros(shape), np.ones(shape[1])
    np.testing.assert_array_equal(_core.channel_sums(x, values), np.zeros((2, shape[1])))
    assert _core.channel_affine(x, values, values, values).shape == shape


def test_what_does_not_fit_is_refused() -> None:
    x, values = np.zeros((2, 3, 1)), np.zeros(3)
    with pytest.raises(ValueError, match=r"x must be \(O, C, I\), got shape \(3,\)"):
        _core.channel_sums(values, values)
    with pytest.raises(ValueError, match=r"shift must be \(3,\), got \(2,\)"):
        _core.channel_sums(x, np.zeros(2))
    with pytest.raises(ValueError, match=r"z must have x's shape \(2, 3, 1\)"):
        _core.channel_sums(x, values, np.zeros((1, 3, 1)))
    with pytest.raises(TypeError, match="z must have dtype float64"):
        _core.channel_sums(x, values, x.astype("float32"))
    with pytest.raises(TypeError, match="must be a NumPy array"):
        _core.channel_affine([1.0], values, values, values)  # type: ignore[type-var]
    with pytest.raises(ValueError, match=r"z_scale must be \(3,\)"):
        _core.channel_affine(x, values, values, values, x)
