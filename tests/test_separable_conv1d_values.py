"""SeparableConv1D: its outputs beside Keras on JAX, its laws, and the arrays it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_oracle import keras
from numpy.typing import NDArray
from parity.bounds import UNIT, activated_bound, linear_and_bound

from sepconv import SeparableConv1D, activations
from sepconv.errors import InputTypeError, ValidationError

GEOMETRIES: list[dict[str, Any]] = [
    {"filters": 5, "kernel_size": 3},
    {"filters": 1, "kernel_size": 1, "use_bias": False},
    {"filters": 7, "kernel_size": 4, "strides": 2, "padding": "same"},
    {"filters": 17, "kernel_size": 5, "dilation_rate": 3, "padding": "same"},
    {"filters": 33, "kernel_size": 13, "depth_multiplier": 3},
    {"filters": 4, "kernel_size": 2, "strides": 5},
]


def rand(*shape: int, dtype: Any = "float32", seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def pair(dtype: str = "float32", **arguments: Any) -> tuple[SeparableConv1D, Any]:
    """Return our layer and Keras's with one set of weights, built for 6 channels."""
    arguments = {"bias_initializer": "random_normal", "dtype": dtype, **arguments}
    ours = SeparableConv1D(**arguments)
    theirs = keras.layers.SeparableConv1D(**arguments)
    first = ours.data_format == "channels_first"
    for layer in (ours, theirs):
        layer.build((None, 6, 40) if first else (None, 40, 6))
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_outputs_are_those_of_keras(geometry: dict[str, Any], dtype: str, data_format: str) -> None:
    ours, theirs = pair(dtype, data_format=data_format, **geometry)
    x = (
        rand(3, 6, 40, dtype=dtype)
        if data_format == "channels_first"
        else rand(3, 40, 6, dtype=dtype)
    )
    y = ours(x)
    _, bound = linear_and_bound(ours, x, ours.get_weights())
    assert y.dtype == dtype
    assert (np.abs(y - np.asarray(theirs(x))) <= bound).all()


WITH_DEFAULTS = [name for name in activations.registry if name.islower() and name != "threshold"]


@pytest.mark.parametrize("name", WITH_DEFAULTS)
def test_activation_is_that_of_keras(name: str) -> None:
    ours, theirs = pair("float64", filters=8, kernel_size=3, activation=name)
    x = 3 * rand(3, 40, 6, dtype="float64")
    expected = np.asarray(theirs(x))
    linear, bound = linear_and_bound(ours, x, ours.get_weights())
    # On JAX, Keras's tanh returns float32 for float64.
    allowed = activated_bound(ours.activation.name, linear, bound, expected.dtype.name)
    assert (np.abs(ours(x) - expected) <= allowed).all()


def test_activation_without_defaults_is_refused_by_its_bare_name() -> None:
    with pytest.raises(ValidationError, match="missing a required argument: 'threshold'"):
        SeparableConv1D(4, 3, activation="threshold")


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_16_bits_are_computed_wide_and_returned_narrow(policy: str) -> None:
    layer = SeparableConv1D(4, 9, dtype=policy, depth_multiplier=2, activation="softmax")
    x = rand(2, 40, 6)
    y = layer(x)
    narrow = np.dtype(ml_dtypes.bfloat16 if "bf" in policy else np.float16)
    assert y.dtype == narrow
    # What a float32 layer makes of the rounded input and weights, rounded once more.
    wide = SeparableConv1D(4, 9, depth_multiplier=2, activation="softmax")
    wide.build(x.shape)
    wide.set_weights([w.astype(narrow).astype("float32") for w in layer.get_weights()])
    expected = wide(x.astype(narrow).astype("float32")).astype(narrow)
    assert y.tobytes() == expected.tobytes()


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_16_bits_lie_near_keras(policy: str) -> None:
    ours, theirs = pair(policy, filters=4, kernel_size=3)
    x = rand(2, 40, 6, dtype="float16")
    _, bound = linear_and_bound(ours, x, ours.get_weights())
    apart = ours(x).astype("float64") - np.asarray(theirs(x), "float64")
    assert (np.abs(apart) <= bound).all()


# --- laws ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    geometry=st.sampled_from(GEOMETRIES),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.5, 2.0, -4.0]),
)
def test_layer_without_bias_is_linear(geometry: dict[str, Any], seed: int, scale: float) -> None:
    layer = SeparableConv1D(**{**geometry, "use_bias": False})
    x, z = rand(2, 40, 6, seed=seed), rand(2, 40, 6, seed=seed + 1)
    assert (layer(scale * x) == scale * layer(x)).all()  # powers of two round nothing
    _, bound = linear_and_bound(layer, np.abs(x) + np.abs(z), layer.get_weights())
    assert (np.abs(layer(x + z) - (layer(x) + layer(z))) <= 2 * bound).all()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_batch_is_its_rows(geometry: dict[str, Any]) -> None:
    layer = SeparableConv1D(**geometry, activation="gelu")
    x = rand(7, 40, 6)
    rows = np.concatenate([layer(x[i : i + 1]) for i in range(7)])
    assert layer(x).tobytes() == rows.tobytes()


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_channels_first_is_the_transpose(geometry: dict[str, Any]) -> None:
    last = SeparableConv1D(**geometry, activation="tanh")
    first = SeparableConv1D(**geometry, activation="tanh", data_format="channels_first")
    x = rand(3, 40, 6)
    last.build(x.shape)
    first.build((3, 6, 40))
    first.set_weights(last.get_weights())
    linear, bound = linear_and_bound(last, x, last.get_weights())
    allowed = activated_bound("tanh", linear, bound, "float32")
    assert (np.abs(first(x.transpose(0, 2, 1)).transpose(0, 2, 1) - last(x)) <= allowed).all()


