"""Embedding: which inputs are numbers of rows, and which are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import Embedding, Sequential
from sepconv.errors import InputTypeError, ValidationError
from sepconv.layers import Input

ROWS = np.arange(10.0).reshape(5, 2)


def layer(**arguments: Any) -> Embedding:
    return Embedding(5, 2, weights=ROWS, **arguments)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64", "float16", "float32", "float64"]
)
def test_whole_numbers_of_any_dtype_are_taken(dtype: str) -> None:
    y = layer()(np.array([[4, 0]], dtype))
    assert y.tolist() == [[[8.0, 9.0], [0.0, 1.0]]]
    assert y.dtype == np.float32


def test_bools_and_lists_are_taken() -> None:
    assert layer()([[True, False]]).tolist() == [[[2.0, 3.0], [0.0, 1.0]]]


@pytest.mark.parametrize("bad", [5, -1, 1.5, float("nan"), float("inf"), 2**40, 2**63])
def test_number_that_is_no_row_is_named_with_its_place(bad: float) -> None:
    told = r"from 0 to 4 \(`input_dim=5`\), got .* at \[1, 2\]"
    x = np.zeros((2, 3), np.array(bad).dtype)
    x[1, 2] = bad
    with pytest.raises(ValidationError, match=told):
        layer()(x)


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_what_is_no_number_is_refused(bad: NDArray[Any]) -> None:
    with pytest.raises(InputTypeError, match="Embedding takes ints"):
        layer()(bad)


@given(numbers=st.lists(st.integers(0, 4), max_size=40))
def test_gradient_adds_up_the_uses_of_each_row(numbers: list[int]) -> None:
    ours = layer(dtype="float64")
    y, pullback = ours.vjp(np.array([numbers], int).reshape(1, -1))
    dy = np.random.default_rng(0).integers(-9, 9, y.shape).astype(np.float64)
    dx, grads = pullback(dy)
    expected = np.zeros((5, 2))
    for number, row in zip(numbers, dy[0], strict=True):
        expected[number] += row
    assert dx is None
    assert (grads[ours.embeddings] == expected).all()


def test_weights_may_be_given_as_in_keras() -> None:
    for weights in (ROWS, [ROWS]):
        ours = Embedding(5, 2, weights=weights)
        theirs = keras.layers.Embedding(5, 2, weights=weights)
        assert ours.built
        assert (ours.get_weights()[0] == theirs.get_weights()[0]).all()
    with pytest.raises(ValidationError, match=r"weight shape \(5, 2\) is not compatible"):
        Embedding(5, 2, weights=ROWS.T)


def test_input_length_is_dropped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="`input_length` is deprecated"):
        assert Embedding(5, 2, input_length=3).get_config() == Embedding(5, 2).get_config()


@pytest.mark.parametrize("bad", [0, -3, 1.5, True, "x"])
@pytest.mark.parametrize("name", ["input_dim", "output_dim"])
def test_bad_size_has_the_words_of_keras(name: str, bad: Any) -> None:
    arguments: Any = {"input_dim": 5, "output_dim": 2, name: bad}
    with pytest.raises(ValueError) as told:
        keras.layers.Embedding(**arguments)
    with pytest.raises(ValidationError) as refused:
        Embedding(**arguments)
    assert str(refused.value).replace("'x'", "x") == str(told.value)


def test_masks_and_quantization_are_refused() -> None:
    with pytest.raises(ValidationError, match="`mask_zero=True` is not supported"):
        Embedding(5, 2, mask_zero=True)
    with pytest.raises(ValidationError, match="`quantization_config='int8'` is not supported"):
        Embedding(5, 2, quantization_config="int8")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="Unrecognized"):
        Embedding(5, 2, lora_rank=2)


def test_network_may_begin_with_it() -> None:
    network = Sequential([Input((3,), dtype="int32"), layer()])
    assert network(np.array([[4, 0, 1]])).shape == (1, 3, 2)
    with pytest.raises(ValidationError, match="from 0 to 4"):
        network(np.array([[5, 0, 1]]))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "float16"])
def test_large_numbers_of_rows_are_not_rounded(dtype: str) -> None:
    ours = Embedding(2**24 + 4, 1, embeddings_initializer="zeros", dtype="float16")
    ours.build((None, 1))
    row = 2**24 + 3
    rows = np.zeros((2**24 + 4, 1), np.float16)
    rows[row] = 1
    ours.set_weights([rows])
    assert ours([[row]]).item() == 1
    assert Sequential([Input((1,), dtype="int32"), ours], dtype=dtype)([[row]]).item() == 1
