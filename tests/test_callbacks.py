"""Callbacks: Keras's epochs, files and learning rates; checkpoints that resume bit for bit."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_oracle import keras
from toys import Linear, spirals

from sepconv import Input, Sequential, callbacks, optimizers
from sepconv.callbacks import checkpoint
from sepconv.errors import TrainingError, ValidationError, WeightsError
from sepconv.layers import Activation, Dropout, GlobalAveragePooling1D

LOSS = "sparse_categorical_crossentropy"


class Stub:
    """What a callback sees of a model whose weights are the epoch."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.stop_training = False
        self.weights = [np.zeros(1)]

    def get_weights(self) -> list[Any]:
        return [w.copy() for w in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = weights


def driven(callback: Any, stub: Stub, values: list[float]) -> list[Any]:
    """Return what happens in each epoch: its learning rate, and at last the weights."""
    callback.set_model(stub)
    callback.on_train_begin()
    seen: list[Any] = []
    for epoch, value in enumerate(values):
        stub.weights = [np.array([epoch])]
        logs = {"m": value}
        callback.on_epoch_end(epoch, logs)
        seen.append(logs)
        if stub.stop_training:
            break
    callback.on_train_end()
    return [*seen, float(stub.weights[0][0])]


VALUES = st.lists(st.integers(0, 6).map(lambda n: n / 4), min_size=1, max_size=20)


@given(
    values=VALUES,
    config=st.fixed_dictionaries(
        {
            "patience": st.integers(0, 3),
            "min_delta": st.sampled_from([0.0, 0.25]),
            "mode": st.sampled_from(["min", "max"]),
            "restore_best_weights": st.booleans(),
            "start_from_epoch": st.integers(0, 3),
            "baseline": st.sampled_from([None, 0.75]),
        }
    ),
)
@settings(max_examples=300)
def test_early_stopping_ends_when_that_of_keras_does(values: Any, config: Any) -> None:
    ours = callbacks.EarlyStopping(monitor="m", **config)
    theirs = keras.callbacks.EarlyStopping(monitor="m", **config)
    seen = driven(ours, Stub(None), values)
    assert seen == driven(theirs, Stub(None), values)
    assert (ours.stopped_epoch, ours.best_epoch) == (theirs.stopped_epoch, theirs.best_epoch)


@given(
    values=VALUES,
    config=st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.5, 0.1]),
            "patience": st.integers(0, 3),
            "cooldown": st.integers(0, 2),
            "mode": st.sampled_from(["min", "max"]),
            "min_lr": st.sampled_from([0.0, 0.125]),
        }
    ),
)
@settings(max_examples=300)
def test_plateaus_reduce_the_learning_rate_as_in_keras(values: Any, config: Any) -> None:
    ours = callbacks.ReduceLROnPlateau(monitor="m", **config)
    theirs = keras.callbacks.ReduceLROnPlateau(monitor="m", **config)
    stub = SimpleNamespace(learning_rate=0.5)
    seen = driven(ours, Stub(optimizers.SGD(0.5)), values)
    expected = driven(theirs, Stub(stub), values)
    assert len(seen) == len(expected)
    for mine, other in zip(seen[:-1], expected[:-1], strict=True):
        # Keras's real optimizers keep the rate in float32; this stub does not.
        assert mine["learning_rate"] == pytest.approx(other["learning_rate"], rel=20 * 2**-24)


def network() -> Any:
    return Sequential(
        [
            Input((4, 3)),
            Linear(8),
            Activation("tanh"),
            Dropout(0.25, seed=7),
            GlobalAveragePooling1D(),
            Linear(3),
            Activation("softmax"),
        ]
    )


def compiled(optimizer: Any = "adam") -> Any:
    model = network()
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("monitor", "upwards"),
    [("loss", False), ("val_loss", False), ("accuracy", True), ("val_accuracy", True)],
)
def test_auto_mode_knows_losses_and_metrics(monitor: str, upwards: bool) -> None:
    x, y = spirals(12)
    model = compiled()
    model.fit(x, y, verbose=0)
    callback = callbacks.EarlyStopping(monitor)
    callback.set_model(model)
    assert callback.improves(2.0, 1.0) is upwards
    with pytest.raises(ValidationError, match="Pass `mode='max'` or `mode='min'`"):
        callback = callbacks.EarlyStopping("speed")
        callback.set_model(model)
        callback.improves(2.0, 1.0)


