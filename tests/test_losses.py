"""Losses: Keras's values and configs, gradients as JAX derives them, and clear refusals."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jax
import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv import losses
from sepconv.errors import InputTypeError, ValidationError

SHAPES = {"batch": (6, 4), "sequence": (3, 5, 4)}
REGRESSION = [("MeanSquaredError", {}), ("MeanAbsoluteError", {}), ("Huber", {"delta": 0.7})]
BINARY: list[tuple[str, dict[str, Any]]] = [
    ("BinaryCrossentropy", {}),
    ("BinaryCrossentropy", {"from_logits": True}),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}),
]
CATEGORICAL: list[tuple[str, dict[str, Any]]] = [
    ("CategoricalCrossentropy", {}),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
]
SPARSE: list[tuple[str, dict[str, Any]]] = [
    ("SparseCategoricalCrossentropy", {}),
    ("SparseCategoricalCrossentropy", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}),
]
CASES = [*REGRESSION, *BINARY, *CATEGORICAL, *SPARSE]


def rounding(name: str) -> float:
    """Return how far Keras's float64 values are off: it takes means in float32."""
    return 1e-11 if "Categorical" in name else 4 * 2**-24


def example(name: str, config: dict[str, Any], form: str) -> tuple[Any, Any]:
    """Return targets and predictions that suit the loss, in float64."""
    rng = np.random.default_rng(5)
    shape = SHAPES[form]
    y = rng.normal(size=shape)
    if name == "BinaryCrossentropy":
        return rng.integers(0, 2, shape).astype(float), y if config.get("from_logits") else _p(y)
    if "Categorical" in name:
        labels = rng.integers(0, shape[-1], shape[:-1])
        y = y if config.get("from_logits") else np.exp(y)  # which need not add up to 1
        return (labels if name.startswith("Sparse") else np.eye(shape[-1])[labels]), y
    return rng.normal(size=shape), y


def _p(y: Any) -> Any:
    return 1 / (1 + np.exp(-y))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("weighting", [None, "samples", "column"])
@pytest.mark.parametrize(("name", "config"), CASES)
def test_value_and_gradient_are_those_of_keras(
    name: str, config: dict[str, Any], weighting: str | None, reduction: str
) -> None:
    t, y = example(name, config, "batch")
    w = None if weighting is None else np.random.default_rng(8).uniform(0, 2, len(y))
    w = w[:, None] if weighting == "column" and w is not None else w
    ours = getattr(losses, name)(**config, reduction=reduction)
    theirs = getattr(keras.losses, name)(**config, reduction=reduction, dtype="float64")
    value, dy = ours.vjp(t, y, w)
    expected, gradient = jax.value_and_grad(lambda y: theirs(t, y, w))(y)
    assert value == pytest.approx(float(expected), rel=rounding(name))
    assert ours(t, y, w) == value
    np.testing.assert_allclose(dy, gradient, rtol=rounding(name), atol=1e-14)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_sequences_give_the_values_of_keras(name: str, config: dict[str, Any]) -> None:
    t, y = example(name, config, "sequence")
    for reduction in (None, "none", "sum", "mean"):
        ours = getattr(losses, name)(**config, reduction=reduction)
        theirs = getattr(keras.losses, name)(**config, reduction=reduction, dtype="float64")
        np.testing.assert_allclose(ours(t, y), theirs(t, y), rtol=rounding(name))
    dy, expected = ours.vjp(t, y)[1], jax.grad(lambda y: theirs(t, y))(y)
    np.testing.assert_allclose(dy, expected, rtol=rounding(name), atol=1e-14)


@pytest.mark.parametrize(("name", "config"), CASES)
def test_float32_is_computed_in_float32(name: str, config: dict[str, Any]) -> None:
    t, y = example(name, config, "batch")
    ours = getattr(losses, name)(**config)
    exact, exact_dy = ours.vjp(t, y)
    value, dy = ours.vjp(t, y.astype(np.float32))
    assert dy.dtype == np.float32
    # A dozen roundings of numbers up to 10, each seen through the logarithm's slope of at most 20.
    assert value == pytest.approx(exact, abs=12 * 10 * 2**-24)
    np.testing.assert_allclose(dy, exact_dy, atol=12 * 20 * 2**-24)
    assert ours.vjp(t, y.astype(np.float16))[1].dtype == np.float32


