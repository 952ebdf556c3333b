"""Regularizers: Keras's names, penalties and configs, and what they refuse."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst
from keras_oracle import keras

from sepconv import initializers, register, regularizers
from sepconv.errors import InputTypeError, ValidationError

CASES: list[tuple[str, dict[str, Any]]] = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L1", {"l1": None}),
    ("L2", {}),
    ("L2", {"l2": 1}),
    ("L2", {"l2": None}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1}),
    ("L1L2", {"l2": 0.2, "l1": None}),
    ("L1L2", {"l1": 0.1, "l2": 0.25}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
SHAPES = [(5, 7), (3, 4, 2), (1, 24, 8), (8,), (0, 3)]
PENALTIES = [
    (name, config, shape)
    for name, config in CASES
    for shape in ([(5, 7), (2, 3)] if name == "OrthogonalRegularizer" else SHAPES)
]


def test_names_are_those_of_keras() -> None:
    known = {n: c.__name__ for n, c in keras.src.regularizers.ALL_OBJECTS_DICT.items()}
    ours = {n: regularizers.registry[n].__name__ for n in regularizers.registry}
    assert ours == {n: c for n, c in known.items() if c != "Regularizer"}


@pytest.mark.parametrize(("name", "config", "shape"), PENALTIES)
def test_penalty_is_that_of_keras(name: str, config: dict[str, Any], shape: Any) -> None:
    x = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    ours = getattr(regularizers, name)(**config)
    theirs = float(getattr(keras.regularizers, name)(**config)(keras.ops.array(x)))
    penalty = ours(x)
    assert type(penalty) is float
    # Keras sums in float32: n roundings of a sum of positive terms, at worst.
    terms = max(x.size, 1) + (x.shape[-1] if name.startswith("Orth") else 0)
    assert penalty == pytest.approx(theirs, rel=terms * 2**-24, abs=1e-12)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_config_is_read_by_keras_and_the_other_way(name: str, config: dict[str, Any]) -> None:
    ours = getattr(regularizers, name)(**config)
    theirs = getattr(keras.regularizers, name)(**config)
    written = json.loads(json.dumps(regularizers.serialize(ours)))
    expected = keras.regularizers.serialize(theirs)
    assert written == expected
    back = keras.regularizers.deserialize(written)
    assert type(back) is type(theirs)
    assert back.get_config() == expected["config"]
    assert regularizers.get(expected).get_config() == ours.get_config()


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_argument_order_is_that_of_keras(name: str) -> None:
    ours, theirs = (
        [(n, p.default) for n, p in inspect.signature(getattr(module, name)).parameters.items()]
        for module in (regularizers, keras.regularizers)
    )
    assert ours == theirs


def test_config_returns_the_float_that_was_given() -> None:
    assert regularizers.L1(0.1).get_config() == {"l1": 0.1}
    assert type(regularizers.L2(1).get_config()["l2"]) is float


@given(
    x=npst.arrays(np.float64, npst.array_shapes(), elements=st.floats(-1e6, 1e6)),
    factor=st.floats(0, 100),
)
@settings(deadline=None)
def test_penalties_add_up(x: Any, factor: float) -> None:
    both = regularizers.L1L2(factor, 2 * factor)(x)
    apart = regularizers.L1(factor)(x) + regularizers.L2(2 * factor)(x)
    assert both == apart
    assert both >= 0


def test_sums_are_exact_where_float32_is_not() -> None:
    assert regularizers.L1(1.0)(np.array([2**24, 1], np.float32)) == 2**24 + 1
    assert math.isfinite(regularizers.L2(1.0)(np.array([1e30], np.float32)))
    assert regularizers.L2(1.0)(np.array([300], np.float16)) == 90000


def test_factor_of_0_drops_its_term() -> None:
    assert regularizers.L1L2(0, 0)([math.inf]) == 0


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal_vectors_cost_nothing_and_parallel_ones_the_factor(mode: str) -> None:
    regularizer = regularizers.OrthogonalRegularizer(0.25, mode)
    assert regularizer(np.eye(4)) == 0
    assert regularizer(np.ones((3, 3))) == pytest.approx(0.25)
    assert regularizer(np.zeros((3, 3))) == 0


def test_one_vector_has_no_pair_and_costs_nothing() -> None:
    assert regularizers.OrthogonalRegularizer()(np.ones((1, 3))) == 0


def test_orthogonal_regularizer_tells_its_rank() -> None:
    regularizer = regularizers.OrthogonalRegularizer()
    assert regularizer.rank == 2
    assert regularizers.L1().rank is None
    with pytest.raises(ValidationError) as error:
        regularizer(np.zeros((1, 2, 3)))
    with pytest.raises(ValueError) as theirs:
        keras.regularizers.OrthogonalRegularizer()(keras.ops.zeros((1, 2, 3)))
    assert str(error.value) == str(theirs.value)


# --- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "config", "shape"), PENALTIES)
def test_gradient_is_that_of_keras(name: str, config: dict[str, Any], shape: Any) -> None:
    x = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    found = regularizers.gradient(getattr(regularizers, name)(**config), x)
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    expected = np.asarray(jax.grad(getattr(keras.regularizers, name)(**config))(x))
    # Products of matrices add up to `terms` products of cosines, each at most 1, in float32.
    terms = 2 * sum(shape) if name.startswith("Orth") else 2
    least = 2**-24 * terms * (1 / np.min(abs(x), initial=1) if name.startswith("Orth") else 0)
    np.testing.assert_allclose(found, expected, rtol=terms * 2**-24, atol=least)


@given(
    x=npst.arrays(np.float64, (3, 4), elements=st.floats(-8, 8)),
    towards=npst.arrays(np.float64, (3, 4), elements=st.floats(-1, 1)),
    mode=st.sampled_from(["rows", "columns"]),
)
@settings(deadline=None)
def test_gradient_is_the_slope_of_the_penalty(x: Any, towards: Any, mode: str) -> None:
    """Off the kinks, where a penalty's sides agree; there central differences are exact to h²."""
    h = 2.0**-20
    x = x + 16 * np.eye(3, 4) + 10  # no value near 0, no vectors near a right angle
    for penalty in (
        regularizers.L1L2(0.5, 0.25),
        regularizers.OrthogonalRegularizer(4.0, mode),
    ):
        slope = (penalty(x + h * towards) - penalty(x - h * towards)) / (2 * h)
        # 2 eps of the penalty itself, and of its 12 terms, over h.
        rounding = 32 * 2**-53 * penalty(x) / h
        found = np.sum(regularizers.gradient(penalty, x) * towards)
        np.testing.assert_allclose(found, slope, atol=rounding + 16 * h * h)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_gradient_has_the_dtype_of_the_weights(name: str, dtype: str) -> None:
    regularizer = regularizers.get(name)
    assert isinstance(regularizer, regularizers.Regularizer)
    assert regularizer.gradient(np.ones((3, 3), dtype)).dtype == dtype


