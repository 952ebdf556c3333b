"""compile, fit and evaluate: Keras's losses and logs, step by step, and clear refusals."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from toys import Linear, spirals

import sepconv
from sepconv import Input, Sequential, callbacks, losses, metrics, optimizers
from sepconv.errors import InputTypeError, TrainingError, ValidationError
from sepconv.layers import Activation, GlobalAveragePooling1D
from sepconv.training import seeded

EPOCHS, BATCH = 75, 32  # of 120 samples: 300 steps
LOSS = "sparse_categorical_crossentropy"


def network(last: str = "softmax", dtype: str = "float32", **first: Any) -> Any:
    return Sequential(
        [
            Input((4, 3), dtype=dtype),
            Linear(16, dtype=dtype, **first),
            Activation("tanh", dtype=dtype),
            GlobalAveragePooling1D(dtype=dtype),
            Linear(3, dtype=dtype, bias_constraint="non_neg" if first else None),
            Activation(last, dtype=dtype),
        ]
    )


def keras_network(like: Any, last: str = "softmax", **first: Any) -> Any:
    model = keras.Sequential(
        [
            keras.Input((4, 3)),
            keras.layers.Dense(16, **first),
            keras.layers.Activation("tanh"),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(3, bias_constraint="non_neg" if first else None),
            keras.layers.Activation(last),
        ]
    )
    model.set_weights(like.get_weights())
    return model


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 0.5}),
    ("Adam", {"learning_rate": 0.01}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.05}),
    ("RMSprop", {"learning_rate": 0.003, "centered": True, "momentum": 0.5}),
]


def separable(home: Any, dtype: str, penalised: bool) -> Any:
    """Return a network of this module's layers, sepconv's or Keras's."""
    layers = home.layers
    front: dict[str, Any] = {"padding": "same", "activation": "tanh", "dtype": dtype}
    back: dict[str, Any] = {"dtype": dtype}
    if penalised:
        front |= {"depthwise_regularizer": "l2", "activity_regularizer": "l2"}
        front |= {"pointwise_constraint": "min_max_norm"}
        back |= {"kernel_regularizer": "l2", "bias_constraint": "non_neg"}
    return home.Sequential(
        [
            home.Input((4, 3)),
            layers.SeparableConv1D(16, 3, **front),
            layers.GlobalAveragePooling1D(dtype=dtype),
            layers.Dense(3, activation="softmax", **back),
        ]
    )


@pytest.mark.parametrize(("name", "config"), OPTIMIZERS)
def test_300_steps_follow_keras(name: str, config: dict[str, Any]) -> None:
    x, y = spirals()
    penalised = name in ("SGD", "Adam")
    ours, exact = (separable(sepconv, dtype, penalised) for dtype in ("float32", "float64"))
    theirs = separable(keras, "float32", penalised)
    first = seeded(ours, seed=2).get_weights()
    logs = []
    for model, home in ((ours, optimizers), (exact, optimizers), (theirs, keras.optimizers)):
        model.set_weights(first)
        model.compile(getattr(home, name)(**config), LOSS, None, ["acc"])
        logs.append(model.fit(x, y, BATCH, EPOCHS, verbose=0, shuffle=False).history)
    own, wanted, kerass = (np.array(log["loss"]) for log in logs)
    assert wanted[-1] < 0.9 * wanted[0]
    # Training amplifies roundings; how much is seen in Keras's own distance from the exact run.
    amplified = np.abs(kerass - wanted).max()
    assert amplified <= 300 * 10 * 2**-24
    assert np.abs(own - wanted).max() <= 4 * amplified + 4 * 2**-24
    # A score at the border may fall to either side.
    assert np.abs(np.array(logs[0]["acc"]) - np.array(logs[2]["acc"])).max() <= 1.01 / len(x)


@pytest.mark.parametrize("weighting", ["sample_weight", "class_weight"])
def test_weights_and_validation_give_the_logs_of_keras(weighting: str) -> None:
    x, y = spirals()
    weights: Any = {0: 0.5, 2: 3.0}
    if weighting == "sample_weight":
        weights = np.random.default_rng(3).uniform(0, 2, len(x)).astype(np.float32)
    ours = network(kernel_regularizer="l2")
    theirs = keras_network(ours, kernel_regularizer="l2")
    hot = np.eye(3, dtype=np.float32)[y]
    found = []
    for model in (ours, theirs):
        model.compile(
            "sgd", "categorical_crossentropy", metrics=["accuracy", "mse"], weighted_metrics=["mae"]
        )
        history = model.fit(
            x,
            hot,
            BATCH,
            5,
            verbose=0,
            shuffle=False,
            validation_split=0.25,
            **{weighting: weights},
        )
        evaluated = model.evaluate(x, hot, verbose=0, return_dict=True)
        found.append((history.history, evaluated, model.evaluate(x, hot, verbose=0)))
    (mine, mine_after, mine_list), (others, others_after, others_list) = found
    assert set(mine) == set(others)
    # 5 epochs of 3 steps; means over 90 samples in float32 by Keras.
    for name, values in mine.items():
        np.testing.assert_allclose(values, others[name], rtol=100 * 2**-24, err_msg=name)
    assert mine_after == pytest.approx(others_after, rel=100 * 2**-24)
    assert mine_list == pytest.approx(others_list, rel=100 * 2**-24)


