"""Metrics: Keras's results and configs over several batches; the area under the ROC curve."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras

from sepconv import metrics
from sepconv.errors import ValidationError

CASES: list[tuple[str, dict[str, Any]]] = [
    ("Accuracy", {}),
    ("BinaryAccuracy", {}),
    ("BinaryAccuracy", {"threshold": 0.2}),
    ("CategoricalAccuracy", {}),
    ("SparseCategoricalAccuracy", {}),
    ("TopKCategoricalAccuracy", {"k": 2}),
    ("SparseTopKCategoricalAccuracy", {"k": 2}),
    ("MeanSquaredError", {}),
    ("RootMeanSquaredError", {}),
    ("MeanAbsoluteError", {}),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}),
    ("CategoricalCrossentropy", {"from_logits": True}),
    ("SparseCategoricalCrossentropy", {}),
]
SHAPES = {"samples": (7, 4), "sequences": (5, 6, 4)}


def batch(name: str, shape: tuple[int, ...], seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.uniform(0.01, 1, shape).astype(np.float32)
    if name == "Accuracy":
        return rng.integers(0, 3, shape), rng.integers(0, 3, shape).astype(np.float32)
    if name.startswith("Binary"):
        return rng.integers(0, 2, shape).astype(np.float32), y
    labels = rng.integers(0, shape[-1], shape[:-1])
    if name.startswith("Sparse"):
        return labels, y
    if "Categorical" in name:
        return np.eye(shape[-1], dtype=np.float32)[labels], y
    return rng.normal(size=shape).astype(np.float32), y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", SHAPES)
@pytest.mark.parametrize(("name", "config"), CASES)
def test_result_over_batches_is_that_of_keras(
    name: str, config: dict[str, Any], form: str, weighted: bool
) -> None:
    ours = getattr(metrics, name)(**config)
    theirs = getattr(keras.metrics, name)(**config)
    for seed in range(3):
        t, y = batch(name, SHAPES[form], seed)
        w = np.random.default_rng(seed).uniform(0, 2, len(y)).astype(np.float32)
        for metric in (ours, theirs):
            metric.update_state(t, y, w if weighted else None)
    # Keras sums some hundred values in float32.
    assert ours.result() == pytest.approx(float(theirs.result()), rel=200 * 2**-24)
    ours.reset_state()
    assert ours.result() == 0.0


@pytest.mark.parametrize(("name", "config"), [*CASES, ("AUC", {})])
def test_config_is_read_by_keras_and_the_other_way(name: str, config: dict[str, Any]) -> None:
    ours = getattr(metrics, name)(**config, name="mine")
    theirs = getattr(keras.metrics, name)(**config, name="mine")
    written = json.loads(json.dumps(metrics.serialize(ours)))
    expected = keras.metrics.serialize(theirs)
    if name != "AUC":  # whose thresholds Keras writes out
        assert written == expected
    assert keras.metrics.deserialize(written).get_config() == theirs.get_config()
    own = {k: v for k, v in expected["config"].items() if k != "thresholds"}
    back = metrics.get({**expected, "config": own})
    assert back is not None
    assert back.get_config() == ours.get_config()


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES} | {"AUC"}))
def test_arguments_are_those_of_keras_in_their_order(name: str) -> None:
    ours, theirs = (
        [(n, p.default) for n, p in inspect.signature(getattr(module, name)).parameters.items()]
        for module in (metrics, keras.metrics)
    )
    assert ours == theirs


@pytest.mark.parametrize("name", [*metrics.registry])
def test_names_stand_for_the_metrics_of_keras(name: str) -> None:
    if name == "accuracy":  # which Keras knows in `compile` alone, too
        return
    theirs = keras.metrics.get(name)
    assert type(metrics.get(name)).__name__ == type(theirs).__name__
    assert metrics.get(name).name == keras.metrics.get(name).name.rstrip("_0123456789")  # type: ignore[union-attr]


def test_nan_is_no_large_prediction() -> None:
    y = np.array([[np.nan, 0.2, 0.1]], np.float32)
    for label in range(3):
        ours = metrics.SparseTopKCategoricalAccuracy(k=2)([label], y)
        assert ours == float(keras.metrics.SparseTopKCategoricalAccuracy(k=2)([label], y))


def pairs(labels: Any, scores: Any, weights: Any) -> float:
    """The definition: how much weight of pairs has the positive above the negative."""
    won = total = 0.0
    for i in range(len(labels)):
        for j in range(len(labels)):
            if labels[i] and not labels[j]:
                weight = weights[i] * weights[j]
                total += weight
                won += weight * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return won / total if total else math.nan


@given(
    samples=st.lists(
        st.tuples(st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.0])),
        min_size=1,
        max_size=40,
    ),
    cut=st.integers(0, 40),
)
def test_auc_is_the_share_of_ordered_pairs(samples: Any, cut: int) -> None:
    labels, scores, weights = (np.array(column) for column in zip(*samples, strict=True))
    metric = metrics.AUC()
    for part in (slice(0, cut), slice(cut, None)):
        if len(labels[part]):
            metric.update_state(labels[part], scores[part] / 3, weights[part])
    assert metric.result() == pytest.approx(pairs(labels, scores, weights), nan_ok=True, rel=1e-12)


def test_auc_is_near_that_of_keras() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    scores = np.clip(0.5 * labels + rng.uniform(0, 0.7, 2000), 0, 1)
    theirs = float(keras.metrics.AUC(num_thresholds=2000)(labels, scores))
    assert metrics.AUC()(labels[:, None], scores[:, None]) == pytest.approx(theirs, abs=1e-3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="AUC takes one label for each score"):
        metrics.AUC()([0, 1, 1], [0.5, 0.5])
    with pytest.raises(ValidationError, match="AUC takes scores that are numbers, got NaN"):
        metrics.AUC()([0, 1], [0.5, np.nan])
    with pytest.raises(ValidationError, match=r"`curve='PR'` is not supported"):
        metrics.AUC(curve="PR")
    with pytest.raises(ValidationError, match="`sample_weight` must have the shape of the values"):
        metrics.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 2)), np.ones(3))
    with pytest.raises(ValidationError, match="did you mean `binary_accuracy`"):
        metrics.get("binary_acuracy")