@pytest.mark.parametrize("value", [0.0, -0.0])
def test_gradient_at_the_kink_is_0(value: float) -> None:
    """As in Keras on TensorFlow and PyTorch; JAX has the slope of the right side, 1."""
    x = np.full(3, value, np.float32)
    assert regularizers.L1(0.5).gradient(x).tolist() == [0, 0, 0]
    assert np.asarray(jax.grad(keras.regularizers.L1(0.5))(x)).tolist() == [0.5, 0.5, 0.5]
    assert regularizers.L1L2(0.5, 0.5).gradient(x).tolist() == [0, 0, 0]
    assert not regularizers.OrthogonalRegularizer().gradient(np.eye(3)).any()


def test_gradient_of_equal_or_missing_vectors() -> None:
    regularizer = regularizers.OrthogonalRegularizer(0.5)
    np.testing.assert_allclose(regularizer.gradient(np.ones((3, 2))), 0, atol=1e-15)
    assert np.isfinite(regularizer.gradient(np.zeros((3, 2)))).all()
    assert regularizer.gradient(np.ones((1, 2))).tolist() == [[0, 0]]


def test_factor_of_0_drops_its_gradient() -> None:
    assert regularizers.L1L2(0, 0).gradient([math.inf]).tolist() == [0]


def test_callable_without_a_gradient_is_refused_with_the_way_out() -> None:
    def total(x: Any) -> float:
        return float(np.sum(x))

    with pytest.raises(NotImplementedError) as error:
        regularizers.gradient(total, np.ones(3))
    assert "total" in str(error.value)
    assert "subclass of `sepconv.regularizers.Regularizer`" in str(error.value)


