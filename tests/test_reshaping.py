"""Reshaping: laws, and errors in Keras's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras

from sepconv import Cropping1D, Flatten, Permute, Reshape, UpSampling1D, ZeroPadding1D
from sepconv.errors import ValidationError

X = np.random.default_rng(0).normal(size=(2, 12, 5)).astype(np.float32)


@given(before=st.integers(0, 5), behind=st.integers(0, 5))
def test_cropping_undoes_padding(before: int, behind: int) -> None:
    padded = ZeroPadding1D((before, behind))(X)
    assert padded.shape == (2, 12 + before + behind, 5)
    assert Cropping1D((before, behind))(padded).tobytes() == X.tobytes()
    assert padded.astype(bool).sum() == X.astype(bool).sum()


@given(dims=st.permutations([1, 2, 3]))
def test_permutation_is_undone_by_its_inverse(dims: list[int]) -> None:
    x = X.reshape(2, 3, 4, 5)
    inverse = tuple(int(n) + 1 for n in np.argsort(dims))
    assert Permute(inverse)(Permute(tuple(dims))(x)).tobytes() == x.tobytes()


def test_flatten_and_reshape_are_each_others_inverse() -> None:
    assert Reshape((12, 5))(Flatten()(X)).tobytes() == X.tobytes()
    assert Reshape((-1, 5))(Flatten()(X)).tobytes() == X.tobytes()


def test_upsampled_steps_are_repeated() -> None:
    y = UpSampling1D(3)(X)
    assert all(y[:, n::3].tobytes() == X.tobytes() for n in range(3))


@pytest.mark.parametrize("empty", [(0,), (0, 4), (-1, 0)])
def test_reshape_to_nothing_takes_nothing(empty: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="total size of the tensor must be unchanged") as told:
        keras.layers.Reshape(empty).compute_output_shape((None, 12, 5))
    with pytest.raises(ValidationError) as refused:
        Reshape(empty)(X)
    assert str(refused.value) == str(told.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Reshape", {"target_shape": (-1, -1)}),
        ("Reshape", {"target_shape": (-2, 3)}),
        ("Permute", {"dims": (0, 1)}),
        ("Permute", {"dims": (1, 3)}),
        ("ZeroPadding1D", {"padding": (1, 2, 3)}),
        ("ZeroPadding1D", {"padding": (1, -2)}),
        ("ZeroPadding1D", {"padding": -1}),
        ("Cropping1D", {"cropping": (1,)}),
    ],
    ids=str,
)
def test_bad_argument_has_the_words_of_keras(name: str, arguments: Any) -> None:
    ours: Any = {"Reshape": Reshape, "Permute": Permute, "ZeroPadding1D": ZeroPadding1D,
                 "Cropping1D": Cropping1D}[name]  # fmt: skip
    with pytest.raises(ValueError) as told:
        getattr(keras.layers, name)(**arguments)
    with pytest.raises(ValidationError) as refused:
        ours(**arguments)
    assert str(refused.value) == str(told.value)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (Reshape, {"target_shape": "ab"}),
        (Reshape, {"target_shape": (2.0, 3)}),
        (Permute, {"dims": {1, 2}}),
        (ZeroPadding1D, {"padding": (1.5, 2)}),
        (Cropping1D, {"cropping": (True, 1)}),
        (UpSampling1D, {"size": 0}),
        (UpSampling1D, {"size": 1.5}),
        (UpSampling1D, {"size": True}),
    ],
    ids=str,
)
def test_sizes_must_be_ints(cls: Any, arguments: Any) -> None:
    with pytest.raises(ValidationError, match=next(iter(arguments))):
        cls(**arguments)


def test_input_of_another_size_has_the_words_of_keras() -> None:
    for target in [(7, 3), (-1, 7)]:
        with pytest.raises(ValueError) as told:
            keras.layers.Reshape(target).compute_output_shape((None, 12, 5))
        with pytest.raises(ValidationError) as refused:
            Reshape(target)(X)
        assert str(refused.value) == str(told.value)


def test_cropping_must_leave_something() -> None:
    told = r"`cropping` parameter of `Cropping1D` layer must be smaller than the input length"
    for act in (lambda: Cropping1D((6, 6))(X), lambda: Cropping1D(7).compute_output_shape(X.shape)):
        with pytest.raises(ValidationError, match=told):
            act()


@pytest.mark.parametrize("layer", [ZeroPadding1D(), Cropping1D(), UpSampling1D(), Permute((2, 1))])
def test_other_ranks_are_refused(layer: Any) -> None:
    with pytest.raises(ValidationError, match="expected ndim=3, found ndim=2"):
        layer(np.ones((2, 3)))