def test_train_on_batch_returns_what_keras_returns() -> None:
    x, y = spirals(20)
    ours = network()
    theirs = keras_network(ours)
    for model in (ours, theirs):
        model.compile("sgd", LOSS, metrics=["accuracy"])
    for _ in range(3):
        mine = ours.train_on_batch(x, y, class_weight={1: 2.0})
        others = theirs.train_on_batch(x, y, class_weight={1: 2.0})
        assert mine == pytest.approx([float(value) for value in others], rel=100 * 2**-24)


@pytest.mark.parametrize(
    ("last", "name", "expected"),
    [
        ("softmax", "sparse", metrics.SparseCategoricalAccuracy),
        ("softmax", "hot", metrics.CategoricalAccuracy),
        ("sigmoid", "binary", metrics.BinaryAccuracy),
    ],
)
def test_accuracy_and_crossentropy_suit_the_shapes(last: str, name: str, expected: Any) -> None:
    x, y = spirals(12)
    model = network(last)
    if name == "binary":
        model = Sequential([Input((4, 3)), GlobalAveragePooling1D(), Linear(1), Activation(last)])
    target = {"sparse": y, "hot": np.eye(3)[y], "binary": (y > 0).astype(float)}[name]
    model.compile("sgd", "crossentropy", metrics=["accuracy", "acc"])
    logs = model.evaluate(x, target, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "accuracy", "acc"] == model.metrics_names
    assert logs["acc"] == expected()(target, model(x))
    kind = expected.__name__.removesuffix("Accuracy")
    loss = losses.get(f"{kind}Crossentropy")
    assert loss is not None
    assert logs["loss"] == pytest.approx(loss(target, model(x)), rel=1e-15)


def test_same_seed_gives_the_same_bits() -> None:
    x, y = spirals()
    weights = []
    for seed in (7, 7, 8):
        model = network()
        model.compile("adam", LOSS)
        model.fit(x, y, BATCH, 3, verbose=0, seed=seed)
        weights.append([w.tobytes() for w in model.get_weights()])
    assert weights[0] == weights[1] != weights[2]


def test_threads_change_no_bit() -> None:
    x, y = spirals()
    wide = np.repeat(x, 50, axis=1)  # enough steps for several jobs
    before = sepconv.get_num_threads()
    weights = []
    for threads in (1, 2, 3):
        sepconv.set_num_threads(threads)
        model = seeded(
            Sequential(
                [
                    Input((200, 3)),
                    sepconv.SeparableConv1D(32, 9, activation="relu"),
                    sepconv.SeparableConv1D(3, 5),
                    GlobalAveragePooling1D(),
                    Activation("softmax"),
                ]
            ),
            seed=4,
        )
        model.compile("adam", LOSS)
        model.fit(wide, y, BATCH, 2, verbose=0, seed=4)
        weights.append([w.tobytes() for w in model.get_weights()])
    sepconv.set_num_threads(before)
    assert weights[0] == weights[1] == weights[2]


def test_seeded_gives_every_unseeded_initializer_a_seed() -> None:
    from sepconv import SeparableConv1D

    def model() -> Any:
        return Sequential(
            [Input((9, 3)), SeparableConv1D(4, 3), SeparableConv1D(4, 3, bias_initializer="ones")]
        )

    plain = model()
    first, second, other = seeded(plain, 5), seeded(model(), 5), seeded(plain, 6)
    for one, same in zip(first.get_weights(), second.get_weights(), strict=True):
        assert one.tobytes() == same.tobytes()
    kernels = [w for w in first.get_weights() if w.ndim == 3]
    assert len({w.ravel()[0] for w in kernels}) == len(kernels)
    assert first.get_weights()[0].tobytes() != other.get_weights()[0].tobytes()
    assert (
        plain.get_config()["layers"][1]["config"]["depthwise_initializer"]["config"]["seed"] is None
    )


