"""Merging: broadcasting, lists of inputs, and errors in Keras's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras

from sepconv import Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract
from sepconv.errors import ValidationError
from sepconv.layers import Input

BY_NAME: dict[str, Any] = {
    cls.__name__: cls for cls in (Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract)
}
FOLDS = {
    "Add": sum, "Average": lambda xs: sum(xs) / len(xs), "Multiply": np.prod,
    "Maximum": max, "Minimum": min,
}  # fmt: skip


@given(
    values=st.lists(st.integers(-50, 50), min_size=1, max_size=6),
    name=st.sampled_from(sorted(FOLDS)),
)
def test_merge_folds_its_inputs(values: list[int], name: str) -> None:
    y = BY_NAME[name](dtype="float64")([np.array([[float(v)]]) for v in values])
    assert y.item() == pytest.approx(float(FOLDS[name](values)), rel=1e-15)


def test_inputs_may_be_a_tuple_or_nested_lists() -> None:
    assert Add()(([[1.0]], [[2.0]])).tolist() == [[3.0]]
    assert Concatenate()((np.ones((1, 2)), [[3]])).tolist() == [[1.0, 1.0, 3.0]]


def test_output_never_is_an_input() -> None:
    x = np.ones((2, 3), np.float32)
    for name in FOLDS:
        assert not np.shares_memory(BY_NAME[name]()([x]), x)
    assert not np.shares_memory(Concatenate()([x]), x)


def test_integer_and_float_inputs_meet_in_the_compute_dtype() -> None:
    y = Multiply(dtype="float64")([np.array([[2]]), np.array([[0.5]], np.float16)])
    assert (y.dtype, y.item()) == ("float64", 1.0)


def test_input_that_is_used_twice_gets_both_gradients() -> None:
    x = np.array([[3.0, 4.0]])
    _, pullback = Multiply(dtype="float64").vjp([x, x])
    (first, second), _ = pullback(np.ones((1, 2)))
    assert (first + second == 2 * x).all()


def test_symbolic_lists_are_recorded() -> None:
    a, b = Input((10, 6)), Input((10, 2))
    layer = Concatenate()
    y = layer([a, b])
    assert y.shape == (None, 10, 8)
    assert layer.input == [a, b]
    assert layer.output is y


@pytest.mark.parametrize("name", sorted(BY_NAME))
@pytest.mark.parametrize("shapes", [
    (2, 3),
    [(2, 3, 4), (2, 5, 4)],
    [(2, 3), (3, 3)],
    [(2, 3, 4), (2, 4, 5, 1)],
], ids=str)  # fmt: skip
def test_shapes_that_do_not_go_together_have_the_words_of_keras(name: str, shapes: Any) -> None:
    if name == "Concatenate" and shapes == [(2, 3, 4), (2, 4, 5, 1)]:
        shapes = [(2, 3, 4), (2, 3)]
    made = [np.ones(s) for s in shapes] if isinstance(shapes, list) else np.ones(shapes)
    with pytest.raises(ValueError) as told:
        getattr(keras.layers, name)()(made)
    with pytest.raises(ValidationError) as refused:
        BY_NAME[name]()(made)
    assert str(refused.value) == str(told.value)


def test_shapes_are_checked_at_every_call() -> None:
    layer = Add()
    layer([np.ones((2, 3)), np.ones((2, 3))])
    with pytest.raises(ValidationError, match="incompatible shapes"):
        layer([np.ones((2, 3)), np.ones((2, 4))])


def test_subtract_takes_two() -> None:
    with pytest.raises(ValueError) as told:
        keras.layers.Subtract()([np.ones((2, 3))] * 3)
    with pytest.raises(ValidationError) as refused:
        Subtract()([np.ones((2, 3))] * 3)
    assert str(refused.value) == str(told.value)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_no_inputs_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="should be called on a list of"):
        BY_NAME[name]()([])
    with pytest.raises(ValidationError, match="should be called on a list of"):
        BY_NAME[name]()(Input((3,)))


def test_concatenation_axis_must_be_there() -> None:
    with pytest.raises(ValidationError, match="`axis=3` is out of bounds for inputs of 2 axes"):
        Concatenate(axis=3)([np.ones((2, 3)), np.ones((2, 3))])
    with pytest.raises(ValidationError, match="`axis` must be an integer"):
        Concatenate(axis="x")  # type: ignore[arg-type]