@pytest.mark.parametrize(("t", "y"), [((5,), (5, 1)), ((5, 1), (5,)), ((3, 5, 1), (3, 5))])
def test_last_axis_of_one_is_added_or_dropped_as_in_keras(t: Any, y: Any) -> None:
    rng = np.random.default_rng(2)
    target, predicted = rng.normal(size=t), rng.normal(size=y)
    theirs = keras.losses.MeanSquaredError(dtype="float64")
    value, dy = losses.MeanSquaredError().vjp(target, predicted)
    assert value == pytest.approx(float(theirs(target, predicted)), rel=rounding("mse"))
    expected = jax.grad(lambda y: theirs(target, y))(predicted)
    np.testing.assert_allclose(dy, expected, rtol=rounding("mse"))


def test_class_axis_may_be_another() -> None:
    t, y = example("SparseCategoricalCrossentropy", {}, "sequence")
    last = losses.SparseCategoricalCrossentropy()
    middle = losses.SparseCategoricalCrossentropy(axis=1)
    value, dy = middle.vjp(t, np.swapaxes(y, 1, 2))
    assert value == last(t, y)
    assert (np.swapaxes(dy, 1, 2) == last.vjp(t, y)[1]).all()


@pytest.mark.parametrize(
    ("name", "config"), [*BINARY[:2], *CATEGORICAL, *SPARSE[:2]], ids=lambda value: str(value)
)
def test_extremes_stay_finite_as_in_keras(name: str, config: dict[str, Any]) -> None:
    far = 1e4 if config.get("from_logits") else 1.0
    y = np.array([[far, 0.0], [0.0, far]], np.float32)
    t: Any = np.array([[0.0, 1.0], [0.0, 1.0]])
    t = t.argmax(-1) if name.startswith("Sparse") else t
    value, dy = getattr(losses, name)(**config).vjp(t, y)
    assert np.isfinite(value)
    assert np.isfinite(dy).all()
    assert value == pytest.approx(float(getattr(keras.losses, name)(**config)(t, y)), rel=1e-6)


@pytest.mark.parametrize("name", [*losses.registry])
def test_names_stand_for_the_losses_of_keras(name: str) -> None:
    theirs = keras.losses.get(name)
    ours = losses.get(name)
    rng = np.random.default_rng(4)
    t, y = rng.integers(0, 2, (4, 3)).astype("f"), rng.uniform(0.1, 0.9, (4, 3)).astype("f")
    if "sparse" in name.lower():
        t = t[:, 0]
    assert np.asarray(theirs(t, y)).mean() == pytest.approx(ours(t, y), rel=1e-6)  # type: ignore[misc]


@pytest.mark.parametrize(("name", "config"), CASES)
def test_config_is_read_by_keras_and_the_other_way(name: str, config: dict[str, Any]) -> None:
    ours = getattr(losses, name)(**config, reduction="sum", name="mine")
    theirs = getattr(keras.losses, name)(**config, reduction="sum", name="mine")
    written = json.loads(json.dumps(losses.serialize(ours)))
    expected = keras.losses.serialize(theirs)
    # Keras forgets Huber's delta and the axis of sparse labels.
    forgotten = set(written["config"]) - set(expected["config"])
    assert forgotten <= {"delta", "axis"}
    assert {k: v for k, v in written["config"].items() if k not in forgotten} == expected["config"]
    assert {**written, "config": 0} == {**expected, "config": 0}
    assert keras.losses.deserialize(written).get_config() == expected["config"]
    assert type(losses.get(expected)) is type(ours)


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_arguments_are_those_of_keras_in_their_order(name: str) -> None:
    ours, theirs = (
        [(n, p.default) for n, p in inspect.signature(getattr(module, name)).parameters.items()]
        for module in (losses, keras.losses)
    )
    assert ours == theirs


