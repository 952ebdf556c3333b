"""Elementwise activations against mpmath at 60 digits, and their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from cases import Case
from numpy.typing import NDArray

from sepconv import _core

INF, NAN = float("inf"), float("nan")
mp = mpmath.mp.clone()
mp.dps = 60


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


def clip(x: Any, low: float, high: float) -> Any:
    return max(low, min(x, high))


# name -> the definition, as parity with Keras words it, for finite x
DEFINITIONS: dict[str, Callable[..., Any]] = {
    "linear": lambda x: x,
    "relu": lambda x, slope, high, t: min(x if x > t else slope * (x - t), high),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "relu6": lambda x: clip(x, 0, 6),
    "elu": lambda x, a: x if x > 0 else a * mp.expm1(x),
    "celu": lambda x, a: x if x > 0 else a * mp.expm1(x / a),
    "selu": lambda x: (
        mp.mpf(1.0507009873554805) * (x if x > 0 else mp.mpf(1.6732632423543772) * mp.expm1(x))
    ),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda x: (
        x / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)))
    ),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "mish": lambda x: x * mp.tanh(softplus(x)),
    "tanh": lambda x: mp.tanh(x),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "exponential": lambda x: mp.exp(x),
    "log_sigmoid": lambda x: -softplus(-x),
    "hard_sigmoid": lambda x: clip(x / 6 + mp.mpf(0.5), 0, 1),
    "hard_silu": lambda x: x * clip(x / 6 + mp.mpf(0.5), 0, 1),
    "hard_tanh": lambda x: clip(x, -1, 1),
    "tanh_shrink": lambda x: x - mp.tanh(x),
    "soft_shrink": lambda x, t: x - t if x > t else (x + t if x < -t else 0),
    "hard_shrink": lambda x, t: x if abs(x) > t else 0,
    "threshold": lambda x, t, default: x if x > t else default,
    "squareplus": lambda x, b: (x + mp.sqrt(x * x + b)) / 2,
    "sparse_plus": lambda x: 0 if x <= -1 else ((x + 1) ** 2 / 4 if x < 1 else x),
    "sparse_sigmoid": lambda x: clip((x + 1) / 2, 0, 1),
}
# Exact in float32, so that the definition and the core start from the same numbers.
PARAMETERS: dict[str, tuple[float, ...]] = {
    "relu": (0.25, 3.0, 0.5),
    "leaky_relu": (0.25,),
    "elu": (1.5,),
    "celu": (0.75,),
    "soft_shrink": (0.5,),
    "hard_shrink": (0.5,),
    "threshold": (1.0, -0.25),
    "squareplus": (4.0,),
}
# float32 beyond its underflow; float64, the C library lane by lane, to where gelu underflows.
RANGE = {"float32": 110.0, "float64": 38.0}
ULPS = {"float32": 4.0, "float64": 4.0}
# x - tanh(x) cancels in float64, where it is exact to ulp(x) alone.
ABSOLUTE_IN_FLOAT64 = {"tanh_shrink"}


def samples(dtype: str, count: int, seed: int = 0) -> NDArray[Any]:
    """Return numbers of every size up to the range, both signs, and those around the breaks."""
    rng = np.random.default_rng(seed)
    high = np.log2(RANGE[dtype])
    spread = 2.0 ** rng.uniform(-30, high, count) * rng.choice([-1, 1], count)
    flat = rng.uniform(-RANGE[dtype], RANGE[dtype], count // 2)
    breaks = np.array([0, 0.5, 1, 1.25, 2, 3, 6, 14.6, 20, 87.5, 88.5, 103.5], dtype)
    near = np.concatenate([breaks, np.nextafter(breaks, INF), np.nextafter(breaks, -INF)])
    near = near[np.abs(near) <= RANGE[dtype]]
    return np.concatenate([spread, flat, near, -near]).astype(dtype)


def ulps(y: NDArray[Any], exact: list[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """Return |y - exact| in units of the last place of the exact value."""
    with np.errstate(over="ignore"):
        rounded = np.array([float(e) for e in exact]).astype(y.dtype)
    spacing = np.spacing(np.abs(rounded))
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(y[~finite], rounded[~finite])
    error = [
        abs(mp.mpf(float(a)) - e) for a, e in zip(y[finite], np.array(exact)[finite], strict=True)
    ]
    return np.array(
        [float(e / mp.mpf(float(s))) for e, s in zip(error, spacing[finite], strict=True)]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_activation_is_within_its_ulps_of_the_definition(name: str, dtype: str) -> None:
    x = samples(dtype, 1500 if dtype == "float32" else 400)
    parameters = PARAMETERS.get(name, ())
    y = _core.activate(x, name, parameters)
    assert y.dtype == dtype
    exact = [mp.mpf(DEFINITIONS[name](mp.mpf(float(v)), *parameters)) for v in x]
    if dtype == "float64" and name in ABSOLUTE_IN_FLOAT64:
        worst = max(
            abs(mp.mpf(float(a)) - e) / np.spacing(abs(v))
            for a, e, v in zip(y, exact, x, strict=True)
        )
    else:
        worst = np.max(ulps(y, exact, x))
    assert worst <= ULPS[dtype], f"{name}: {float(worst):.2f} ulp"


@pytest.mark.parametrize("name", DEFINITIONS)
def test_float32_is_within_4_ulps_of_float64_over_a_million_numbers(name: str) -> None:
    rng = np.random.default_rng(5)
    size = 2.0 ** rng.uniform(-40, 5, 900_000) * rng.choice([-1, 1], 900_000)
    # Polynomials are changed at odd multiples of 2**-6, at most every quarter of 1.
    edges = np.arange(-767, 768, 2) / 64
    near = np.nextafter(edges.astype(np.float32), [[-INF], [INF]], dtype=np.float32)
    x = np.concatenate([size, edges, near.ravel()]).astype(np.float32)
    y = _core.activate(x, name, PARAMETERS.get(name, ()))
    exact = _core.activate(x.astype(np.float64), name, PARAMETERS.get(name, ()))
    spacing = np.spacing(np.abs(exact.astype(np.float32)))
    with np.errstate(invalid="ignore"):
        apart = np.abs(y - exact) / spacing
    if name == "tanh_shrink":  # its float64 values cancel below 2**-9, where it is x**3 / 3
        apart = apart[np.abs(x) > 2.0**-9]
    assert np.max(apart) <= 4


def test_tanh_is_never_above_1() -> None:
    x = np.linspace(4, 12, 1_000_000, dtype=np.float32)
    assert _core.activate(x, "tanh").max() == 1
    assert _core.activate(-x, "tanh").min() == -1


def test_every_activation_of_the_core_is_defined_here() -> None:
    assert set(DEFINITIONS) == set(_core.ACTIVATIONS)
    assert {n: len(PARAMETERS.get(n, ())) for n in DEFINITIONS} == _core.ACTIVATIONS


# name -> values at -inf and +inf
LIMITS = {
    "linear": (-INF, INF),
    "relu": (-INF, 3),
    "leaky_relu": (-INF, INF),
    "relu6": (0, 6),
    "elu": (-1.5, INF),
    "celu": (-0.75, INF),
    "selu": (-1.0507009873554805 * 1.6732632423543772, INF),
    "gelu": (0, INF),
    "gelu_tanh": (0, INF),
    "sigmoid": (0, 1),
    "silu": (0, INF),
    "mish": (0, INF),
    "tanh": (-1, 1),
    "softplus": (0, INF),
    "softsign": (-1, 1),
    "exponential": (0, INF),
    "log_sigmoid": (-INF, 0),
    "hard_sigmoid": (0, 1),
    "hard_silu": (0, INF),
    "hard_tanh": (-1, 1),
    "tanh_shrink": (-INF, INF),
    "soft_shrink": (-INF, INF),
    "hard_shrink": (-INF, INF),
    "threshold": (-0.25, INF),
    "squareplus": (0, INF),
    "sparse_plus": (0, INF),
    "sparse_sigmoid": (0, 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_activation_at_infinity_is_its_limit_and_nan_passes(name: str, dtype: str) -> None:
    largest = np.finfo(dtype).max
    x = np.array([-INF, INF, NAN, -largest, largest], dtype)
    y = _core.activate(x, name, PARAMETERS.get(name, ()))
    expected = np.array([*LIMITS[name], NAN], dtype)
    np.testing.assert_allclose(y[:3], expected, rtol=2 * np.finfo(dtype).eps)
    assert not np.isnan(y[3:]).any()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("relu", (0.0, INF, 0.0)), ("relu", (0.0, 6.0, 0.0)), ("relu", (0.0, INF, 1.0))],
)
def test_relu_without_slope_is_zero_at_minus_infinity(
    name: str, parameters: tuple[float, ...]
) -> None:
    x = np.array([-INF, -1, -0.0, 0, NAN], np.float32)
    np.testing.assert_array_equal(_core.activate(x, name, parameters), [0, 0, 0, 0, NAN])
    np.testing.assert_array_equal(_core.activate(x[:1], "leaky_relu", (0.0,)), [0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_activation_has_the_same_bits_at_any_place(name: str, dtype: str) -> None:
    x = samples(dtype, 60)
    parameters = PARAMETERS.get(name, ())
    alone = np.concatenate([_core.activate(x[i : i + 1], name, parameters) for i in range(len(x))])
    assert _core.activate(x, name, parameters).tobytes() == alone.tobytes()
    inplace = x.copy()
    assert _core.activate(inplace, name, parameters, out=inplace) is inplace
    assert inplace.tobytes() == alone.tobytes()


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_fused_activation_has_the_bits_of_activate(
    name: str, dtype: str, channels_first: bool
) -> None:
    case = Case(
        steps=70, channels=9, filters=71, stride=2, dtype=dtype, channels_first=channels_first
    )
    x, weights = case.data()
    parameters = PARAMETERS.get(name, ())
    before = np.ascontiguousarray(case.run(x, weights))
    fused = case.run(x, weights, activation=name, parameters=parameters)
    assert _core.activate(before, name, parameters).tobytes() == fused.tobytes()


@pytest.mark.parametrize("parameters", [(0.0, INF, 0.0), (0.0, 6.0, 0.0)])
def test_fused_clamps_have_the_bits_of_activate(parameters: tuple[float, ...]) -> None:
    case = Case(filters=70)
    x, weights = case.data()
    x[0, 0, 0] = NAN
    before = case.run(x, weights)
    fused = case.run(x, weights, activation="relu", parameters=parameters)
    assert _core.activate(before, "relu", parameters).tobytes() == fused.tobytes()


def test_activate_large_arrays_are_split_without_a_trace() -> None:
    x = np.linspace(-9, 9, 200_001, dtype=np.float32)
    whole = _core.activate(x, "gelu")
    parts = [_core.activate(part, "gelu") for part in np.array_split(x, 7)]
    assert whole.tobytes() == np.concatenate(parts).tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3, 4)])
def test_activate_keeps_the_shape(shape: tuple[int, ...]) -> None:
    assert _core.activate(np.ones(shape), "relu6").shape == shape


def test_activate_refuses_what_it_cannot_compute() -> None:
    x = np.ones(4, np.float32)
    with pytest.raises(ValueError, match=r"activation must be one of .*got 'swish'"):
        _core.activate(x, "swish")
    with pytest.raises(ValueError, match="'relu' takes 3 parameters, got 0"):
        _core.activate(x, "relu")
    with pytest.raises(TypeError, match="float32 or float64"):
        _core.activate(x.astype(np.float16), "relu6")
    with pytest.raises(TypeError, match="NumPy array"):
        _core.activate([1.0], "relu6")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="C-contiguous"):
        _core.activate(x[::2], "relu6")
    with pytest.raises(ValueError, match="overlap"):
        _core.activate(x[:3], "relu6", out=x[1:])


# --- derivatives ---------------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def gelu_argument(x: Any) -> Any:
    return 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def gelu_argument_slope(x: Any) -> Any:
    return 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x**2)


# name -> the terms whose sum is the derivative, for finite x off the kinks; where terms cancel, it
# is their sizes that say how exact the sum can be
DERIVATIVES: dict[str, Callable[..., list[Any]]] = {
    "linear": lambda x: [1],
    "relu": lambda x, slope, high, t: [slope if x < t else x < high],
    "leaky_relu": lambda x, slope: [1 if x > 0 else slope],
    "relu6": lambda x: [0 < x < 6],
    "elu": lambda x, a: [1 if x > 0 else a * mp.exp(x)],
    "celu": lambda x, a: [1 if x > 0 else mp.exp(x / a)],
    "selu": lambda x: [
        mp.mpf(1.0507009873554805) * (1 if x > 0 else mp.mpf(1.6732632423543772) * mp.exp(x))
    ],
    "gelu": lambda x: [mp.erfc(-x / mp.sqrt(2)) / 2, x * mp.npdf(x)],
    "gelu_tanh": lambda x: [
        sigmoid(gelu_argument(x)),
        x * sigmoid(gelu_argument(x)) * sigmoid(-gelu_argument(x)) * gelu_argument_slope(x),
    ],
    "sigmoid": lambda x: [sigmoid(x) * sigmoid(-x)],
    "silu": lambda x: [sigmoid(x), x * sigmoid(x) * sigmoid(-x)],
    "mish": lambda x: [mp.tanh(softplus(x)), x * sigmoid(x) / mp.cosh(softplus(x)) ** 2],
    "tanh": lambda x: [1 / mp.cosh(x) ** 2],
    "softplus": lambda x: [sigmoid(x)],
    "softsign": lambda x: [1 / (1 + abs(x)) ** 2],
    "exponential": lambda x: [mp.exp(x)],
    "log_sigmoid": lambda x: [sigmoid(-x)],
    "hard_sigmoid": lambda x: [(abs(x) < 3) / mp.mpf(6)],
    "hard_silu": lambda x: [(2 * x + 3) / 6 if abs(x) < 3 else x > 0],
    "hard_tanh": lambda x: [abs(x) <= 1],
    "tanh_shrink": lambda x: [mp.tanh(x) ** 2],
    "soft_shrink": lambda x, t: [abs(x) > t],
    "hard_shrink": lambda x, t: [abs(x) > t],
    "threshold": lambda x, t, default: [x > t],
    "squareplus": lambda x, b: [(1 + x / mp.sqrt(x * x + b)) / 2],
    "sparse_plus": lambda x: [0 if x <= -1 else ((x + 1) / 2 if x < 1 else 1)],
    "sparse_sigmoid": lambda x: [(abs(x) < 1) / mp.mpf(2)],
}
KINKS = {"relu": [0.5, 3], "leaky_relu": [0], "sparse_sigmoid": [-1, 1]}


def least(name: str, dtype: str, x: float) -> float:
    """Return the error that underflow alone explains."""
    subnormal = float(np.finfo(dtype).smallest_subnormal)
    # exp(u) of the C library is subnormal before the derivative exp(u) (1 - |x| u') is.
    lost = name == "gelu_tanh" and dtype == "float64"
    return subnormal * (2 + float(abs(x) * gelu_argument_slope(x)) if lost else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_derivative_is_within_4_ulps_of_its_terms(name: str, dtype: str) -> None:
    x = samples(dtype, 1000 if dtype == "float32" else 300)
    x = x[~np.isin(x, KINKS.get(name, []))]
    parameters = PARAMETERS.get(name, ())
    derivative = _core.activate_gradient(x, np.ones_like(x), name, parameters)
    assert derivative.dtype == dtype
    eps = float(np.finfo(dtype).eps)
    for v, found in zip(x.tolist(), derivative.tolist(), strict=True):
        terms = [mp.mpf(term) for term in DERIVATIVES[name](mp.mpf(v), *parameters)]
        ulps = 4.0
        if name == "celu" and dtype == "float64":  # the rounding of x / alpha, which exp amplifies
            ulps += abs(v) / parameters[0] / 2
        error = abs(mp.mpf(found) - mp.fsum(terms)) if np.isfinite(found) else mp.mpf(0)
        bound = ulps * eps * mp.fsum(map(abs, terms)) + least(name, dtype, v)
        assert error <= bound, f"{name}'({v}): {float(error / bound):.2f} of the bound"
        assert np.isfinite(found) or mp.fsum(terms) > np.finfo(dtype).max


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DEFINITIONS)
def test_gradient_has_the_same_bits_at_any_place_and_in_place(name: str, dtype: str) -> None:
    x = samples(dtype, 60)
    dy = np.cos(x)
    parameters = PARAMETERS.get(name, ())
    whole = _core.activate_gradient(x, dy, name, parameters)
    single = [
        _core.activate_gradient(x[i : i + 1], dy[i : i + 1], name, parameters)
        for i in range(len(x))
    ]
    assert whole.tobytes() == np.concatenate(single).tobytes()
    derivative = _core.activate_gradient(x, np.ones_like(x), name, parameters)
    np.testing.assert_array_equal(whole, dy * derivative)
    for of_x in (True, False):
        held = [x.copy(), dy.copy()]
        out = held[0] if of_x else held[1]
        assert _core.activate_gradient(held[0], held[1], name, parameters, out=out) is out
        assert out.tobytes() == whole.tobytes()


@pytest.mark.parametrize("value", [INF, -INF, NAN])
def test_gradient_where_the_derivative_is_zero_is_zero_whatever_dy_is(value: float) -> None:
    x = np.full(40, -2000, np.float32)
    for name in ("relu6", "hard_tanh", "tanh", "sigmoid", "exponential", "gelu", "mish"):
        dx = _core.activate_gradient(x, np.full_like(x, value), name)
        assert dx.tobytes() == bytes(dx.nbytes)


def test_gradient_of_large_arrays_is_split_without_a_trace() -> None:
    x = np.linspace(-9, 9, 200_001, dtype=np.float32)
    dy = np.sin(x)
    whole = _core.activate_gradient(x, dy, "gelu")
    parts = [
        _core.activate_gradient(part, of_part, "gelu")
        for part, of_part in zip(np.array_split(x, 7), np.array_split(dy, 7), strict=True)
    ]
    assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_gradient_refuses_what_it_cannot_compute() -> None:
    x = np.ones(4, np.float32)
    with pytest.raises(ValueError, match=r"dy must have the shape of x, \(4,\), got \(3,\)"):
        _core.activate_gradient(x, x[:3].copy(), "relu6")
    with pytest.raises(TypeError, match="dy must have dtype float32, got float64"):
        _core.activate_gradient(x, x.astype(np.float64), "relu6")  # type: ignore[type-var]
    with pytest.raises(TypeError, match="dy must be a NumPy array"):
        _core.activate_gradient(x, [1.0], "relu6")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dy must be C-contiguous"):
        _core.activate_gradient(x, np.ones(8, np.float32)[::2], "relu6")
    shared = np.ones(9, np.float32)
    with pytest.raises(ValueError, match="out must not overlap dy"):
        _core.activate_gradient(x, shared[:4], "relu6", out=shared[1:5])
    with pytest.raises(ValueError, match="out must not overlap x"):
        _core.activate_gradient(shared[:4], x, "relu6", out=shared[1:5])