def test_unknown_value_is_warned_of() -> None:
    x, y = spirals(12)
    with pytest.warns(UserWarning, match="EarlyStopping watches `val_loss`, which is not avail"):
        compiled().fit(x, y, verbose=0, callbacks=callbacks.EarlyStopping())


def test_learning_rate_scheduler_sets_the_rate_of_each_epoch() -> None:
    x, y = spirals(12)
    model = compiled(optimizers.SGD(0.5))
    history = model.fit(
        x, y, epochs=3, verbose=0,
        callbacks=callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
    )  # fmt: skip
    assert history.history["learning_rate"] == [0.25, 0.125, 0.0625]
    with pytest.raises(ValidationError, match="The output of the `schedule` function should be"):
        model.fit(x, y, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda epoch: 1))


def test_terminate_on_nan_ends_quietly_with_good_weights() -> None:
    x, y = spirals(12)
    bad = x.copy()
    bad[6] = np.nan
    model = compiled()
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    history = model.fit(
        bad, y, 12, epochs=3, verbose=0, shuffle=False, callbacks=callbacks.TerminateOnNaN()
    )
    assert len(history.history["loss"]) == 1
    assert math.isnan(history.history["loss"][0])
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(TrainingError, match="Terminating training immediately"):
        model.fit(bad, y, verbose=0, callbacks=callbacks.TerminateOnNaN(raise_error=True))


def test_csv_logger_writes_the_file_of_keras(tmp_path: Path) -> None:
    logs = [{"loss": 0.5, "accuracy": 0.25}, {"loss": 0.125, "accuracy": 0.75}]
    for append in (False, True, True):
        for home, name in ((callbacks, "ours.csv"), (keras.callbacks, "theirs.csv")):
            logger = home.CSVLogger(str(tmp_path / name), append=append)
            logger.on_train_begin()
            for epoch, one in enumerate(logs):
                logger.on_epoch_end(epoch, dict(one))
            logger.on_train_end()
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_model_checkpoint_writes_better_weights_alone(tmp_path: Path) -> None:
    x, y = spirals()
    model = compiled()
    name = str(tmp_path / "run" / "{epoch:02d}-{loss:.3f}.npz")
    seen: list[Any] = []

    class Worse(callbacks.Callback):
        """Epochs 2 and 4 are no better."""

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["loss"] = [1.0, 2.0, 0.5, 0.5, 0.25][epoch]
            seen.append(self.model.get_weights())

    best = callbacks.ModelCheckpoint(name, monitor="loss", save_best_only=True)
    model.fit(x, y, epochs=5, verbose=0, callbacks=[Worse(), best])
    files = sorted((tmp_path / "run").iterdir())
    assert [file.name for file in files] == ["01-1.000.npz", "03-0.500.npz", "05-0.250.npz"]
    model.load_weights(files[1])
    assert all((a == b).all() for a, b in zip(seen[2], model.get_weights(), strict=True))


