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
