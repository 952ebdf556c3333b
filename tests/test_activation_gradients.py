"""Gradients of activations: those of Keras on JAX, kinks included, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst
from keras_oracle import keras
from numpy.typing import NDArray
from test_activations import ALONG_AN_AXIS, CASES, ELEMENTWISE, made

from sepconv import activations, core
from sepconv.errors import ValidationError

inf, nan = math.inf, math.nan
KINKS = [-6, -3, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 6]
_random = np.random.default_rng(24)
# No other value of X is within a rounding of a kink.
X = np.concatenate([_random.normal(0, 4, 1421), np.linspace(-40, 40, 80), KINKS]).reshape(4, 6, 63)


def of_keras(name: str, parameters: dict[str, Any], x: Any, dy: Any) -> NDArray[Any]:
    """Return JAX's gradient by `x` of sum(dy * y), y Keras's activation, in float64."""
    function = getattr(keras.activations, name)
    with jax.enable_x64(True):
        y, pull = jax.vjp(lambda v: function(v, **parameters), jax.numpy.asarray(x, "float64"))
        (dx,) = pull(jax.numpy.asarray(dy, y.dtype))
        return np.asarray(dx, np.float64)


def inputs(name: str, parameters: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    x = X[..., 1:] if name == "glu" and not parameters else X
    shape = made(name, parameters).output_shape(x.shape)
    return x, np.random.default_rng(3).normal(0, 1, shape)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_gradient_is_that_of_keras(name: str, parameters: dict[str, Any]) -> None:
    x, dy = inputs(name, parameters)
    y, pull = made(name, parameters).vjp(x)
    assert y.tobytes() == made(name, parameters)(x).tobytes()
    dx = pull(dy)
    assert (dx.dtype, dx.shape) == (np.float64, x.shape)
    expected = of_keras(name, parameters, x, dy)
    if name == "squareplus" and parameters == {"b": 0}:  # there JAX has 0 / 0 and cancellation
        expected = dy * np.heaviside(x, 0.5)
    # JAX differentiates formula by formula: the parts, of up to 1 + |x|, may cancel, and each of
    # a sum of 63 adds. Keras rounds tanh to float32, in whichever activation it is.
    unit = 2**-23 if name in ("tanh", "tanh_shrink", "mish") else 2**-52
    if parameters == {"approximate": True}:
        unit = 2**-23
    np.testing.assert_allclose(dx, expected, rtol=64 * unit, atol=64 * unit * (1 + abs(x).max()))


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_narrow_gradient_is_that_of_float64_computed_in_float32(
    name: str, parameters: dict[str, Any], dtype: str
) -> None:
    eps = 2**-23
    x, dy = inputs(name, parameters)
    x, dy = x.astype(dtype), dy.astype(np.float32)
    activation = made(name, parameters)
    exact = activation.vjp(x.astype(np.float64))[1](dy.astype(np.float64))
    y, pull = activation.vjp(x)
    dx = pull(dy)
    assert (y.dtype.name, dx.dtype, dx.shape) == (dtype, np.float32, x.shape)
    # A few roundings of parts of up to 1 + |x|, and of sums of up to 63 of dy.
    sums = abs(dy).sum() / 24 if name in ALONG_AN_AXIS else abs(dy)
    atol = 8 * eps * np.max((1 + abs(x).max()) * sums)
    np.testing.assert_allclose(dx, exact, rtol=8 * eps, atol=atol)


@pytest.mark.parametrize(("name", "parameters"), ELEMENTWISE)
def test_kinks_are_those_of_keras(name: str, parameters: dict[str, Any]) -> None:
    x = np.array([*KINKS, -0.0], np.float64)
    dx = made(name, parameters).vjp(x)[1](np.ones_like(x))
    expected = of_keras(name, parameters, x, np.ones_like(x))
    if name == "squareplus" and parameters == {"b": 0}:
        expected = np.heaviside(x, 0.5)
    np.testing.assert_allclose(dx, expected, rtol=2**-20, atol=2**-20)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "at_minus_inf", "at_inf"),
    [
        ("relu", 0, 1),
        ("leaky_relu", 0.2, 1),
        ("relu6", 0, 0),
        ("elu", 0, 1),
        ("celu", 0, 1),
        ("selu", 0, 1.0507009873554805),
        ("gelu", 0, 1),
        ("sigmoid", 0, 0),
        ("silu", 0, 1),
        ("mish", 0, 1),
        ("tanh", 0, 0),
        ("softplus", 0, 1),
        ("softsign", 0, 0),
        ("exponential", 0, inf),
        ("linear", 1, 1),
        ("log_sigmoid", 1, 0),
        ("hard_sigmoid", 0, 0),
        ("hard_silu", 0, 1),
        ("hard_tanh", 0, 0),
        ("tanh_shrink", 1, 1),
        ("soft_shrink", 1, 1),
        ("hard_shrink", 1, 1),
        ("squareplus", 0, 1),
        ("sparse_plus", 0, 1),
        ("sparse_sigmoid", 0, 0),
    ],
)
def test_infinities_give_the_limits(
    name: str, at_minus_inf: float, at_inf: float, dtype: str
) -> None:
    _, pull = activations.get(name).vjp(np.array([-inf, inf], dtype))
    np.testing.assert_allclose(pull([1.0, 1.0]), [at_minus_inf, at_inf], rtol=2**-22)


def test_gelu_tanh_form_has_the_limits_too() -> None:
    _, pull = activations.Gelu(approximate=True).vjp(np.array([-inf, inf]))
    assert pull([1.0, 1.0]).tolist() == [0, 1]


@pytest.mark.parametrize(("name", "parameters"), [case for case in CASES if case[0] != "linear"])
def test_nan_goes_through(name: str, parameters: dict[str, Any]) -> None:
    x = np.zeros((2, 2, 4), np.float32)
    x[0, 0, 1] = nan
    y, pull = made(name, parameters).vjp(x)
    dx = pull(np.ones_like(y))
    if name in ALONG_AN_AXIS:
        assert np.isnan(dx).any()
    else:
        assert np.argwhere(np.isnan(dx)).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("name", ["relu", "relu6", "hard_tanh", "tanh", "sigmoid", "silu", "gelu"])
@pytest.mark.parametrize("dy", [inf, -inf, nan, 1.0])
def test_nothing_reaches_a_saturated_unit(name: str, dy: float) -> None:
    _, pull = activations.get(name).vjp(np.full(3, -1000, np.float32))
    assert pull(np.full(3, dy)).tolist() == [0, 0, 0]


def test_softmax_of_a_masked_value_has_no_gradient() -> None:
    _, pull = activations.softmax.vjp(np.array([0.0, -inf, 1.0]))
    dx = pull([1.0, 2.0, 3.0])
    assert dx[1] == 0
    np.testing.assert_allclose(dx[0], -dx[2])


def test_glu_with_a_closed_gate_has_no_gradient() -> None:
    _, pull = activations.glu.vjp(np.array([inf, -inf]))
    assert pull([1.0]).tolist() == [0, 0]


def test_sparsemax_shares_the_gradient_of_equal_values_as_jax_does() -> None:
    x, dy = np.array([[0.25, 0.25, 0.0, 0.25]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    dx = activations.sparsemax.vjp(x)[1](dy)
    np.testing.assert_allclose(dx, of_keras("sparsemax", {}, x, dy), rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_gradient_keeps_the_shape(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    assert activations.tanh.vjp(x)[1](x).shape == shape


@pytest.mark.parametrize("name", ["relu", "gelu", "softmax"])
def test_any_layout_is_taken(name: str) -> None:
    x, dy = np.random.default_rng(1).normal(0, 1, (2, 4, 6))
    activation = activations.get(name)
    expected = activation.vjp(x)[1](dy)
    for form in (np.asfortranarray, lambda a: np.ascontiguousarray(a[::-1])[::-1]):
        assert activation.vjp(form(x))[1](form(dy)).tobytes() == expected.tobytes()
    dy.flags.writeable = False
    assert activation.vjp(x.tolist())[1](dy).dtype == np.float32


values = npst.arrays(
    np.float64,
    npst.array_shapes(min_dims=1, max_dims=3, min_side=2, max_side=6),
    elements=st.floats(-30, 30, width=32),
)


@given(x=values)
@settings(deadline=None)
def test_gradient_of_softmax_sums_to_zero(x: Any) -> None:
    """The outputs sum to 1, whatever the inputs: adding one number to all changes nothing."""
    dy = np.sin(np.arange(x.size, dtype=np.float64)).reshape(x.shape)
    for activation in (activations.softmax, activations.log_softmax):
        total = activation.vjp(x)[1](dy).sum(axis=-1)
        np.testing.assert_allclose(total, 0, atol=16 * 2**-52 * x.shape[-1])


@given(x=values)
@settings(deadline=None)
def test_pull_is_linear(x: Any) -> None:
    """Powers of two are exact down to the subnormals, so that not a bit differs."""
    for name in ("gelu", "mish", "relu", "softmax", "log_softmax", "sparsemax"):
        _, pull = activations.get(name).vjp(x)
        dy = np.cos(x)
        np.testing.assert_array_equal(pull(4 * dy), 4 * pull(dy))


@given(x=st.floats(-30, 30), name=st.sampled_from(["gelu", "silu", "mish", "tanh", "softplus"]))
@settings(deadline=None)
def test_gradient_is_the_slope_of_the_activation(x: float, name: str) -> None:
    # Central differences: h² f'''/6 of the formula, and 2 eps |f| / h of the values' roundings.
    h = 2.0**-17
    activation = activations.get(name)
    low, high = activation(np.array([x - h, x + h]))
    slope = activation.vjp(np.array([x]))[1](np.ones(1))
    np.testing.assert_allclose(slope, (high - low) / (2 * h), atol=h * h + 2**-51 * 31 / h)


def test_gradient_has_the_same_bits_for_any_number_of_threads() -> None:
    x, dy = np.random.default_rng(2).normal(0, 3, (2, 3, 100_001)).astype(np.float32)
    before, found = core.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            core.set_num_threads(threads)
            found.append(activations.gelu.vjp(x)[1](dy).tobytes())
    finally:
        core.set_num_threads(before)
    assert len(set(found)) == 1


# --- what has no gradient ------------------------------------------------------------------------


def test_function_is_refused_with_the_way_out() -> None:
    with pytest.raises(NotImplementedError) as error:
        activations.get(np.sin).vjp(np.ones(2))
    told = str(error.value)
    assert "sin" in told
    assert "subclass of `sepconv.activations.Activation`" in told
    assert "`vjp(self, x)`" in told


class Doubled(activations.Relu):
    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        return 2 * super().__call__(x, *args, **kwargs)


class Shifted(activations.Tanh):
    def compute(self, x: NDArray[Any]) -> NDArray[Any]:
        return super().compute(x + 1)


class Own(activations.Activation):
    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        return np.asarray(x)


@pytest.mark.parametrize("kind", [Doubled, Shifted, Own])
def test_subclass_that_computes_something_else_needs_a_gradient_of_its_own(
    kind: type[activations.Activation],
) -> None:
    with pytest.raises(NotImplementedError, match=rf"{kind.__name__} has no gradient: define `vjp"):
        kind().vjp(np.ones(2))


def test_axis_outside_the_input_is_refused() -> None:
    with pytest.raises(ValidationError, match="`axis` of softmax is 2"):
        activations.Softmax(2).vjp(np.zeros((2, 2)))