def test_own_regularizer_without_a_gradient_is_told_what_to_define() -> None:
    class Range(regularizers.Regularizer):
        def __call__(self, x: Any) -> float:
            return float(np.ptp(x))

    with pytest.raises(NotImplementedError, match=r"Range has no gradient: define `gradient\("):
        regularizers.gradient(Range(), np.ones(3))


def test_own_gradient_of_another_shape_is_refused() -> None:
    class Total(regularizers.Regularizer):
        def __call__(self, x: Any) -> float:
            return float(np.sum(x))

        def gradient(self, x: Any) -> Any:
            return 1.0

    told = r"`gradient` of the regularizer Total\(\) must return .* of `x`, \(3,\); got \(\)"
    with pytest.raises(ValidationError, match=told):
        regularizers.gradient(Total(), np.ones(3))


# --- the user's own ------------------------------------------------------------------------------


def test_callable_is_taken_as_it_is() -> None:
    def total(x: Any) -> float:
        return float(np.sum(x))

    assert regularizers.get(total) is total
    with pytest.raises(ValidationError, match="register it first"):
        regularizers.serialize(total)


def test_registered_function_reads_back() -> None:
    @register(package="test_regularizers")
    def mean(x: Any) -> float:
        return float(np.mean(x))

    config = regularizers.serialize(mean)
    assert config["config"] == "test_regularizers>mean"
    assert regularizers.get(config) is mean


@pytest.mark.parametrize("identifier", [None, "l1", "L1", {"class_name": "l1"}, regularizers.L1])
def test_get_takes_every_form(identifier: Any) -> None:
    found = regularizers.get(identifier)
    assert found is None if identifier is None else type(found) is regularizers.L1


@pytest.mark.parametrize("identifier", ["l3", "l1_l2", 3, 0.01])
def test_unknown_identifier_is_told_as_keras_tells_it(identifier: Any) -> None:
    with pytest.raises(ValueError) as theirs:
        keras.regularizers.get(identifier)
    with pytest.raises(ValidationError) as error:
        regularizers.get(identifier)
    assert str(error.value).startswith(str(theirs.value))


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("l1_l2", "did you mean `l1l2`?"),
        (initializers.Zeros(), "Could not interpret regularizer identifier: Zeros()"),
        ({"class_name": "L1", "config": {"l2": 1}}, "Unrecognized keyword arguments passed to L1"),
        ({"class_name": "L1", "config": {"l1": -1}}, "`l1` must be at least 0, got -1"),
        ({"class_name": "L1", "config": {"l1": math.inf}}, "`l1` must be a finite number"),
        ({"class_name": "L1", "config": {"l1": "a"}}, "`l1` must be a finite number, got 'a'"),
        (
            {"class_name": "OrthogonalRegularizer", "config": {"mode": "row"}},
            '`mode` must be "rows" or "columns", got \'row\'',
        ),
    ],
)
def test_bad_identifier_is_refused_with_the_way_out(identifier: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        regularizers.get(identifier)
    assert told in str(error.value)


def test_other_data_is_refused() -> None:
    with pytest.raises(InputTypeError, match="complex128"):
        regularizers.L1()(np.zeros(2, complex))