def test_sample_weights_follow_the_first_axes() -> None:
    # Keras broadcasts (3,) along the last axis of (3, 3) values: the weights of other samples.
    t, y, w = np.zeros((3, 3, 2)), np.ones((3, 3, 2)), np.array([1.0, 0.0, 0.0])
    values = losses.MeanSquaredError(reduction="none")(t, y, w)
    assert values.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "t", "y", "told"),
    [
        ("mse", np.zeros((4, 1)), np.zeros((4, 3)), "targets of the outputs' shape (4, 3), got"),
        ("mae", np.zeros((4, 2, 3)), np.zeros((4, 3)), "got shape (4, 2, 3)"),
        ("bce", np.full((2, 1), 2.0), np.zeros((2, 1)), "labels from 0 to 1, got 2.0 in sample 0"),
        ("bce", [[0.0], [np.nan]], np.zeros((2, 1)), "got nan in sample 1"),
        (
            "categorical_crossentropy",
            np.array([0, 1, 2]),
            np.zeros((3, 3)),
            "for classes by number use sparse_categorical_crossentropy, or pass np.eye(3)[y]",
        ),
        (
            "categorical_crossentropy",
            np.array([[0], [1]]),
            np.zeros((2, 3)),
            "use sparse_categorical_crossentropy",
        ),
        (
            "sparse_categorical_crossentropy",
            np.eye(3),
            np.zeros((3, 3)),
            "for one-hot labels use categorical_crossentropy, or pass y.argmax(-1)",
        ),
        (
            "sparse_categorical_crossentropy",
            np.array([0, 3]),
            np.zeros((2, 3)),
            "takes labels from 0 to 2, for outputs of 3 classes; got 3 in sample 1: do labels "
            "count from 1?",
        ),
        (
            "sparse_categorical_crossentropy",
            np.array([0, -1]),
            np.zeros((2, 3)),
            "got -1 in sample 1",
        ),
        (
            "sparse_categorical_crossentropy",
            np.array([0.0, 0.5]),
            np.zeros((2, 3)),
            "takes whole numbers as labels, got 0.5 in sample 1",
        ),
    ],
)
def test_targets_that_do_not_fit_are_refused_with_the_way_out(
    name: str, t: Any, y: Any, told: str
) -> None:
    loss = losses.get(name)
    with pytest.raises(ValidationError) as error:
        loss.vjp(t, y)  # type: ignore[union-attr]
    assert told in str(error.value)


def test_other_mistakes_are_refused_with_the_way_out() -> None:
    with pytest.raises(ValidationError, match="a gradient needs one loss for the batch"):
        losses.MeanSquaredError(reduction="none").vjp([[1.0]], [[2.0]])
    with pytest.raises(ValidationError, match=r"`sample_weight` must have the shape of the losses"):
        losses.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 2)), np.ones(3))
    with pytest.raises(ValidationError, match="has no gradient: derive a class"):
        losses.get(lambda t, y: t - y)
    with pytest.raises(ValidationError, match="did you mean `mean_squared_error`"):
        losses.get("mean_square_error")
    with pytest.raises(InputTypeError):
        losses.MeanSquaredError()([[1.0]], [["a"]])  # type: ignore[list-item]


def test_class_that_defines_its_gradient_alone_is_a_loss() -> None:
    class Cubic(losses.Loss):
        def call_vjp(self, y_true: Any, y_pred: Any) -> Any:
            error = y_pred - np.asarray(y_true, y_pred.dtype)
            size = np.abs(error)
            return (size**3).sum(-1), lambda d: 3 * size * error * d[..., None]

    model = sepconv.Sequential([sepconv.Input((2,)), sepconv.Dense(2)])
    model.compile("sgd", Cubic())
    x = np.random.default_rng(0).normal(size=(64, 2))
    history = model.fit(x, x, epochs=3, verbose=0, seed=1).history
    assert history["loss"][-1] < history["loss"][0]
