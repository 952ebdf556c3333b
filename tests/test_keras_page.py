"""docs/keras.md line by line: what sepconv does where it differs from Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from sepconv.errors import InputTypeError, TrainingError, ValidationError

SEED_GENERATOR = {"class_name": "SeedGenerator", "config": {"seed": 1}}
X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.arange(8) % 2


def classifier() -> sepconv.Sequential:
    """Return a compiled network of two classes."""
    dense = layers.Dense(2, activation="softmax", kernel_initializer=initializers.HeNormal(seed=1))
    model = sepconv.Sequential([sepconv.Input((3,)), dense])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sepconv.SeparableConv1D(4, 3, 2, dilation_rate=2), "not supported in conjunction"),
        (lambda: sepconv.SeparableConv1D(3, 4, 3, 2), "did you mean `dilation_rate=2`"),
        (lambda: sepconv.SeparableConv1D(True, 3), "strictly positive integer"),
        (lambda: sepconv.SeparableConv1D(4, 3.0), "of type float"),
        (lambda: sepconv.SeparableConv1D(4, {3}), "of type set"),
        (lambda: sepconv.SeparableConv1D(2**31, 3), "at most 2147483647"),
        (lambda: sepconv.SeparableConv1D(4, 3, trainable=1), "must be True or False"),
        (
            lambda: sepconv.SeparableConv1D(4, 3, pointwise_regularizer="orthogonal_regularizer"),
            "takes tensors of rank 2",
        ),
        (lambda: sepconv.SeparableConv1D(4, 3)(np.ones((1, 2, 5))), "zero or negative"),
        (lambda: layers.DepthwiseConv1D(3, 2, dilation_rate=2), "not supported in conjunction"),
        (lambda: layers.BatchNormalization(momentum=2), "at most 1"),
        (lambda: layers.BatchNormalization(epsilon=-1), "at least 0"),
        (lambda: layers.BatchNormalization(renorm=True), "not supported"),
        (lambda: layers.BatchNormalization(synchronized=True), "not supported"),
        (lambda: layers.LayerNormalization(rms_scaling=True), "not supported"),
        (lambda: layers.Rescaling(np.ones((4, 1)))(np.ones((1, 3))), "does not broadcast"),
        (lambda: layers.Embedding(3, 2)([[0, 7]]), r"got 7 at \[0, 1\]"),
        (lambda: layers.Embedding(3, 2)([-1]), r"got -1 at \[0\]"),
        (lambda: layers.Embedding(3, 2)([0.5]), r"got 0.5 at \[0\]"),
        (lambda: layers.Embedding(3, 2, mask_zero=True), "not supported"),
        (lambda: layers.Embedding(3, 2, quantization_config={}), "not supported"),
        (lambda: layers.Dense(3, lora_rank=2), "not supported"),
        (lambda: layers.Dense(3, quantization_config={}), "not supported"),
        (lambda: layers.MaxPooling1D(5)(np.ones((1, 3, 2))), "zero or negative"),
        (lambda: layers.PReLU(shared_axes=[0]), "from 1 to 63, got 0"),
        (lambda: layers.PReLU(shared_axes=[-1]), "from 1 to 63, got -1"),
        (lambda: activations.get("threshold"), "missing a required argument"),
        (lambda: activations.Relu(max_value=6, threshold=-1), "threshold"),
        (lambda: activations.get({"class_name": "celu", "config": {"alpha": 0}}), "alpha"),
        (lambda: activations.get({"class_name": "squareplus", "config": {"b": -1}}), "at least 0"),
        (lambda: initializers.HeNormal(seed=SEED_GENERATOR), "seed"),
        (lambda: initializers.Constant(np.ones(3))((2, 3)), r"\(3,\)"),
        (lambda: initializers.get({"class_name": "STFT", "config": {"window": "x"}}), "window"),
        (lambda: constraints.MinMaxNorm(min_value=2, max_value=1), "max_value"),
        (
            lambda: initializers.get({"class_name": "Zeros", "registered_name": "no>Zeros"}),
            "no>Zeros",
        ),
        (lambda: sepconv.SeparableConv1D(4, 3, activation=abs).get_config(), "register it first"),
        (
            lambda: sepconv.Sequential([sepconv.SeparableConv1D(4, 3), sepconv.Input((9, 5))]),
            "Input must be the first",
        ),
        (lambda: classifier().compile("sgd", lambda y_true, y_pred: 0.0), "has no gradient"),
        (lambda: classifier().fit(X, np.full(8, 5)), "got 5 in sample 0"),
        (lambda: classifier().fit(X, np.ones((8, 2))), "pass y.argmax"),
        (lambda: classifier().fit(X, Y, class_weight={7: 2.0}), "the classes are 0 to 1"),
        (lambda: classifier().fit(iter([X])), "must hold numbers"),
        (lambda: optimizers.SGD(clipnorm=0), "above 0"),
        (lambda: optimizers.SGD(clipvalue=-1), "above 0"),
        (lambda: optimizers.Adam(use_ema=True), "not supported"),
        (lambda: optimizers.Adam(loss_scale_factor=2.0), "not supported"),
        (lambda: optimizers.Adam(gradient_accumulation_steps=2), "not supported"),
        (lambda: metrics.AUC(curve="PR"), "not supported"),
        (lambda: metrics.AUC(multi_label=True), "not supported"),
        (lambda: callbacks.ModelCheckpoint("w.npz", save_weights_only=False), "not supported"),
        (lambda: callbacks.BackupAndRestore("folder", save_freq=10), "not supported"),
    ],
)
def test_sepconv_refuses(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValidationError, InputTypeError), match=message):
        call()


def test_argument_is_fixed_at_construction() -> None:
    layer = sepconv.SeparableConv1D(4, 3)
    with pytest.raises(AttributeError, match="`filters` of SeparableConv1D is fixed"):
        layer.filters = 5


def test_bias_of_no_initializer_is_zero() -> None:
    layer = sepconv.SeparableConv1D(4, 3, bias_initializer=None)
    layer.build((None, 9, 5))
    assert not layer.get_weights()[2].any()
    assert layer.get_config()["bias_initializer"]["class_name"] == "Zeros"


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_ints_and_bools_are_cast(dtype: str) -> None:
    layer = sepconv.SeparableConv1D(4, 3)
    x = np.random.default_rng(0).integers(0, 2, (2, 9, 5)).astype(dtype)
    np.testing.assert_array_equal(layer(x), layer(x.astype("float32")))


def test_no_steps_give_no_steps() -> None:
    assert sepconv.SeparableConv1D(4, 3, padding="same")(np.ones((2, 0, 5))).shape == (2, 0, 4)


def test_parameters_of_an_activation_are_honoured() -> None:
    relu = activations.get({"class_name": "relu", "config": {"negative_slope": 0.25}})
    assert relu(np.float32([-4])) == [-1]


def test_limits_at_infinity() -> None:
    for name in ("gelu", "silu", "mish", "hard_silu", "squareplus"):
        assert activations.get(name)(np.float32([-np.inf])) == [0]
    np.testing.assert_array_equal(activations.softsign(np.float32([-np.inf, np.inf])), [-1, 1])


def test_glu_halves_the_last_axis() -> None:
    layer = sepconv.SeparableConv1D(4, 3, activation="glu")
    assert layer.compute_output_shape((2, 9, 5)) == (2, 7, 2)


def test_gain_and_factors_stay_as_given() -> None:
    assert initializers.Identity(gain=3).get_config()["gain"] == 3
    assert regularizers.L1(0.1).get_config() == {"l1": 0.1}


def test_norms_of_float16_weights_do_not_overflow() -> None:
    weights = np.full((4, 1), 300, np.float16)  # 300**2 is no float16
    np.testing.assert_allclose(constraints.UnitNorm()(weights), 0.5, rtol=1e-3)


def test_activity_of_float16_does_not_overflow() -> None:
    layer = sepconv.SeparableConv1D(
        4, 1, dtype="float16", activity_regularizer="l2", depthwise_initializer="ones"
    )
    layer(np.full((1, 50, 64), 100, "float16"))
    assert np.isfinite(layer.losses[0])


def test_default_name_is_not_counted_up() -> None:
    names = [sepconv.SeparableConv1D(4, 3).name for _ in range(2)]
    assert names == ["separable_conv1d"] * 2


# --- the other layers ------------------------------------------------------------------------


def test_dropout_draws_the_same_on_every_machine() -> None:
    kept = layers.Dropout(0.5, seed=0)(np.ones(8), training=True)
    np.testing.assert_array_equal(kept, [2, 2, 0, 0, 2, 0, 0, 0])


def test_spatial_dropout_keeps_its_policy() -> None:
    config = layers.SpatialDropout1D(0.5, dtype="mixed_float16").get_config()
    assert config["dtype"] == "mixed_float16"


@pytest.mark.parametrize(
    ("layer", "exact"),
    [
        (layers.GlobalAveragePooling1D, lambda x: x.mean(1)),
        (
            layers.LayerNormalization,
            lambda x: (x - x.mean(2, keepdims=True)) / np.sqrt(x.var(2, keepdims=True) + 1e-3),
        ),
        (
            layers.BatchNormalization,
            lambda x: (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-3),
        ),
    ],
)
def test_float64_is_not_rounded_to_float32(layer: Any, exact: Callable[[Any], Any]) -> None:
    x = np.random.default_rng(0).normal(size=(8, 9, 3))
    y = layer(dtype="float64")(x, training=True)
    # Sums of 72 terms, then few operations on values of about 1.
    np.testing.assert_allclose(y, exact(x), rtol=0, atol=100 * 2.0**-53 * np.abs(y).max())


def test_16_bit_layers_round_once() -> None:
    large = np.full((1, 2, 1), 60000, np.float16)  # twice that is no float16
    assert layers.AveragePooling1D(2, dtype="float16")(large) == 60000
    merged = layers.Add(dtype="float16")([large, large, -large])
    np.testing.assert_array_equal(merged, large)
    scaled = layers.Rescaling(2.0, offset=-60000.0, dtype="float16")(large)
    np.testing.assert_array_equal(scaled, large)


def test_empty_batch_moves_no_statistics() -> None:
    layer = layers.BatchNormalization()
    layer(np.zeros((0, 9, 3)), training=True)
    np.testing.assert_array_equal(layer.moving_variance.numpy(), 1)


def test_axis_stays_as_given() -> None:
    layer = layers.LayerNormalization(axis=-1)
    layer.build((None, 3))
    assert layer.get_config()["axis"] == -1


def test_adapt_sums_in_float64_and_weights_take_effect_at_once() -> None:
    layer = layers.Normalization(axis=None)
    layer.adapt(np.array([1e8, 1e8 + 2]))
    assert layer.adapt_variance.numpy() == 1
    layer.set_weights([np.float32(1), np.float32(4), *layer.get_weights()[2:]])
    assert layer(np.float32([3])) == [1]


def test_merged_shapes_are_checked_at_every_call() -> None:
    layer, x = layers.Add(), np.ones((8, 9, 3))
    layer([x, x])
    with pytest.raises(ValidationError, match="different batch sizes"):
        layer([x, x[:1]])


# --- gradients and training ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.MaxPooling1D(2), [[[1], [0]]]),
        (layers.GlobalMaxPooling1D(keepdims=True), [[[0.5], [0.5]]]),
        (layers.ReLU(), [[[0], [0]]]),
    ],
)
def test_gradient_at_ties_and_kinks(layer: Any, expected: Any) -> None:
    y, pullback = layer.vjp(np.zeros((1, 2, 1)))
    np.testing.assert_array_equal(pullback(np.ones_like(y))[0], expected)


def test_equal_inputs_have_half_of_the_gradient_each() -> None:
    for layer in (layers.Maximum(), layers.Minimum()):
        _, pullback = layer.vjp([np.ones((1, 1)), np.ones((1, 1))])
        np.testing.assert_array_equal(pullback([[1.0]])[0], [[[0.5]], [[0.5]]])


def test_l1_is_flat_at_0() -> None:
    np.testing.assert_array_equal(regularizers.L1(0.5).gradient(np.float32([-1, 0, 1])),
                                  [-0.5, 0, 0.5])  # fmt: skip


def test_loss_that_is_no_number_keeps_the_last_good_weights() -> None:
    for watching in ([], [callbacks.TerminateOnNaN()]):
        model = classifier()
        before = model.get_weights()
        try:
            model.fit(X * np.nan, Y, verbose=0, callbacks=watching)
        except TrainingError as error:
            assert not watching
            assert "x holds values that are no finite numbers" in str(error)
        else:
            assert watching
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)


def test_order_of_samples_comes_from_the_seed() -> None:
    runs = []
    for seed in (1, 1, 2):
        model = classifier()
        model.fit(X, Y, batch_size=1, seed=seed, verbose=0)
        runs.append(model.get_weights()[0])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_sample_weights_weigh_samples() -> None:
    values = losses.MeanSquaredError(reduction="none")(
        np.zeros((3, 3, 2)), np.ones((3, 3, 2)), sample_weight=[1, 0, 0]
    )
    np.testing.assert_array_equal(values, [[1, 1, 1], [0, 0, 0], [0, 0, 0]])


def test_area_under_the_curve_is_exact() -> None:
    scores = [0.001, 0.003, 0.002, 0.004]  # between two of Keras's thresholds
    assert metrics.AUC()([0, 0, 1, 1], scores) == 0.75
    assert np.isnan(metrics.AUC()([1, 1], [0.1, 0.2]))


def test_metrics_sum_in_float64() -> None:
    metric = metrics.MeanAbsoluteError()
    for value in (2.0**24, 1.0):  # whose sum is no float32
        metric.update_state([[0.0]], np.float32([[value]]))
    assert metric.result() == (2**24 + 1) / 2


def test_configs_of_training_lose_nothing() -> None:
    assert optimizers.SGD(0.1).get_config()["learning_rate"] == 0.1
    assert losses.Huber(delta=3.0).get_config()["delta"] == 3


def test_16_bit_weights_have_slots_of_float32() -> None:
    dense = layers.Dense(2, dtype="float16")
    dense.build((None, 3))
    optimizer = optimizers.Adam()
    optimizer.build(dense.trainable_weights)
    assert {slot.dtype.name for slot in optimizer.variables[2:]} == {"float32"}
