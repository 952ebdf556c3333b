"""Every layer: outputs and gradients beside Keras's on JAX, and beside differences of our own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_cases import CALLED, Case
from layer_runs import Run, cast, gradient_of_outputs, keras_run_of, our_run, ours
from numpy.typing import NDArray
from parity.bounds import UNIT

from sepconv.layers import Layer

MODES = [
    pytest.param(number, training, id=f"{case}-{'training' if training else 'inference'}")
    for number, case in enumerate(CALLED)
    for training in ((False, True) if case.training else (False,))
]


def listed(value: Any) -> list[NDArray[Any]]:
    return value if isinstance(value, list) else [value]


def assert_near(found: Any, expected: NDArray[Any], roundings: float, *dtypes: str) -> None:
    """Assert that two results, rounded in these dtypes, lie within their roundings."""
    assert found.shape == expected.shape
    unit = sum(UNIT[dtype] for dtype in dtypes)
    bound = roundings * unit * np.abs(expected).max(initial=0)
    apart = np.abs(found.astype(np.float64) - expected)
    assert (apart <= bound).all(), f"{apart.max() / max(bound, 1e-300):.3g} times the bound"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("number", "training"), MODES)
def test_outputs_are_those_of_keras(number: int, training: bool, dtype: str) -> None:
    case, expected = CALLED[number], keras_run_of(number, training)
    layer = ours(case, dtype=dtype)
    y = layer(cast(case.inputs(), dtype), training=training)
    assert y.dtype == dtype
    assert_near(y, expected.outputs, case.roundings, dtype, case.oracle)
    for weight, after in zip(layer.non_trainable_weights, expected.after, strict=True):
        assert_near(weight.value, after, case.roundings, dtype, case.oracle)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("number", "training"), MODES)
def test_gradients_are_those_of_keras(number: int, training: bool, dtype: str) -> None:
    case, expected = CALLED[number], keras_run_of(number, training)
    run = our_run(case, training, dtype)
    assert run.outputs.tobytes() == our_call(case, training, dtype).tobytes()
    if expected.dx is None:
        assert run.dx is None
    else:
        for dx, expected_dx in zip(listed(run.dx), listed(expected.dx), strict=True):
            assert dx.dtype == dtype
            assert_near(dx, expected_dx, case.gradient_roundings, dtype, case.oracle)
    for gradient, by_keras in zip(run.gradients, expected.gradients, strict=True):
        assert_near(gradient, by_keras, case.gradient_roundings, dtype, case.oracle)


def our_call(case: Case, training: bool, dtype: str) -> NDArray[Any]:
    y: NDArray[Any] = ours(case, dtype=dtype)(cast(case.inputs(), dtype), training=training)
    return y


@pytest.mark.parametrize(
    ("number", "training"),
    [mode for mode in MODES if CALLED[mode.values[0]].smooth],  # type: ignore[index]
)
def test_gradients_are_those_of_differences(number: int, training: bool) -> None:
    """d/dh of sum(dy * y(x + h*v, w + h*u)) for random v and u, by central differences."""
    case = CALLED[number]
    run = our_run(case, training)
    inputs = cast(case.inputs(), "float64")
    rng = np.random.default_rng(3)
    v = [rng.standard_normal(x.shape) * (x.dtype.kind == "f") for x in listed(inputs)]
    u = [rng.standard_normal(gradient.shape) for gradient in run.gradients]
    by_gradient = sum(
        float(np.sum(gradient * direction))
        for gradient, direction in zip(
            [*(listed(run.dx) if run.dx is not None else []), *run.gradients],
            [*(v if run.dx is not None else []), *u],
            strict=True,
        )
    )

    def value(h: float) -> float:
        layer = ours(case, dtype="float64")
        moved = [(x + h * d).astype(x.dtype) for x, d in zip(listed(inputs), v, strict=True)]
        for weight, direction in zip(layer.trainable_weights, u, strict=True):
            weight.assign(weight.value + h * direction)
        y = layer(moved if case.several else moved[0], training=training)
        return float(np.sum(run.dy * y))

    h = 2.0**-13
    near, far = ((value(step) - value(-step)) / (2 * step) for step in (h, 2 * h))
    # The error of the quotient is h^2 f'''/6 and more: a third of |far - near|, but for h^4.
    rounded = 8 * case.roundings + 8 * np.sqrt(run.dy.size)
    size = UNIT["float64"] * np.abs(run.dy * run.outputs).max(initial=1) * run.dy.size
    assert abs(near - by_gradient) <= abs(far - near) + rounded * size / h


@pytest.mark.parametrize(("number", "training"), MODES)
def test_pullback_may_be_called_again_after_weights_were_set(number: int, training: bool) -> None:
    case = CALLED[number]
    layer = ours(case)
    y, pullback = layer.vjp(case.inputs(), training=training)
    dy = gradient_of_outputs(y.shape)
    dx, first = pullback(dy)
    layer.set_weights([2 * value for value in layer.get_weights()])
    again, second = pullback(dy)
    without, third = pullback(dy, input_gradient=False)
    assert without is None
    if dx is not None:
        for one, other in zip(listed(dx), listed(again), strict=True):
            assert one.tobytes() == other.tobytes()
    for weight in layer.trainable_weights:
        assert first[weight].tobytes() == second[weight].tobytes() == third[weight].tobytes()


@pytest.mark.parametrize("policy", ["float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", CALLED, ids=str)
def test_16_bit_layers_return_gradients_in_float32(case: Case, policy: str) -> None:
    layer = ours(case, dtype=policy)
    y, pullback = layer.vjp(case.inputs(), training=True)
    dx, found = pullback(np.ones(y.shape))
    assert {gradient.dtype.name for gradient in found.values()} <= {"float32"}
    if dx is not None:
        assert {one.dtype.name for one in listed(dx)} == {"float32"}


def test_all_layers_that_can_be_called_have_gradients() -> None:
    lacking = {case.layer for case in CALLED if type(ours(case)).call_vjp is Layer.call_vjp}
    assert not lacking


def test_run_of_keras_is_one_of_float64() -> None:
    run = keras_run_of(0, False)
    assert isinstance(run, Run)
    assert run.outputs.dtype == np.float64
