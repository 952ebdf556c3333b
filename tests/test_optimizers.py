"""Optimizers and schedules: Keras's arguments, updates, state and configs."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import platform
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import constraints, optimizers
from sepconv.core import updated_weights
from sepconv.errors import ValidationError
from sepconv.layers.variable import Variable
from sepconv.optimizers import schedules

OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop"]
CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.25, "momentum": 0.5}),
    ("SGD", {"global_clipnorm": 0.75}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"global_clipnorm": 1.0}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.2, "amsgrad": True, "clipnorm": 1.0}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.9}),
    ("RMSprop", {"centered": True, "epsilon": 1e-4}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.05}),
]
SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "power": 0.5}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.01,
            "decay_steps": 20,
            "warmup_target": 0.1,
            "warmup_steps": 9,
        },
    ),
    ("PiecewiseConstantDecay", {"boundaries": [5, 12], "values": [0.1, 0.01, 0.001]}),
]
SHAPES = [(3, 4, 2), (1, 8, 5), (5,)]
STEPS = 16


def weights_and_gradients(dtype: str) -> tuple[list[NDArray[Any]], list[list[NDArray[Any]]]]:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    gradients = [[rng.normal(size=s).astype(dtype) for s in SHAPES] for _ in range(STEPS)]
    gradients[7] = [np.zeros_like(g) for g in gradients[7]]  # a norm of 0
    return weights, gradients


def ours_after(name: str, config: dict[str, Any], dtype: str) -> tuple[Any, list[NDArray[Any]]]:
    weights, gradients = weights_and_gradients(dtype)
    variables = [Variable(w, dtype, f"toy/{i}") for i, w in enumerate(weights)]
    optimizer = getattr(optimizers, name)(**config)
    for grads in gradients:
        optimizer.apply(grads, variables)
    return optimizer, [variable.numpy() for variable in variables]


def keras_after(name: str, config: dict[str, Any], dtype: str) -> tuple[Any, list[NDArray[Any]]]:
    weights, gradients = weights_and_gradients(dtype)
    variables = [keras.Variable(w, dtype=dtype, name=f"w{i}") for i, w in enumerate(weights)]
    optimizer = getattr(keras.optimizers, name)(**config)
    for grads in gradients:
        optimizer.apply([keras.ops.array(g) for g in grads], variables)
    return optimizer, [np.asarray(variable.value) for variable in variables]


@pytest.mark.parametrize(("name", "config"), CASES)
def test_update_is_that_of_keras_in_float64(name: str, config: dict[str, Any]) -> None:
    ours, values = ours_after(name, config, "float64")
    theirs, expected = keras_after(name, config, "float64")
    # Both round every operation to 2**-53; a step makes fewer than 20, and divides by 1 - 0.999**t.
    tolerance = STEPS * 20 * 2**-53 / 0.001
    for value, other in zip(values, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=tolerance, atol=tolerance)
    assert len(ours.variables) == len(theirs.variables)
    # Keras keeps the learning rate in float32.
    for held, variable in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(
            held, np.asarray(variable.value), rtol=max(tolerance, 2**-24), atol=tolerance
        )


@pytest.mark.parametrize(("name", "config"), CASES)
def test_update_in_float32_is_as_close_to_the_exact_one_as_that_of_keras(
    name: str, config: dict[str, Any]
) -> None:
    _, exact = ours_after(name, config, "float64")
    _, values = ours_after(name, config, "float32")
    _, theirs = keras_after(name, config, "float32")
    beta_2 = config.get("beta_2", 0.999) if name.startswith("Adam") else 0.0
    rate = config.get("learning_rate", 0.01)
    # A step of about `rate` (at most 10 of them with momentum) carries the rounding of
    # 1 - beta_2**t; a weight of about 4 carries that of STEPS sums.
    bound = STEPS * 2**-24 * (10 * rate / (1 - beta_2) + 4 * 4)
    for value, other, wanted in zip(values, theirs, exact, strict=True):
        assert np.abs(value - wanted).max() <= bound
        assert np.abs(value - other).max() <= bound


@pytest.mark.parametrize(("name", "config"), SCHEDULES)
def test_schedule_is_that_of_keras_at_each_step(name: str, config: dict[str, Any]) -> None:
    ours = getattr(schedules, name)(**config)
    theirs = getattr(keras.optimizers.schedules, name)(**config)
    for step in [*range(45), 100]:
        expected = float(theirs(step))
        # Keras computes in float32: some 8 roundings, and 1 - p near the end of a decay.
        assert ours(step) == pytest.approx(expected, rel=8 * 2**-24, abs=8 * 2**-24 * 0.1)


@pytest.mark.parametrize(("name", "config"), SCHEDULES)
def test_schedule_config_is_read_by_keras_and_the_other_way(
    name: str, config: dict[str, Any]
) -> None:
    ours = getattr(schedules, name)(**config)
    theirs = getattr(keras.optimizers.schedules, name)(**config)
    written = json.loads(json.dumps(schedules.serialize(ours)))
    assert written == keras.optimizers.schedules.serialize(theirs)
    assert keras.optimizers.schedules.deserialize(written).get_config() == theirs.get_config()
    assert schedules.get(written).get_config() == ours.get_config()  # type: ignore[union-attr]


def test_schedule_moves_with_the_steps_of_the_optimizer() -> None:
    config = {"initial_learning_rate": 0.5, "decay_steps": 1, "decay_rate": 0.5}
    optimizer = optimizers.SGD(schedules.ExponentialDecay(**config))
    weight = Variable(np.zeros(1), "float64", "toy/w")
    seen = []
    for _ in range(3):
        before = weight.numpy()
        optimizer.apply([np.ones(1)], [weight])
        seen.append(float((before - weight.value)[0]))
    assert seen == [0.5, 0.25, 0.125]
    with pytest.raises(TypeError, match="hence its learning rate is not settable"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize(("name", "config"), CASES)
def test_config_is_read_by_keras_and_the_other_way(name: str, config: dict[str, Any]) -> None:
    ours = getattr(optimizers, name)(**config, name="mine")
    theirs = getattr(keras.optimizers, name)(**config, name="mine")
    written = json.loads(json.dumps(optimizers.serialize(ours)))
    expected = keras.optimizers.serialize(theirs)
    assert written["config"]["learning_rate"] == ours.learning_rate
    assert expected["config"]["learning_rate"] == np.float32(ours.learning_rate)  # as Keras has it
    rounded = {**written["config"], "learning_rate": expected["config"]["learning_rate"]}
    assert {**written, "config": rounded} == expected
    assert keras.optimizers.deserialize(written).get_config() == expected["config"]
    assert optimizers.get(expected).get_config() == rounded  # type: ignore[union-attr]


def test_config_holds_a_schedule() -> None:
    schedule = {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}
    ours = optimizers.Adam(schedules.ExponentialDecay(**schedule), name="a")
    theirs = keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(**schedule), name="a"
    )
    assert ours.get_config() == theirs.get_config()
    back = optimizers.Adam.from_config(json.loads(json.dumps(theirs.get_config())))
    assert back.learning_rate(7) == pytest.approx(0.09)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_arguments_are_those_of_keras_in_their_order(name: str) -> None:
    ours, theirs = (
        [(n, p.default) for n, p in inspect.signature(getattr(module, name)).parameters.items()]
        for module in (optimizers, keras.optimizers)
    )
    assert ours == [pair for pair in theirs if pair[0] != "kwargs"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_name_is_that_of_keras(name: str) -> None:
    keras.utils.clear_session()
    assert getattr(optimizers, name)().name == getattr(keras.optimizers, name)().name


@pytest.mark.parametrize("identifier", ["adam", "ADAM", "Adam", {"class_name": "Adam"}])
def test_names_have_any_case(identifier: Any) -> None:
    assert type(optimizers.get(identifier)) is optimizers.Adam


def test_constraint_runs_after_the_update() -> None:
    weight = Variable([0.5, 3.0], "float32", "toy/w", constraint=constraints.NonNeg())
    optimizers.SGD(1.0).apply([np.array([1.0, 1.0])], [weight])
    assert weight.numpy().tolist() == [0.0, 2.0]
    assert not weight.value.flags.writeable


def test_16_bit_weights_are_updated_in_float32() -> None:
    weight = Variable([1.0], "float16", "toy/w")
    optimizer = optimizers.Adam(0.25)
    optimizer.apply([np.array([1e-6], np.float32)], [weight])
    assert weight.value.dtype == np.float16
    # 1e-6 squared is 0 in float16; the step would then be infinite or 1 / epsilon.
    expected = 1 - 0.25 * 1e-6 / (1e-6 + 1e-7 / math.sqrt(0.001))
    assert float(weight.value[0]) == pytest.approx(expected, abs=2**-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_saved_state_goes_on_with_the_same_bits(name: str) -> None:
    config = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {"amsgrad": True}
    weights, gradients = weights_and_gradients("float32")
    variables = [Variable(w, "float32", f"toy/{i}") for i, w in enumerate(weights)]
    whole = getattr(optimizers, name)(**config)
    for grads in gradients[:10]:
        whole.apply(grads, variables)
    store: dict[str, Any] = {}
    whole.save_own_variables(store)
    others = [Variable(v.value, "float32", v.path) for v in variables]
    resumed = getattr(optimizers, name)(**config)
    resumed.build(others)
    resumed.load_own_variables(store)
    copied = pickle.loads(pickle.dumps(copy.deepcopy((whole, variables))))
    for grads in gradients[10:]:
        whole.apply(grads, variables)
        resumed.apply(grads, others)
        copied[0].apply(grads, copied[1])
    for one, two, three in zip(variables, others, copied[1], strict=True):
        assert one.value.tobytes() == two.value.tobytes() == three.value.tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_of_keras_is_read_in_its_order(name: str) -> None:
    config = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {"amsgrad": True}
    theirs, _ = keras_after(name, config, "float32")
    store: dict[str, Any] = {}
    theirs.save_own_variables(store)
    ours, _ = ours_after(name, config, "float32")
    mine = ours.state()
    ulps = STEPS * 4 * 2**-24  # 4 roundings a step in each slot, of values of about 1
    ours.load_own_variables(store)
    for (key, held), value in zip(mine.items(), ours.variables, strict=True):
        np.testing.assert_allclose(value, held, rtol=ulps, atol=ulps, err_msg=key)
    with pytest.raises(ValidationError, match="variables, got 1; build it"):
        ours.set_state([np.array(0)])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: optimizers.get("adm"), "Could not interpret optimizer identifier: adm; did you"),
        (lambda: optimizers.Adam(-1.0), "`learning_rate` must be at least 0"),
        (lambda: optimizers.Adam("fast"), "Argument `learning_rate` should be float"),
        (lambda: optimizers.SGD(momentum=1.5), "`momentum` must be at most 1"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`"),
        (lambda: optimizers.SGD(use_ema=True), "`use_ema=True` is not supported"),
        (lambda: optimizers.SGD(lr=0.1), "Unrecognized keyword arguments passed to SGD"),
        (lambda: optimizers.AdamW(weight_decay=None), "`weight_decay` must be a finite number"),
        (
            lambda: schedules.PiecewiseConstantDecay([1], [0.1]),
            "The length of boundaries should be 1 less",
        ),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.9), "`decay_steps` must be above 0"),
    ],
)
def test_bad_argument_is_refused_with_the_way_out(make: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        make()
    assert told in str(error.value)


def test_variables_of_another_model_are_refused() -> None:
    one, other = (Variable([1.0], "float32", name) for name in ("a/w", "b/w"))
    optimizer = optimizers.SGD()
    optimizer.apply([np.ones(1)], [one])
    with pytest.raises(ValidationError, match="Unknown variable: b/w"):
        optimizer.apply([np.ones(1)], [other])
    with pytest.raises(ValidationError, match="got 0 gradients and 1 variables"):
        optimizer.apply([], [one])


def test_decayed_means_end_at_0_before_they_slow_the_update_down() -> None:
    # With subnormal numbers x86 takes 40 times as long; other CPUs keep their pace, and them.
    flushed = platform.machine().lower() in ("x86_64", "amd64")
    w, g = np.ones(9, np.float32), np.zeros(9, np.float32)
    m, v = np.full(9, 1e-39, np.float32), np.full(9, 1e-39, np.float32)
    update = (w, g, (m, v, None), (0.1, 0.1, 0.001, 1e-7))
    (value,) = updated_weights("adam", [update], (0.1, 0.0))
    assert (value == w).all()
    assert ((m == 0) == flushed).all()
    assert ((v == 0) == flushed).all()
    assert np.float32(1e-39) * np.float32(0.5) > 0  # elsewhere nothing has changed


@pytest.mark.parametrize(
    ("rule", "g", "slots"),
    [
        ("sgd", np.ones(3, np.float64), (None,)),
        ("sgd", np.ones(2, np.float32), (None,)),
        ("adam", np.ones(3, np.float32), (np.ones(3, np.float32), None)),
        ("rmsprop", np.ones(3, np.float32), ()),
        ("sgd", np.ones(3, np.float32), (np.ones(6, np.float32)[::2],)),
        ("lamb", np.ones(3, np.float32), (None,)),
    ],
)
def test_core_refuses_arrays_that_do_not_fit(rule: str, g: Any, slots: Any) -> None:
    with pytest.raises(ValueError):
        updated_weights(rule, [(np.ones(3, np.float32), g, slots, (0.0,) * 4)], (0.1, 0.0))