class Crash(callbacks.Callback):
    """The power goes off in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.at = epoch
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == (self.at, 1):
            raise RuntimeError("power cut")


def watching() -> list[callbacks.Callback]:
    return [
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05, cooldown=1),
        callbacks.EarlyStopping("loss", patience=3, min_delta=1e-3, restore_best_weights=True),
    ]


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("crash", [1, 4])
def test_resumed_training_gives_the_same_bits(tmp_path: Path, name: str, crash: int) -> None:
    x, y = spirals()
    whole = compiled(name)
    history = whole.fit(x, y, epochs=8, verbose=0, seed=3, callbacks=watching())
    backup = checkpoint.BackupAndRestore(tmp_path / "run")
    broken, resumed = compiled(name), compiled(name)
    with pytest.raises(RuntimeError, match="power cut"):
        broken.fit(x, y, epochs=8, verbose=0, seed=3, callbacks=[backup, *watching(), Crash(crash)])
    assert backup.path.exists()
    # Another process: a new model, and even the seed comes from the file.
    again = checkpoint.BackupAndRestore(tmp_path / "run")
    rest = resumed.fit(x, y, epochs=8, verbose=0, callbacks=[again, *watching(), Crash(99)])
    assert rest.epoch[0] == crash
    assert rest.history["loss"] == history.history["loss"][crash:]
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert not backup.path.exists()


def test_damaged_checkpoint_changes_nothing(tmp_path: Path) -> None:
    x, y = spirals(12)
    model = compiled()
    model.fit(x, y, verbose=0)
    path = tmp_path / "training.npz"
    checkpoint.save_checkpoint(model, path, epoch=1, seed=5)
    model.fit(x, y, verbose=0)
    before = [w.tobytes() for w in [*model.get_weights(), *model.optimizer.variables]]
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:-40], b""):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError):
            checkpoint.load_checkpoint(model, path)
    path.write_bytes(data)
    other = compiled("sgd")
    other.fit(x, y, verbose=0)
    with pytest.raises(WeightsError, match="which is not expected"):
        checkpoint.load_checkpoint(other, path)
    assert before == [w.tobytes() for w in [*model.get_weights(), *model.optimizer.variables]]
    assert checkpoint.load_checkpoint(model, path) == (1, 5)
    with pytest.raises(ValidationError, match=r"must end in \.npz"):
        checkpoint.save_checkpoint(model, tmp_path / "a.safetensors", epoch=1, seed=5)


def test_hooks_are_called_in_the_order_of_keras() -> None:
    x, y = spirals(12)

    def recorder(base: Any) -> tuple[Any, list[str]]:
        seen: list[str] = []

        def noting(hook: str) -> Any:
            return lambda self, *args, **kwargs: seen.append(f"{hook} {args[0] if args else ''}")

        whats = ("train", "epoch", "train_batch", "test", "test_batch")
        hooks = [f"on_{what}_{end}" for what in whats for end in ("begin", "end")]
        made = type("Recorder", (base,), {hook: noting(hook) for hook in hooks})()
        return made, seen

    ours, mine = recorder(callbacks.Callback)
    theirs, others = recorder(keras.callbacks.Callback)
    keras_model = keras.Sequential([keras.Input((4, 3)), keras.layers.Flatten(),
                                    keras.layers.Dense(3, "softmax")])  # fmt: skip
    keras_model.compile("sgd", LOSS)
    for model, callback in ((compiled(), ours), (keras_model, theirs)):
        model.fit(x, y, 4, 2, verbose=0, validation_split=0.5, callbacks=[callback])
    assert [line.split()[0] for line in mine] == [line.split()[0] for line in others]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "does not support a factor >= 1.0"),
        (lambda: callbacks.ModelCheckpoint("a.keras"), "`filepath` must end in .npz or .safeten"),
        (lambda: callbacks.EarlyStopping(mode="up"), '`mode` must be "auto" or "min" or "max"'),
        (lambda: callbacks.EarlyStopping(patience=-1), "`patience` must be an integer from 0"),
        (lambda: callbacks.EarlyStopping(patince=1), "did you mean `patience`?"),
        (lambda: callbacks.LearningRateScheduler("pkg>half"), "`schedule` must be a function"),
        (lambda: callbacks.get("EarlyStoping"), "did you mean `EarlyStopping`"),
    ],
)
def test_bad_argument_is_refused_with_the_way_out(make: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        make()
    assert told in str(error.value)


@pytest.mark.parametrize(
    "callback",
    [
        callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True),
        callbacks.ReduceLROnPlateau(factor=0.5),
        callbacks.ModelCheckpoint("best.npz", save_best_only=True),
        callbacks.TerminateOnNaN(),
        callbacks.CSVLogger("log.csv"),
        checkpoint.BackupAndRestore("backup"),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_config_makes_an_equal_callback(callback: Any) -> None:
    config = callbacks.serialize(callback)
    back = callbacks.get(config)
    assert type(back) is type(callback)
    assert back.get_config() == callback.get_config()