def test_shift_in_time_shifts_the_output() -> None:
    layer = SeparableConv1D(4, 5)
    x = rand(1, 40, 6)
    assert (layer(x[:, 3:]) == layer(x)[:, 3:]).all()


def test_padding_is_never_multiplied() -> None:
    layer = SeparableConv1D(2, 3, padding="same", use_bias=False)
    layer.build((None, 4, 1))
    depthwise, pointwise = layer.get_weights()
    depthwise[0] = np.inf
    layer.set_weights([depthwise, np.ones_like(pointwise)])
    assert np.isfinite(layer(np.ones((1, 4, 1)))[0, 0]).all()


# --- the arrays it takes ---------------------------------------------------------------------


def misaligned(x: NDArray[Any]) -> NDArray[Any]:
    raw = np.empty(x.nbytes + 1, np.uint8)[1:]
    y = raw.view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


class Subclass(np.ndarray):
    pass


LAYOUTS: dict[str, Any] = {
    "fortran": np.asfortranarray,
    "negative strides": lambda x: x[:, ::-1].copy()[:, ::-1],
    "every other": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "misaligned": misaligned,
    "big-endian": lambda x: x.astype(">f4"),
    "subclass": lambda x: x.view(Subclass),
    "list": lambda x: x.tolist(),
    "wider": lambda x: x.astype("float64"),
    "long double": lambda x: x.astype(np.longdouble),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_the_input_does_not_matter(layout: str) -> None:
    layer = SeparableConv1D(4, 3)
    x = rand(2, 20, 6)
    expected = layer(x)
    y = layer(LAYOUTS[layout](x))
    assert type(y) is np.ndarray
    assert y.tobytes() == expected.tobytes()


def test_broadcast_input_has_zero_strides() -> None:
    layer = SeparableConv1D(4, 3)
    row = rand(1, 20, 6)
    assert (layer(np.broadcast_to(row, (3, 20, 6))) == layer(np.repeat(row, 3, axis=0))).all()


def test_read_only_and_memory_mapped_inputs_are_taken(tmp_path: Path) -> None:
    layer = SeparableConv1D(4, 3)
    x = rand(2, 20, 6)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert (layer(mapped) == layer(x)).all()


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "float16"])
def test_other_numbers_are_cast(dtype: str) -> None:
    layer = SeparableConv1D(4, 3)
    x = np.random.default_rng(0).integers(0, 2, (2, 20, 6)).astype(dtype)
    assert (layer(x) == layer(x.astype("float32"))).all()


@pytest.mark.parametrize(
    "x",
    [
        np.ones((2, 20, 6), complex),
        np.full((2, 20, 6), None),
        np.full((2, 20, 6), "1"),
        np.ones((2, 20, 6), "M8[s]"),
        "abc",
        None,
    ],
    ids=lambda x: str(getattr(x, "dtype", x)),
)
def test_what_is_no_number_is_refused(x: Any) -> None:
    with pytest.raises(InputTypeError):
        SeparableConv1D(4, 3)(x)


@pytest.mark.parametrize("activation", ["relu", "softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_out_receives_the_outputs(activation: str, dtype: str) -> None:
    layer = SeparableConv1D(4, 3, activation=activation, dtype=dtype)
    x = rand(2, 20, 6, dtype=dtype)
    expected = layer(x)
    out = np.empty_like(expected)
    assert layer(x, out=out) is out
    assert out.tobytes() == expected.tobytes()


@pytest.mark.parametrize("activation", ["relu", "softmax"])
@pytest.mark.parametrize("out", [np.empty((2, 18, 5), "f4"), np.empty((2, 18, 4)), [0.0]])
def test_out_of_another_shape_or_dtype_is_refused(activation: str, out: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="out"):
        SeparableConv1D(4, 3, activation=activation)(rand(2, 20, 6), out=out)


def test_own_function_is_applied_to_the_linear_output() -> None:
    def halved(x: NDArray[Any]) -> NDArray[Any]:
        return x / 2

    ours, linear = SeparableConv1D(4, 3, activation=halved), SeparableConv1D(4, 3)
    x = rand(2, 20, 6)
    linear.build(x.shape)
    ours.build(x.shape)
    ours.set_weights(linear.get_weights())
    assert (ours(x) == linear(x) / 2).all()


def test_initializer_of_another_shape_is_refused() -> None:
    layer = SeparableConv1D(4, 3, depthwise_initializer=lambda shape, dtype: np.zeros((1, 2)))
    with pytest.raises(ValidationError, match=r"`depthwise_kernel`.*must return shape \(3, 6, 1\)"):
        layer.build((None, 20, 6))
    assert layer.weights == []


def test_unit_roundoffs_are_those_of_the_dtypes() -> None:
    for name in ("float16", "float32", "float64"):
        assert UNIT[name] == np.finfo(name).eps / 2
