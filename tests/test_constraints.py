"""Constraints: Keras's names, projections and configs, and what they refuse."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst
from keras_oracle import keras

from sepconv import constraints, register, regularizers
from sepconv.errors import InputTypeError, ValidationError

CASES: list[tuple[str, dict[str, Any]]] = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": [0, 1]}),
    ("MaxNorm", {"max_value": 0, "axis": -1}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": [0, 2]}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.25, "axis": 1}),
    ("MinMaxNorm", {"rate": 0.0}),
    ("NonNeg", {}),
]
# The shapes of the two kernels, and one that no vector of which is 0.
SHAPES = [(5, 6, 2), (1, 12, 8), (3, 4, 5)]

weights = npst.arrays(
    np.float32, (4, 3, 2), elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False)
)


def test_names_are_those_of_keras() -> None:
    known = {n: c.__name__ for n, c in keras.src.constraints.ALL_OBJECTS_DICT.items()}
    ours = {n: constraints.registry[n].__name__ for n in constraints.registry}
    assert ours == {n: c for n, c in known.items() if c != "Constraint"}


@pytest.mark.parametrize(("name", "config"), CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_projection_is_that_of_keras(name: str, config: dict[str, Any], shape: Any) -> None:
    w = np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)
    w[0, 0, :] = 0
    before = w.copy()
    ours = getattr(constraints, name)(**config)(w)
    theirs = np.asarray(getattr(keras.constraints, name)(**config)(w))
    # Keras's float32: a sum of at most w.size squares, a root, and 5 more operations.
    np.testing.assert_allclose(ours, theirs, rtol=(w.size / 2 + 6) * 2**-24, atol=1e-30)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize(("name", "config"), CASES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", ">f4"])
def test_dtype_is_kept(name: str, config: dict[str, Any], dtype: str) -> None:
    import ml_dtypes

    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    w = np.random.default_rng(1).normal(0, 300, (3, 4, 5)).astype(kind)
    constraint = getattr(constraints, name)(**config)
    projected = constraint(w)
    assert projected.dtype == kind.newbyteorder("=")
    exact = constraint(w.astype(np.float64))
    eps = {"bfloat16": 2**-8, "float16": 2**-11}.get(dtype, 2**-24)
    # Half a unit in the last place: the one rounding, subnormals of float16 too.
    np.testing.assert_allclose(projected.astype(np.float64), exact, rtol=eps, atol=2**-25)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_config_is_read_by_keras_and_the_other_way(name: str, config: dict[str, Any]) -> None:
    ours = getattr(constraints, name)(**config)
    theirs = getattr(keras.constraints, name)(**config)
    written = json.loads(json.dumps(constraints.serialize(ours)))
    assert written == keras.constraints.serialize(theirs)
    back = keras.constraints.deserialize(written)
    assert (type(back), back.get_config()) == (type(theirs), theirs.get_config())
    assert constraints.get(written).get_config() == ours.get_config()


@pytest.mark.parametrize("name", ["MaxNorm", "UnitNorm", "MinMaxNorm"])
def test_argument_order_is_that_of_keras(name: str) -> None:
    ours, theirs = (
        [(n, p.default) for n, p in inspect.signature(getattr(module, name)).parameters.items()]
        for module in (constraints, keras.constraints)
    )
    assert ours == theirs


def norms(w: Any, axis: Any) -> Any:
    return np.sqrt(np.sum(np.square(w, dtype=np.float64), axis=axis))


@given(w=weights, most=st.floats(0.01, 100))
@settings(deadline=None)
def test_max_norm_leaves_no_larger_norm_and_changes_no_smaller_one(w: Any, most: float) -> None:
    projected = constraints.MaxNorm(most, axis=[0, 1])(w)
    assert (norms(projected, (0, 1)) <= most * (1 + 2**-22)).all()
    small = norms(w, (0, 1)) <= most
    # ε is added to the norm: a relative change of at most ε / n, an absolute one of ε.
    np.testing.assert_allclose(projected[..., small], w[..., small], rtol=2**-23, atol=1.01e-7)


@given(w=weights)
@settings(deadline=None)
def test_unit_norm_gives_norms_of_1(w: Any) -> None:
    given_norms = norms(w, 0)
    np.testing.assert_allclose(
        norms(constraints.UnitNorm()(w), 0), given_norms / (given_norms + 1e-7), rtol=2**-22
    )


@given(w=weights, low=st.floats(0.1, 1), more=st.floats(0, 2), rate=st.floats(0, 1))
@settings(deadline=None)
def test_min_max_norm_moves_norms_by_the_rate(w: Any, low: float, more: float, rate: float) -> None:
    before = norms(w, 1)
    after = norms(constraints.MinMaxNorm(low, low + more, rate, axis=1)(w), 1)
    wanted = rate * np.clip(before, low, low + more) + (1 - rate) * before
    np.testing.assert_allclose(after, wanted * before / (before + 1e-7), rtol=2**-22, atol=1e-40)


@given(w=weights)
@settings(deadline=None)
def test_non_neg_is_idempotent_and_keeps_what_is_positive(w: Any) -> None:
    once = constraints.NonNeg()(w)
    assert (once >= 0).all()
    np.testing.assert_array_equal(once[w > 0], w[w > 0])
    np.testing.assert_array_equal(constraints.NonNeg()(once), once)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_nan_goes_through(name: str, config: dict[str, Any]) -> None:
    w = np.ones((2, 2, 2), np.float32)
    w[0, 1, 0] = math.nan
    assert np.isnan(getattr(constraints, name)(**config)(w)[0, 1, 0])


def test_squares_do_not_overflow() -> None:
    w = np.array([3e30, 4e30], np.float32)
    np.testing.assert_allclose(constraints.UnitNorm()(w), [0.6, 0.8], rtol=2**-23)


def test_callable_is_taken_as_it_is() -> None:
    assert constraints.get(np.abs) is np.abs


def test_registered_subclass_reads_back() -> None:
    @register(package="test_constraints")
    class Halved(constraints.Constraint):
        def __call__(self, w: Any) -> Any:
            return np.asarray(w) / 2

    assert isinstance(constraints.get(constraints.serialize(Halved())), Halved)
    assert isinstance(constraints.get(Halved), Halved)


@pytest.mark.parametrize("identifier", ["max_nor", "maxnorm", 3])
def test_unknown_identifier_is_told_as_keras_tells_it(identifier: Any) -> None:
    with pytest.raises(ValueError) as theirs:
        keras.constraints.get(identifier)
    with pytest.raises(ValidationError) as error:
        constraints.get(identifier)
    assert str(error.value).startswith(str(theirs.value))


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("MaxNorn", "did you mean `max_norm`?"),
        (regularizers.L1(), "Could not interpret constraint identifier: L1()"),
        ({"class_name": "MaxNorm", "config": {"max_value": -1}}, "`max_value` must be at least 0"),
        ({"class_name": "MaxNorm", "config": {"m": 1}}, "Unrecognized keyword arguments"),
        ({"class_name": "MaxNorm", "config": {"axis": 1.5}}, "`axis` must be an integer"),
        ({"class_name": "MaxNorm", "config": {"axis": "0"}}, "`axis` must be an integer"),
        ({"class_name": "UnitNorm", "config": {"axis": [0, 0]}}, "`axis` names an axis twice"),
        (
            {"class_name": "MinMaxNorm", "config": {"min_value": 2, "max_value": 1}},
            "`min_value` must not be above `max_value`: min_value=2, max_value=1",
        ),
        ({"class_name": "MinMaxNorm", "config": {"rate": 1.5}}, "`rate` must be at most 1"),
        ({"class_name": "NonNeg", "config": {"axis": 0}}, "Unrecognized keyword arguments"),
    ],
)
def test_bad_identifier_is_refused_with_the_way_out(identifier: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        constraints.get(identifier)
    assert told in str(error.value)


@pytest.mark.parametrize(("axis", "shape"), [(1, (3,)), ([0, 3], (1, 2, 3)), (-4, (1, 2, 3))])
def test_axis_outside_the_weights_is_refused(axis: Any, shape: Any) -> None:
    with pytest.raises(ValidationError, match=f"the weights have {len(shape)} axes"):
        constraints.MaxNorm(axis=axis)(np.zeros(shape))


def test_other_data_is_refused() -> None:
    with pytest.raises(InputTypeError, match="complex128"):
        constraints.NonNeg()(np.zeros(2, complex))
