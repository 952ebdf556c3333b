"""The functional form: any layout and dtype in, the core's bits out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import reference
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from sepconv import activations
from sepconv.errors import InputTypeError, ValidationError
from sepconv.ops import as_input, separable_conv1d

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 11, 5)).astype(np.float32)
DEPTHWISE = RNG.standard_normal((3, 5, 2)).astype(np.float32)
POINTWISE = RNG.standard_normal((1, 10, 4)).astype(np.float32)
BIAS = RNG.standard_normal(4).astype(np.float32)
WEIGHTS = (DEPTHWISE, POINTWISE, BIAS)
Y = separable_conv1d(X, *WEIGHTS)


def misaligned(x: NDArray[Any]) -> NDArray[Any]:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    array = raw[1:].view(x.dtype).reshape(x.shape)
    array[:] = x
    return array


def read_only(x: NDArray[Any]) -> NDArray[Any]:
    array = x.copy()
    array.flags.writeable = False
    return array


def spread(x: NDArray[Any]) -> NDArray[Any]:
    wide = np.full((*x.shape[:-1], 3 * x.shape[-1]), np.nan, x.dtype)
    wide[..., ::3] = x
    return wide[..., ::3]


LAYOUTS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "list": lambda x: x.tolist(),
    "fortran": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "spread": spread,
    "misaligned": misaligned,
    "big endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read only": read_only,
    "subclass": lambda x: x.view(type("Subclass", (np.ndarray,), {})),
    "masked": np.ma.asarray,
    "array protocol": lambda x: memoryview(x),
}


def test_result_is_the_oracle_s() -> None:
    exact, size = reference.separable_conv1d(X, *WEIGHTS)
    assert np.all(np.abs(Y - exact) <= reference.tolerance(size, 14, np.dtype(np.float32)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_change_a_bit(layout: str) -> None:
    x = LAYOUTS[layout](X)
    y = separable_conv1d(x, *WEIGHTS)
    assert type(y) is np.ndarray
    assert y.tobytes() == Y.tobytes()
    first = LAYOUTS[layout](np.ascontiguousarray(X.transpose(0, 2, 1)))
    y = separable_conv1d(first, *WEIGHTS, data_format="channels_first")
    np.testing.assert_array_equal(y.transpose(0, 2, 1), Y)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "reversed"])
def test_layout_of_the_weights_does_not_change_a_bit(layout: str) -> None:
    weights = [LAYOUTS[layout](w) for w in WEIGHTS]
    np.testing.assert_array_equal(separable_conv1d(X, *weights), Y)


def test_broadcast_input_is_taken() -> None:
    row = np.broadcast_to(X[:1], (3, 11, 5))
    np.testing.assert_array_equal(separable_conv1d(row, *WEIGHTS), np.repeat(Y[:1], 3, axis=0))


def test_memory_mapped_input_is_taken(tmp_path: Path) -> None:
    X.tofile(tmp_path / "x")
    mapped = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
    np.testing.assert_array_equal(separable_conv1d(mapped, *WEIGHTS), Y)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool"])
def test_integers_and_bools_are_computed_in_float32(dtype: str) -> None:
    x = np.arange(110).reshape(2, 11, 5).astype(dtype)
    y = separable_conv1d(x, *WEIGHTS)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, separable_conv1d(x.astype(np.float32), *WEIGHTS))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("activation", [None, "relu", "softmax"])
def test_narrow_floats_are_computed_in_float32_and_returned_narrow(
    dtype: Any, activation: str | None
) -> None:
    x = X.astype(dtype)
    y = separable_conv1d(x, *WEIGHTS, activation=activation)
    wide = separable_conv1d(x.astype(np.float32), *WEIGHTS, activation=activation)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, wide.astype(dtype))
    out = np.zeros_like(y)
    assert separable_conv1d(x, *WEIGHTS, activation=activation, out=out) is out
    np.testing.assert_array_equal(out, y)


def test_float64_is_computed_in_float64() -> None:
    x = X.astype(np.float64) + 1e-12
    y = separable_conv1d(x, *WEIGHTS)
    exact, size = reference.separable_conv1d(x, *WEIGHTS)
    assert y.dtype == np.float64
    assert np.all(np.abs(y - exact) <= reference.tolerance(size, 14, y.dtype))


@pytest.mark.parametrize(
    "x",
    [X.astype(complex), X.astype(object), X.astype("U8"), "text", None, X.astype("M8[s]")],
    ids=["complex", "object", "text", "str", "None", "time"],
)
def test_data_of_other_kinds_is_refused(x: Any) -> None:
    with pytest.raises(InputTypeError, match="expected an array of floats, ints or bools"):
        separable_conv1d(x, *WEIGHTS)
    with pytest.raises(InputTypeError):
        separable_conv1d(X, DEPTHWISE.astype(complex), POINTWISE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strides": 0}, "`strides`.*do not satisfy `value > 0`"),
        ({"strides": 1.5}, "`strides` argument must be a tuple of 1 integers"),
        ({"dilation_rate": True}, "`dilation_rate` argument"),
        ({"strides": 2, "dilation_rate": 3}, r"strides=\(2,\) and dilation_rate=\(3,\)"),
        ({"padding": "causal"}, '`padding` must be "valid" or "same"'),
        ({"data_format": "NCW"}, '`data_format` must be "channels_last" or "channels_first"'),
        (
            {"activation": "ReLU"},
            "Could not interpret activation function identifier: ReLU; did you mean `relu`",
        ),
        ({"out": np.zeros((2, 9, 4))}, "out must be float32"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        separable_conv1d(X, *WEIGHTS, **arguments)


@pytest.mark.parametrize("out", [np.zeros((2, 9, 3), np.float16), np.zeros((2, 9, 4))])
@pytest.mark.parametrize("activation", ["relu", "softmax"])
def test_narrow_out_that_does_not_fit_is_refused(activation: str, out: Any) -> None:
    with pytest.raises(ValueError, match=r"`?out`? must be float16 of shape \(2, 9, 4\), got"):
        separable_conv1d(X.astype(np.float16), *WEIGHTS, activation=activation, out=out)


def test_out_that_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match="out must be a NumPy array, got list"):
        separable_conv1d(X, *WEIGHTS, out=[0.0])  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match=r"`out` must be float32 of shape .* got list"):
        separable_conv1d(X, *WEIGHTS, activation="softmax", out=[0.0])  # type: ignore[arg-type]


def test_padding_is_case_insensitive() -> None:
    assert separable_conv1d(X, *WEIGHTS, padding="SAME").shape == (2, 11, 4)


def test_activation_is_a_name_an_object_or_a_callable() -> None:
    linear = separable_conv1d(X, *WEIGHTS)
    for activation, expected in (
        (None, linear),
        ("relu", np.maximum(linear, 0)),
        (activations.LeakyRelu(0.5), np.where(linear < 0, 0.5 * linear, linear)),
        ("softmax", activations.softmax(linear)),
        (np.negative, -linear),
    ):
        np.testing.assert_array_equal(
            separable_conv1d(X, *WEIGHTS, activation=activation), expected
        )


def test_out_receives_the_result() -> None:
    for activation in (None, "softmax"):
        out = np.zeros_like(Y)
        assert separable_conv1d(X, *WEIGHTS, activation=activation, out=out) is out
        np.testing.assert_array_equal(out, separable_conv1d(X, *WEIGHTS, activation=activation))


def test_as_input_copies_only_where_it_must() -> None:
    assert as_input(X, X.dtype) is X
    frozen = read_only(X)
    assert np.shares_memory(as_input(frozen, "float32"), frozen)
    assert as_input(X, "float64").dtype == np.float64


@given(
    st.sampled_from(["f2", "f4", "f8", ">f4", "i2", "u1", "?"]),
    st.permutations([0, 1, 2]),
    st.lists(st.sampled_from([1, -1, 2, -3]), min_size=3, max_size=3),
)
def test_as_input_takes_any_layout(dtype: str, order: list[int], steps: list[int]) -> None:
    values = np.arange(7 * 6 * 5).reshape(7, 6, 5).astype(dtype)
    view = values.transpose(order)[tuple(slice(None, None, step) for step in steps)]
    taken = as_input(view, np.float32)
    assert taken.dtype == np.float32
    assert taken.flags.c_contiguous and taken.flags.aligned and taken.dtype.isnative
    np.testing.assert_array_equal(taken, view.astype(np.float32))