def test_copy_goes_on_with_its_own_optimizer() -> None:
    x, y = spirals()
    model = network()
    model.compile("adam", LOSS, metrics=["accuracy"])
    model.fit(x, y, verbose=0, seed=1)
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for one in (model, *others):
        one.fit(x, y, verbose=0, seed=2)
    for other in others:
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            assert a.tobytes() == b.tobytes()


def test_concurrent_calls_see_weights_of_one_step() -> None:
    x, y = spirals(64)
    model = network()
    model.compile(optimizers.SGD(0.5), LOSS)
    weights = [[w.copy() for w in model.get_weights()]]
    done = threading.Event()
    seen: list[Any] = []

    def look() -> None:
        while not done.is_set():
            seen.append(np.asarray(model(x[:1])).tobytes())

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(100):
        model.train_on_batch(x, y)
        weights.append(model.get_weights())
    done.set()
    thread.join()
    possible = set()
    for values in weights:
        model.set_weights(values)
        possible.add(np.asarray(model(x[:1])).tobytes())
    assert len(seen) > 10
    assert set(seen) <= possible


def test_loss_that_is_no_number_is_told_and_updates_nothing() -> None:
    x, y = spirals()
    bad = x.copy()
    bad[100, 0, 0] = np.nan
    model = network()
    model.compile("sgd", LOSS)
    model.fit(x, y, verbose=0)
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, batch 4: x holds values"):
        model.fit(bad, y, verbose=0, shuffle=False)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    model.compile(optimizers.SGD(1e30), "mse")
    with pytest.raises(TrainingError, match="smaller learning rate"):
        model.fit(x, np.eye(3)[y] * 1e10, verbose=0, epochs=5)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_leaves_the_weights_of_a_whole_step() -> None:
    x, y = spirals()
    model = network()
    model.compile("sgd", LOSS)
    seen: list[Any] = []

    class Press(callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                os.kill(os.getpid(), signal.SIGINT)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(self.model.get_weights())

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=Press())
    assert len(seen) == 3  # the batch under way was finished
    assert all((a == b).all() for a, b in zip(seen[-1], model.get_weights(), strict=True))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_several_outputs_have_losses_of_their_own() -> None:
    from sepconv.layers import Layer
    from sepconv.training import Trainer

    class Twice(Trainer, Layer):
        """Two outputs of one weight: w·x and x + w."""

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(), initializer="ones", name="w")

        def call(self, inputs: Any) -> Any:
            return [inputs * self.w.value, inputs + self.w.value]

        def call_vjp(self, inputs: Any, training: bool) -> Any:
            def pull(dy: Any, input_gradient: bool) -> Any:
                return None, {self.w: np.sum(dy[0] * inputs) + np.sum(dy[1])}

            return self.call(inputs), pull

    x = np.array([[1.0], [2.0]], np.float32)
    model: Any = Twice()
    model.compile(
        optimizers.SGD(0.1), ["mse", "mae"], loss_weights=[2.0, 1.0], metrics=[["mae"], None]
    )
    logs = model.train_on_batch(x, [3 * x, x + 3], return_dict=True)
    # mse: mean((2x)²) = 10, doubled; mae: 2.
    assert logs == {
        "loss": 22.0,
        "output_0_mae": 3.0,
        "output_0_loss": 10.0,
        "output_1_loss": 2.0,
    }
    # d/dw: 2 · mean(2·(x - 3x)·x) + mean(-1) = -20 - 1
    assert float(model.w.value) == pytest.approx(1 + 0.1 * 21)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"x": np.zeros((0, 4, 3)), "y": np.zeros(0)}, "x holds no samples"),
        ({"y": np.zeros(5)}, "Numbers of samples are x: 12, y: 5"),
        ({"batch_size": 0}, "Expected a strictly positive value. Received batch_size=0"),
        ({"epochs": -1}, "`epochs` must be an integer from 0"),
        ({"validation_split": 0.99}, "not sufficient to split it into a validation"),
        ({"validation_split": 1.0}, "`validation_split` must be above 0 and below 1"),
        ({"validation_data": np.zeros(3)}, "`validation_data` must be (x, y)"),
        ({"class_weight": {7: 1.0}}, "names the unknown class 7: the classes are 0 to 2"),
        ({"class_weight": {0: -1.0}}, "must be a number of at least 0"),
        ({"class_weight": [1.0]}, "`class_weight` must be a dict"),
        ({"class_weight": {0: 1.0}, "sample_weight": np.ones(12)}, "at the same time"),
        ({"y": np.arange(12)}, "takes labels from 0 to 2, for outputs of 3 classes; got 3"),
        ({"y": np.eye(3)[[0] * 12]}, "for one-hot labels use categorical_crossentropy"),
        ({"y": None}, "needs targets: pass `y`"),
        ({"callbacks": ["early"]}, "`callbacks` must hold objects of"),
        ({"verbose": 7}, "`verbose` must be 0, 1, 2 or"),
        ({"seed": -1}, "`seed` must be an integer from 0"),
    ],
)
def test_bad_data_is_refused_with_the_way_out(arguments: dict[str, Any], told: str) -> None:
    x, y = spirals(12)
    model = network()
    model.compile("sgd", LOSS)
    before = model.get_weights()
    with pytest.raises(ValidationError) as error:
        model.fit(**{"x": x, "y": y, "verbose": 0, **arguments})
    assert told in str(error.value)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_data_of_other_kinds_is_refused() -> None:
    x = spirals(12)[0]
    model = network()
    model.compile("sgd", LOSS)
    with pytest.raises(InputTypeError, match="`y` must hold numbers"):
        model.fit(x, ["a"] * 12, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"optimizer": "adma"}, "did you mean `adam`"),
        ({"loss": "sparse_crossentropy"}, "did you mean"),
        ({"metrics": ["accurracy"]}, "did you mean `accuracy`"),
        ({"metrics": "accuracy"}, "Expected `metrics` argument to be a list, tuple, or dict"),
    ],
)
def test_compile_refuses_unknown_names(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        network().compile(**arguments)
    assert told in str(error.value)


def test_training_needs_compile_and_weights() -> None:
    x, y = spirals(12)
    with pytest.raises(ValidationError, match=r"You must call `compile\(\)` before using"):
        network().fit(x, y)
    model = network()
    model.trainable = False
    model.compile("sgd", LOSS)
    with pytest.raises(ValidationError, match="has no trainable weights: there is nothing to fit"):
        model.fit(x, y, verbose=0)
    model.trainable = True
    model.fit(x, y, verbose=0)


def test_frozen_layer_keeps_its_weights() -> None:
    x, y = spirals(12)
    model = network()
    model.layers[0].trainable = False
    model.compile("sgd", LOSS)
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    moved = [not (a == b).all() for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [False, False, True, True]


def test_lines_tell_the_logs_and_verbose_0_tells_nothing(capsys: Any) -> None:
    x, y = spirals(12)
    model = network()
    model.compile("sgd", LOSS, metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(x, y, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(" - loss: " in line and " - val_accuracy: " in line for line in lines)
    model.evaluate(x, y)
    assert capsys.readouterr().out.startswith("loss: ")


def test_outputs_of_a_functional_network_have_the_logs_of_keras() -> None:
    x, y = spirals(40)
    hot = np.eye(3, dtype=np.float32)[y]

    def made(home: Any, dense: Any) -> Any:
        inputs = home.Input((4, 3))
        pooled = home.layers.GlobalAveragePooling1D()(inputs)
        arm = home.layers.Activation("softmax", name="arm")(dense(3)(pooled))
        place = dense(3, name="place")(pooled)
        return home.Model(inputs, [arm, place])

    ours, theirs = made(sepconv, Linear), made(keras, keras.layers.Dense)
    theirs.set_weights(ours.get_weights())
    found = []
    for model in (ours, theirs):
        model.compile(
            "sgd",
            loss={"arm": "categorical_crossentropy", "place": "mse"},
            loss_weights={"arm": 1.0, "place": 0.5},
            metrics={"arm": ["accuracy"], "place": ["mae"]},
        )
        history = model.fit(x, [hot, x[:, 0]], BATCH, 3, verbose=0, shuffle=False)
        found.append(
            (history.history, model.evaluate(x, [hot, x[:, 0]], verbose=0, return_dict=True))
        )
    for mine, others in zip(*found, strict=True):
        assert set(mine) == set(others)
        for name in mine:
            np.testing.assert_allclose(mine[name], others[name], rtol=100 * 2**-24, err_msg=name)


def test_bar_is_taken_off_the_terminal(monkeypatch: Any, capsys: Any) -> None:
    from rich.progress import Progress

    calls = {"start": 0, "stop": 0}
    for name, original in (("start", Progress.start), ("stop", Progress.stop)):

        def counted(self: Any, name: str = name, original: Any = original) -> None:
            calls[name] += 1
            original(self)

        monkeypatch.setattr(Progress, name, counted)
    x, y = spirals(12)
    model = network()
    model.compile("sgd", LOSS)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    model.fit(x, y, epochs=2, verbose=1)
    assert capsys.readouterr().out.count(" - loss: ") == 2
    assert calls == {"start": 2, "stop": 2}
    with pytest.raises(TrainingError):
        model.fit(np.full_like(x, np.nan), y, verbose=1)
    assert calls == {"start": 3, "stop": 3}
