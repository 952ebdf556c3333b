"""Sequential: its stack, its configs in Keras's form, and predictions batch by batch."""

from __future__ import annotations

import copy
import json
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

from sepconv import Input, SeparableConv1D, Sequential
from sepconv.errors import ValidationError
from sepconv.layers import InputLayer, Layer

X = np.random.default_rng(0).normal(size=(5, 10, 6)).astype(np.float32)


def small(**arguments: Any) -> Sequential:
    layers = [Input((10, 6)), SeparableConv1D(4, 3, activation="gelu"), SeparableConv1D(2, 3)]
    return Sequential(layers, **arguments)


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def test_layers_run_one_after_the_other() -> None:
    model = small()
    first, second = model.layers
    assert (model(X) == second(first(X))).all()


def test_names_are_made_unique_inside() -> None:
    assert [layer.name for layer in small().layers] == ["separable_conv1d", "separable_conv1d_1"]
    assert [w.path for w in small().weights][3] == "separable_conv1d_1/depthwise_kernel"


def test_built_layer_is_renamed_with_its_weights() -> None:
    layer = SeparableConv1D(4, 3)
    layer.build((None, 8, 4))
    Sequential([Input((10, 6)), SeparableConv1D(4, 3), layer])
    assert layer.weights[0].path == "separable_conv1d_1/depthwise_kernel"


def test_given_name_that_is_taken_has_the_words_of_keras() -> None:
    ours, theirs = Sequential(), keras.Sequential()
    ours.add(SeparableConv1D(4, 3, name="a"))
    theirs.add(keras.layers.SeparableConv1D(4, 3, name="a"))
    with pytest.raises(ValueError) as told:
        theirs.add(keras.layers.SeparableConv1D(4, 3, name="a"))
    with pytest.raises(ValidationError) as refused:
        ours.add(SeparableConv1D(4, 3, name="a"))
    assert str(refused.value) == str(told.value)
    assert len(ours.layers) == 1


def test_input_first_builds_as_layers_are_added() -> None:
    model = Sequential([Input((10, 6))])
    assert not model.built
    model.add(SeparableConv1D(4, 3))
    assert (model.built, model.output_shape) == (True, (None, 8, 4))
    model.add(SeparableConv1D(2, 3))
    assert model.output_shape == (None, 6, 2)
    assert model.input_shape == (None, 10, 6)
    assert (model.inputs, model.outputs) == ([model.input], [model.output])


def test_first_call_builds_for_any_number_of_samples() -> None:
    model = Sequential([SeparableConv1D(4, 3), SeparableConv1D(2, 3)])
    for what in ("input_shape", "output_shape", "inputs", "outputs"):
        with pytest.raises(AttributeError, match="no defined"):
            getattr(model, what)
    assert model(X).shape == (5, 6, 2)
    assert model.input_shape == (None, 10, 6)
    assert model(X[:2]).shape == (2, 6, 2)


def test_failed_build_leaves_a_network_that_can_still_be_built() -> None:
    model = Sequential([SeparableConv1D(4, 3), SeparableConv1D(2, 9)])
    with pytest.raises(ValidationError, match="zero or negative"):
        model(X)
    assert [layer.built for layer in model.layers] == [False, False]
    assert model(np.zeros((1, 30, 3))).shape == (1, 20, 2)


def test_layer_that_does_not_fit_is_not_added() -> None:
    model = Sequential([Input((10, 6)), SeparableConv1D(4, 3)])
    with pytest.raises(ValidationError, match="zero or negative"):
        model.add(SeparableConv1D(2, 9))
    assert model.output_shape == (None, 8, 4)


def test_built_network_takes_another_length_as_keras_does() -> None:
    theirs = keras.Sequential([keras.Input((10, 6)), keras.layers.SeparableConv1D(4, 3)])
    longer = np.zeros((2, 19, 6), np.float32)
    assert theirs(longer).shape == (2, 17, 4)
    assert small()(longer).shape == (2, 15, 2)


def test_other_channels_are_refused_by_the_first_layer() -> None:
    with pytest.raises(ValidationError, match=r"'separable_conv1d'.*axis -1 .* to have value 6"):
        small()(np.zeros((2, 10, 5)))


