"""SeparableConv1D: which shapes it makes of which, and which it refuses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_oracle import keras

from sepconv import SeparableConv1D
from sepconv.errors import ValidationError

SPAN = 9  # of 5 taps at dilation 2


@settings(max_examples=150, deadline=None)
@given(
    steps=st.integers(0, 60),
    taps=st.integers(1, 9),
    step=st.sampled_from([(1, 1), (2, 1), (3, 1), (7, 1), (1, 2), (1, 5)]),
    padding=st.sampled_from(["valid", "same"]),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_output_shape_is_that_of_keras_and_of_the_output(
    steps: int, taps: int, step: tuple[int, int], padding: str, data_format: str
) -> None:
    arguments: dict[str, Any] = {
        "filters": 3,
        "kernel_size": taps,
        "strides": step[0],
        "dilation_rate": step[1],
        "padding": padding,
        "data_format": data_format,
    }
    shape = (2, steps, 4) if data_format == "channels_last" else (2, 4, steps)
    ours = SeparableConv1D(**arguments)
    try:
        expected = keras.layers.SeparableConv1D(**arguments).compute_output_shape(shape)
    except ValueError as theirs:
        with pytest.raises(ValidationError, match=re.escape(str(theirs)[:50])):
            ours.compute_output_shape(shape)
        return
    assert ours.compute_output_shape(shape) == expected
    assert ours(np.zeros(shape, np.float32)).shape == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None, None, 12), (None, None, 4)),
        ([None, 10, 12], (None, 8, 4)),
        ((np.int64(2), 10, None), (2, 8, 4)),
        (np.array([2, 10, 12]), (2, 8, 4)),
        ((0, 10, 12), (0, 8, 4)),
    ],
)
def test_output_shape_takes_any_sequence_and_keeps_none(
    shape: Any, expected: tuple[int | None, ...]
) -> None:
    made = SeparableConv1D(4, 3).compute_output_shape(shape)
    assert made == expected
    assert type(made) is tuple
    assert {type(size) for size in made} <= {int, type(None)}


@pytest.mark.parametrize("shape", [None, 3, "abc", (2, 10.0, 12), (2, -1, 12), (2, "x", 12), {2}])
def test_output_shape_refuses_what_is_no_shape(shape: Any) -> None:
    with pytest.raises(ValidationError, match="shape"):
        SeparableConv1D(4, 3).compute_output_shape(shape)


@pytest.mark.parametrize("shape", [(2, 10), (2, 10, 12, 3), (10,), ()])
def test_rank_other_than_three_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="must have the same length as input"):
        SeparableConv1D(4, 3).compute_output_shape(shape)


@pytest.mark.parametrize("method", ["compute_output_shape", "build", "call"])
def test_no_channels_is_an_error(method: str) -> None:
    layer = SeparableConv1D(4, 3)
    with pytest.raises(
        ValidationError, match=r"at least one channel, got input shape \(2, 10, 0\)"
    ):
        if method == "call":
            layer(np.zeros((2, 10, 0)))
        else:
            getattr(layer, method)((2, 10, 0))
    assert not layer.built


def test_no_steps_with_same_padding_give_no_steps() -> None:
    assert SeparableConv1D(4, 3, padding="same")(np.zeros((2, 0, 5))).shape == (2, 0, 4)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_empty_batch_gives_an_empty_batch(padding: str) -> None:
    steps = 10 if padding == "same" else 8
    assert SeparableConv1D(4, 3, padding=padding)(np.zeros((0, 10, 5))).shape == (0, steps, 4)


def test_short_input_is_refused_by_a_built_layer_too() -> None:
    layer = SeparableConv1D(4, 5, dilation_rate=2)
    layer(np.zeros((1, SPAN, 3)))
    for _ in range(2):
        with pytest.raises(ValidationError, match=r"zero or negative.*\(1, 8, 3\).*\(5, 3, 4\)"):
            layer(np.zeros((1, SPAN - 1, 3)))


@pytest.mark.parametrize(
    ("shape", "data_format"), [((2, 10, 11), "channels_last"), ((2, 11, 10), "channels_first")]
)
def test_other_channels_are_refused_with_the_words_of_keras(
    shape: tuple[int, ...], data_format: str
) -> None:
    built = (None, 10, 12) if data_format == "channels_last" else (None, 12, 10)
    ours = SeparableConv1D(4, 3, data_format=data_format, name="X")
    theirs = keras.layers.SeparableConv1D(4, 3, data_format=data_format, name="X")
    ours.build(built)
    theirs.build(built)
    with pytest.raises(ValueError) as told:
        theirs(np.zeros(shape, np.float32))
    with pytest.raises(ValidationError) as refused:
        ours(np.zeros(shape, np.float32))
    assert str(refused.value) == str(told.value)


@pytest.mark.parametrize("built", [False, True])
def test_rank_two_is_refused_with_the_words_of_keras(built: bool) -> None:
    ours, theirs = SeparableConv1D(4, 3, name="X"), keras.layers.SeparableConv1D(4, 3, name="X")
    if built:
        ours.build((None, 3, 2))
        theirs.build((None, 3, 2))
    with pytest.raises(ValueError) as told:
        theirs(np.zeros((3, 2), np.float32))
    with pytest.raises(ValidationError) as refused:
        ours(np.zeros((3, 2), np.float32))
    assert str(refused.value) == str(told.value)


def test_rank_four_is_refused_on_every_call() -> None:
    layer = SeparableConv1D(4, 3)
    layer(np.zeros((2, 10, 12)))
    with pytest.raises(ValidationError, match="must have the same length as input"):
        layer(np.zeros((2, 10, 3, 12)))


def test_glu_halves_the_last_axis_in_the_output_shape() -> None:
    layer = SeparableConv1D(6, 3, activation="glu")
    assert layer.compute_output_shape((2, 10, 5)) == (2, 8, 3)
    assert layer(np.ones((2, 10, 5))).shape == (2, 8, 3)


def test_unknown_channels_cannot_be_built() -> None:
    with pytest.raises(ValidationError, match=r"number of input channels .* must be known"):
        SeparableConv1D(4, 3).build((None, 10, None))
