"""Pooling: laws, NaN, and errors in Keras's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import AveragePooling1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D
from sepconv.errors import ValidationError

GEOMETRY = {
    "steps": st.integers(1, 30),
    "pool_size": st.integers(1, 12),
    "strides": st.integers(1, 12),
    "padding": st.sampled_from(["valid", "same"]),
}


def windows(
    x: NDArray[Any], pool_size: int, strides: int, padding: str
) -> list[list[NDArray[Any]]]:
    """Return the steps of each window, one window after the other."""
    steps = x.shape[1]
    if padding == "valid":
        starts = list(range(0, steps - pool_size + 1, strides))
    else:
        count = -(-steps // strides)
        left = max((count - 1) * strides + pool_size - steps, 0) // 2
        starts = [n * strides - left for n in range(count)]
    return [[x[:, t] for t in range(s, s + pool_size) if 0 <= t < steps] for s in starts]


@given(**GEOMETRY)
def test_pooling_is_that_of_its_windows(
    steps: int, pool_size: int, strides: int, padding: str
) -> None:
    if padding == "valid" and steps < pool_size:
        return
    x = np.random.default_rng(0).integers(-9, 9, (2, steps, 3)).astype(np.float64)
    given_windows = windows(x, pool_size, strides, padding)
    arguments = {"pool_size": pool_size, "strides": strides, "padding": padding,
                 "dtype": "float64"}  # fmt: skip
    largest = np.stack([np.max(w, axis=0) for w in given_windows], axis=1)
    means = np.stack([np.sum(w, axis=0) / len(w) for w in given_windows], axis=1)
    assert (MaxPooling1D(**arguments)(x) == largest).all()
    assert (AveragePooling1D(**arguments)(x) == means).all()


@given(**GEOMETRY)
def test_gradient_of_the_mean_shares_and_of_the_maximum_picks(
    steps: int, pool_size: int, strides: int, padding: str
) -> None:
    if padding == "valid" and steps < pool_size:
        return
    x = np.random.default_rng(0).permutation(np.arange(6.0 * steps)).reshape(2, steps, 3)
    arguments = {"pool_size": pool_size, "strides": strides, "padding": padding,
                 "dtype": "float64"}  # fmt: skip
    for layer in (MaxPooling1D(**arguments), AveragePooling1D(**arguments)):
        y, pullback = layer.vjp(x)
        dx, _ = pullback(np.ones(y.shape))
        assert np.abs(dx.sum() - y.size) < 1e-9  # every window hands on what it gets


@pytest.mark.parametrize("layer", [MaxPooling1D(2), GlobalMaxPooling1D()], ids=["window", "all"])
def test_nan_is_the_largest_value(layer: Any) -> None:
    y = layer(np.array([[[1.0], [np.nan]]]))
    assert np.isnan(y).all()


def test_minus_infinity_stays() -> None:
    assert MaxPooling1D(2)(np.full((1, 2, 1), -np.inf)).item() == -np.inf


def test_strides_are_the_pool_size_by_default() -> None:
    assert MaxPooling1D(3).strides == (3,)
    assert AveragePooling1D(3, strides=2).strides == (2,)


def test_too_short_input_has_the_words_of_keras() -> None:
    with pytest.raises(ValueError, match="Computed output size would be zero or negative"):
        keras.layers.MaxPooling1D(8).compute_output_shape((2, 6, 3))
    for act in (lambda: MaxPooling1D(8).compute_output_shape((2, 6, 3)),
                lambda: MaxPooling1D(8)(np.ones((2, 6, 3)))):  # fmt: skip
        with pytest.raises(ValidationError, match=r"output size would be zero.*`pool_size"):
            act()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"pool_size": 0}, r"The `pool_size` argument must be a tuple of 1 integers.*value > 0"),
        ({"pool_size": (2, 3)}, "The `pool_size` argument must be a tuple of 1 integers"),
        ({"pool_size": 2, "strides": -1}, "The `strides` argument must be a tuple of 1 integers"),
        ({"pool_size": 2, "strides": 0}, "do not satisfy `value > 0`"),
        ({"pool_size": 2, "padding": "causal"}, '`padding` must be "valid" or "same"'),
        ({"pool_size": 2, "data_format": "x"}, "`data_format`"),
    ],
)
def test_bad_argument_fails_at_construction(arguments: Any, told: str) -> None:
    for cls in (MaxPooling1D, AveragePooling1D):
        with pytest.raises(ValidationError, match=told):
            cls(**arguments)


def test_average_pooling_needs_a_pool_size_as_in_keras() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'pool_size'"):
        AveragePooling1D()  # type: ignore[call-arg]


@pytest.mark.parametrize("cls", [MaxPooling1D, GlobalMaxPooling1D, GlobalAveragePooling1D])
def test_other_ranks_are_refused(cls: Any) -> None:
    for act in (cls(), cls().compute_output_shape):
        with pytest.raises(ValidationError, match="expected ndim=3, found ndim=2"):
            act(np.ones((2, 3)) if act.__class__ is cls else (2, 3))


def test_no_steps_have_no_maximum_and_no_mean() -> None:
    with pytest.raises(ValidationError, match="has no steps"):
        GlobalMaxPooling1D()(np.zeros((2, 0, 3)))
    assert np.isnan(GlobalAveragePooling1D()(np.zeros((2, 0, 3)))).all()
    assert MaxPooling1D(2, padding="same")(np.zeros((2, 0, 3))).shape == (2, 0, 3)