def test_own_layer_that_tells_no_shapes_is_built_by_the_first_call() -> None:
    class Doubled(Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    model = Sequential([Input((10, 6)), Doubled(), SeparableConv1D(4, 3)])
    assert not model.layers[1].built
    assert model(X).shape == (5, 8, 4)
    assert (model.predict(X, 2) == model(X)).all()


def test_same_layer_can_stand_twice() -> None:
    layer = SeparableConv1D(6, 3)
    model = Sequential([Input((10, 6)), layer, layer])
    assert model.output_shape == (None, 6, 6)
    assert (model(X) == layer(layer(X))).all()
    assert len(model.weights) == 3


@pytest.mark.parametrize("given", [list, tuple], ids=["list", "tuple"])
@pytest.mark.parametrize("first", [[], [Input((20, 8))]], ids=["unbuilt", "built"])
def test_one_symbolic_tensor_may_stand_in_a_list(first: list[Any], given: Any) -> None:
    model = Sequential([*first, SeparableConv1D(4, 3)])
    assert model(given([Input((20, 8))])).shape == (None, 18, 4)
    with pytest.raises(
        ValidationError, match=r'"sequential" expects 1 input\(s\), but it received'
    ):
        model(given([Input((20, 8)), Input((20, 8))]))


def test_network_cannot_hold_itself() -> None:
    model, outer = Sequential(), Sequential(name="outer")
    outer.add(model)
    for layer in (model, outer):
        with pytest.raises(ValidationError, match="within itself"):
            model.add(layer)


def test_pop_takes_the_last_layer_off() -> None:
    model = small()
    layer = model.layers[-1]
    assert model.pop() is layer
    assert model(X).shape == (5, 8, 4)
    model.add(SeparableConv1D(7, 3))
    assert model(X).shape == (5, 6, 7)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda m: m.add(3), r"Only instances of .*Layer.* can be added .* Received: 3"),
        (lambda m: m.add(Input((3,))), "already been configured to use input shape"),
        (lambda m: m.build((None, 3, 3)), r"You cannot build it with input_shape \(None, 3, 3\)"),
    ],
)
def test_what_keras_refuses_is_refused(act: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        act(small())


def test_empty_network_cannot_be_built() -> None:
    with pytest.raises(ValidationError, match="it has no layers"):
        Sequential().build((None, 3, 3))
    with pytest.raises(ValidationError, match="no layers to pop"):
        Sequential().pop()


def test_input_after_layers_is_refused() -> None:
    with pytest.raises(ValidationError, match="an Input must be the first"):
        Sequential([SeparableConv1D(4, 3), Input((10, 6))])


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_input_shape_of_the_first_layer_makes_the_input() -> None:
    model = Sequential([SeparableConv1D(4, 3, input_shape=(10, 6))])
    assert model.input_shape == (None, 10, 6)


# --- beside Keras ----------------------------------------------------------------------------


def keras_twin(model: Sequential) -> Any:
    twin = keras.Sequential.from_config(as_json(model.get_config()))
    twin.set_weights(model.get_weights())
    return twin


def test_outputs_weights_and_losses_are_those_of_keras() -> None:
    model = Sequential(
        [
            Input((10, 6)),
            SeparableConv1D(4, 3, activity_regularizer="l2", bias_regularizer="l1"),
            SeparableConv1D(2, 3, depthwise_regularizer="l2", activity_regularizer="l1"),
        ]
    )
    theirs = keras_twin(model)
    assert np.allclose(model(X), theirs(X), atol=1e-5)
    assert np.allclose(model.losses, np.asarray(theirs.losses), rtol=1e-4)
    assert model.count_params() == theirs.count_params()
    assert [w.shape for w in model.weights] == [w.shape for w in theirs.weights]


@pytest.mark.parametrize("with_input", [True, False])
def test_config_is_that_of_keras_and_goes_round(with_input: bool) -> None:
    model = small(name="net")
    if not with_input:
        model = Sequential([SeparableConv1D(4, 3), SeparableConv1D(2, 3)], name="net")
        model(X)
    config = as_json(model.get_config())
    assert as_json(keras.Sequential.from_config(copy.deepcopy(config)).get_config()) == config
    again = Sequential.from_config(config)
    assert as_json(again.get_config()) == config
    assert again.output_shape == (None, 6, 2)


def test_unbuilt_network_has_a_config_too() -> None:
    config = Sequential([SeparableConv1D(4, 3)]).get_config()
    assert "build_input_shape" not in config
    assert not Sequential.from_config(config).built


def test_config_of_a_bad_layer_names_its_place() -> None:
    config = small().get_config()
    config["layers"][2]["config"]["filters"] = 0
    with pytest.raises(ValidationError, match=r"layers\[2\]: .*`filters`"):
        Sequential.from_config(config)


@pytest.mark.parametrize("layers", [None, 3, "abc", {"a": 1}])
def test_config_without_layers_is_refused(layers: Any) -> None:
    with pytest.raises(ValidationError, match="'layers' keys"):
        Sequential.from_config({"name": "net", "layers": layers})


def test_unknown_key_of_a_config_is_refused() -> None:
    with pytest.raises(ValidationError, match="config of Sequential: 'trainabel'; did you mean"):
        Sequential.from_config({**small().get_config(), "trainabel": False})


def test_network_within_a_network_goes_round() -> None:
    outer = Sequential([Input((10, 6)), small(name="inner"), SeparableConv1D(3, 2)])
    again = Sequential.from_config(as_json(outer.get_config()))
    again.set_weights(outer.get_weights())
    assert (again(X) == outer(X)).all()
    assert np.allclose(keras_twin(outer)(X), outer(X), atol=1e-5)


# --- predictions and the rest ----------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_predict_is_the_call_batch_by_batch(batch_size: int) -> None:
    model = small()
    told: list[tuple[int, int]] = []
    y = model.predict(X, batch_size, progress=lambda done, every: told.append((done, every)))
    assert y.tobytes() == model(X).tobytes()
    assert told == [(min(n, 5), 5) for n in range(batch_size, 5 + batch_size, batch_size)]


def test_predict_of_no_samples_has_the_shape() -> None:
    assert small().predict(X[:0]).shape == (0, 6, 2)


def test_predict_takes_lists_and_refuses_a_bad_batch_size() -> None:
    assert small().predict(X.tolist()).shape == (5, 6, 2)
    with pytest.raises(ValidationError, match="`batch_size`"):
        small().predict(X, batch_size=0)


def test_predict_needs_memory_for_one_batch() -> None:
    model = Sequential([Input((100, 32)), SeparableConv1D(256, 3), SeparableConv1D(1, 3)])
    x = np.zeros((400, 100, 32), np.float32)
    model.predict(x[:8], 8)
    tracemalloc.start()
    y = model.predict(x, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one_batch = 8 * 98 * 256 * 4  # what the first layer returns
    assert peak < y.nbytes + 3 * one_batch


def test_set_weights_is_all_or_nothing_across_layers() -> None:
    model = small()
    before = model.get_weights()
    with pytest.raises(ValidationError, match="weight shape"):
        model.set_weights([*[w + 1 for w in before[:5]], np.zeros(99)])
    assert all((a == b).all() for a, b in zip(model.get_weights(), before, strict=True))


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copy_computes_the_same(copied: Any) -> None:
    model = small()
    twin = copied(model)
    assert (twin(X) == model(X)).all()
    assert twin.output_shape == model.output_shape
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert model(X).any()


def test_trainable_reaches_the_layers() -> None:
    model = small()
    model.trainable = False
    assert model.trainable_weights == []
    assert not any(layer.trainable for layer in model.layers)


def test_training_reaches_the_layers() -> None:
    class Noted(Layer):
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            self.seen = training
            return inputs

    layer = Noted()
    Sequential([layer]).call(X, training=True)
    assert layer.seen is True


def test_summary_tells_layers_shapes_and_parameters() -> None:
    text: list[str] = []
    small(name="net").summary(text.append)
    for part in ('Model: "net"', "separable_conv1d_1", "(None, 6, 2)", "68 (272.00 B)"):
        assert part in text[0]
    assert max(map(len, text[0].splitlines())) <= 88


def test_summary_of_an_unbuilt_network_says_so() -> None:
    text: list[str] = []
    Sequential([SeparableConv1D(4, 3)]).summary(text.append)
    assert "0 (unbuilt)" in text[0]
    assert "?" in text[0]


# --- InputLayer --------------------------------------------------------------------------------


def test_input_layer_config_is_that_of_keras() -> None:
    ours = InputLayer((10, 6), 3, dtype="float64", name="x")
    theirs = keras.layers.InputLayer((10, 6), 3, dtype="float64", name="x")
    assert ours.get_config() == theirs.get_config()
    assert InputLayer.from_config(ours.get_config()).batch_shape == (3, 10, 6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "You must pass a `shape` argument"),
        ({"shape": (3,), "batch_shape": (1, 3)}, "both `shape` and `batch_shape`"),
        ({"batch_size": 1, "batch_shape": (1, 3)}, "both `batch_size` and `batch_shape`"),
        ({"shape": (3, -1)}, "Negative dimensions"),
        ({"shape": (3,), "sparse": True}, "`sparse=True` is not supported"),
        ({"shape": (3,), "dtype": "complex64"}, "`dtype` must be"),
    ],
)
def test_input_layer_refuses(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        InputLayer(**arguments)
