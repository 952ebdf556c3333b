"""Functional: any graph of layers, called, predicted and copied as Keras's is."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from network_cases import GRAPHS, KERAS, SEPCONV, SHAPE, Build, Given, inputs_for, twins

from sepconv import Functional, Input, Model, SeparableConv1D, Sequential, UpSampling1D
from sepconv.errors import InputTypeError, ValidationError
from sepconv.layers import Layer
from sepconv.layers.structure import flat

every_graph = pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
X = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32)


class Product(Layer):
    """Multiplies its inputs; `power` and `training` show what calls are given."""

    def convert(self, inputs: Any) -> Any:
        return [np.asarray(x, np.float32) for x in inputs]

    def call(self, inputs: Any, power: int = 1, training: bool = False) -> Any:
        return np.prod(inputs, axis=0) ** power + (100 if training else 0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape[0])


class Same(Layer):
    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def same(ours: Any, theirs: Any) -> bool:
    pairs = zip(flat(ours), flat(theirs), strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, atol=1e-4) for a, b in pairs)


# --- beside Keras ----------------------------------------------------------------------------


@every_graph
def test_outputs_are_those_of_keras(build: Build) -> None:
    ours, theirs = twins(build)
    x = inputs_for(ours)
    y = ours(x)
    expected = theirs(x)
    assert type(y) is type(expected) or isinstance(y, np.ndarray)
    assert (list(y) if isinstance(y, dict) else 0) == (
        list(expected) if isinstance(expected, dict) else 0
    )
    assert same(y, expected)


@every_graph
def test_layers_weights_and_shapes_are_those_of_keras(build: Build) -> None:
    ours, theirs = twins(build)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    assert (ours.input_shape, ours.output_shape) == (theirs.input_shape, theirs.output_shape)
    assert [x.shape for x in ours.inputs] == [x.shape for x in theirs.inputs]
    assert ours.count_params() == theirs.count_params()


@every_graph
def test_losses_are_those_of_keras(build: Build) -> None:
    def penalised(k: Any) -> Any:
        penalty = {"bias_regularizer": "l2", "activity_regularizer": "l1"}
        return build(Given(k, "SeparableConv1D", **penalty))

    ours, theirs = twins(penalised)
    x = inputs_for(ours)
    ours(x)
    theirs(x)
    assert np.allclose(sum(ours.losses), sum(map(np.asarray, theirs.losses)), rtol=1e-4)


def refusal(act: Any) -> str:
    with pytest.raises(ValueError) as told:
        act()
    return str(told.value)


def branches(k: Any) -> tuple[Any, Any, Any]:
    a, b = k.Input(SHAPE, name="a"), k.Input(SHAPE, name="b")
    return a, b, k.SeparableConv1D(3, 2, name="c")


@pytest.mark.parametrize(
    "act",
    [
        lambda k, a, b, c: k.Model([], c(a)),
        lambda k, a, b, c: k.Model([a, k.Input(SHAPE, name="a")], c(a)),
        lambda k, a, b, c: k.Model([a, b], [c(a), c(b)], name="net")([X]),
        lambda k, a, b, c: k.Model([a, b], [c(a), c(b)], name="net")([X, X, X]),
        lambda k, a, b, c: k.Model([a, b], [c(a), c(b)], name="net")({"a": X, "c": X}),
        lambda k, a, b, c: k.Model([a, b], [c(a), c(b)], name="net")([X, None]),
        lambda k, a, b, c: k.Model([a, b], [c(a), c(b)], name="net")([X, X[:, 1:]]),
        lambda k, a, b, c: k.Model(a, c(a), name="net")(X[..., 1:]),
        lambda k, a, b, c: k.Model(a, c(a), name="net")({"b": X}),
        lambda k, a, b, c: k.Model(a, c(a), name="net")(k.Input((10, 7))),
        lambda k, a, b, c: k.Model(a, c(a)).get_layer(),
        lambda k, a, b, c: k.Model(a, c(a)).get_layer("c", 1),
        lambda k, a, b, c: k.Model(a, c(a)).get_layer(index=2),
    ],
)
def test_what_keras_refuses_is_refused_in_its_words(act: Any) -> None:
    ours = refusal(lambda: act(SEPCONV, *branches(SEPCONV)))
    theirs = refusal(lambda: act(KERAS, *branches(KERAS)))
    if "Received:\n" in theirs:  # then how each library shows a tensor
        ours, theirs = (text.partition("\n")[0] for text in (ours, theirs))
    assert ours == theirs


def test_other_refusals_begin_as_keras_does() -> None:
    a, b, c = branches(SEPCONV)
    told = refusal(lambda: Model(a, {"y": c(b)}))
    assert told.startswith("Output with path `y` is not connected to `inputs`")
    assert "'b'" in told
    assert "Existing layers are: ['a', 'c']" in refusal(lambda: Model(a, c(a)).get_layer("d"))
    assert "All `inputs` values must be symbolic tensors" in refusal(lambda: Model(3, c(a)))
    assert "All `outputs` values must be symbolic tensors" in refusal(lambda: Model(a, X))
    told = refusal(lambda: Model(a, c(a), name="net")(X[0]))
    assert "with name 'a' and path ''. Expected shape (None, 10, 6)" in told


# --- what is taken and returned ------------------------------------------------------------------


def test_inputs_come_as_list_tuple_dict_or_alone() -> None:
    a, b, c = branches(SEPCONV)
    one, two = Model(a, c(a)), Model([a, b], [c(a), c(b)])
    y = c(X)
    for given in (X, [X], {"a": X}, {"a": X, "b": X}, X.tolist(), {"a": X.tolist()}):
        assert (one(given) == y).all()
    for given in ([X, X], (X, X), {"b": X, "a": X}):
        assert all((found == y).all() for found in two(given))


def test_list_for_a_dict_is_taken_in_the_order_of_sorted_keys_or_not_at_all() -> None:
    a, b, c = branches(SEPCONV)
    model = Model({"a": a, "b": b}, c(b))
    assert (model([X, X + 1]) == c(X + 1)).all()
    with pytest.raises(ValidationError, match="structure of `inputs` doesn't match"):
        Model({"b": b, "a": a}, c(b))([X, X])


def test_structures_may_be_nested() -> None:
    a, b, c = branches(SEPCONV)
    model = Model({"pair": [a, b]}, {"deep": {"er": [c(a), c(b)]}})
    y = model({"pair": [X, X + 1]})
    assert (y["deep"]["er"][1] == c(X + 1)).all()


def test_last_axis_of_one_is_added_or_taken_off() -> None:
    x = Input((8, 1))
    model = Model(x, SeparableConv1D(2, 3)(x))
    assert model(np.ones((3, 8))).shape == (3, 6, 2)
    y = Input((4,))
    assert Model(y, Same()(y))(np.ones((3, 4, 1))).shape == (3, 4)


def test_input_of_ints_reaches_the_layer_as_ints() -> None:
    class Noted(Same):
        def convert(self, inputs: Any) -> Any:
            return inputs

        def call(self, inputs: Any) -> Any:
            self.seen = inputs.dtype
            return inputs

    layer = Noted()
    x = Input((4,), dtype="int32")
    model = Model(x, layer(x))
    model([[1, 2, 3, 4]])
    assert layer.seen == np.int32
    model(np.ones((1, 4), np.int64))
    assert layer.seen == np.int32
    with pytest.raises(InputTypeError, match="complex"):
        model(np.ones((1, 4), np.complex64))


def test_call_of_a_layer_keeps_its_arguments() -> None:
    a, b = Input((3,)), Input((3,))
    layer = Product()
    model = Model([a, b], [layer([a, b], power=2), layer([a, b], training=True), layer([a, b])])
    two, three = np.full((1, 3), 2.0), np.full((1, 3), 3.0)
    squared, trained, plain = model([two, three])
    assert (squared[0, 0], trained[0, 0], plain[0, 0]) == (36, 106, 6)
    # As in Keras, what the network is told wins.
    assert [y[0, 0] for y in model([two, three], training=True)] == [136, 106, 106]
    assert [y[0, 0] for y in model.predict([two, three])] == [36, 6, 6]


def test_training_of_a_call_wins_in_keras_too() -> None:
    x = keras.Input((400,))
    model = keras.Model(x, keras.layers.Dropout(0.5)(x, training=False))
    assert (np.asarray(model(np.ones((1, 400)), training=True)) == 0).any()


def test_model_and_functional_are_one_class() -> None:
    assert Model is Functional
    with pytest.raises(ValidationError, match="Unrecognized keyword arguments"):
        Model(Input((3,)), Input((3,)), names="net")  # type: ignore[call-arg]


# --- graphs --------------------------------------------------------------------------------------


def test_default_names_are_made_unique() -> None:
    a, b = Input(SHAPE), Input(SHAPE)
    model = Model([a, b], [SeparableConv1D(3, 2)(a), SeparableConv1D(3, 2)(b)])
    assert [layer.name for layer in model.layers] == [
        *("input_layer", "input_layer_1", "separable_conv1d", "separable_conv1d_1")
    ]
    assert model.weights[-1].path == "separable_conv1d_1/bias"
    assert model({"input_layer": X, "input_layer_1": X})[0].shape == (5, 9, 3)


def test_name_that_was_given_stays() -> None:
    x = Input(SHAPE)
    h = SeparableConv1D(3, 2, name="separable_conv1d")(SeparableConv1D(3, 2)(x))
    names = [layer.name for layer in Model(x, h).layers]
    assert names == ["input_layer", "separable_conv1d_1", "separable_conv1d"]


def test_networks_share_layers_and_weights() -> None:
    x = Input(SHAPE)
    first, second = SeparableConv1D(3, 2), SeparableConv1D(2, 2)
    h = first(x)
    whole, part = Model(x, second(h)), Model(x, h)
    part.set_weights([w * 0 for w in part.get_weights()])
    assert not whole.get_layer(index=1)(X).any()
    assert part.layers[1] is whole.layers[1] is first


def test_network_may_begin_in_between() -> None:
    ours, theirs = (between(k) for k in (SEPCONV, KERAS))
    ours.set_weights(weights := [w + 0.1 for w in ours.get_weights()])
    theirs.set_weights(weights)
    assert len(ours.layers) == len(theirs.layers) == 3
    x = np.ones((2, 9, 5), np.float32)
    assert same(ours(x), theirs(x))
    again = Model.from_config(ours.get_config())
    assert [layer.name for layer in again.layers] == [layer.name for layer in ours.layers]


def between(k: Any) -> Any:
    x = k.Input(SHAPE)
    h = k.SeparableConv1D(5, 2, name="before")(x)
    late = k.SeparableConv1D(5, 2, name="b")(k.SeparableConv1D(5, 2, name="a")(h))
    k.Model(x, late)
    return k.Model(h, late)


def test_deep_network_needs_no_deep_stack() -> None:
    x = h = Input((4, 1))
    layer = UpSampling1D(1)
    for _ in range(3000):
        h = layer(h)
    model = Model(x, h)
    for again in (copy.deepcopy(model), Model.from_config(model.get_config())):
        assert (again(np.ones((1, 4, 1))) == 1).all()


# --- predictions and copies ----------------------------------------------------------------------


@every_graph
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_predict_is_the_call_batch_by_batch(build: Build, batch_size: int) -> None:
    model = build(SEPCONV)
    x = inputs_for(model, samples=4)
    told: list[tuple[int, int]] = []
    y = model.predict(x, batch_size, progress=lambda done, every: told.append((done, every)))
    expected = model(x)
    assert [a.tobytes() for a in flat(y)] == [a.tobytes() for a in flat(expected)]
    assert told[-1] == (4, 4)


def test_predict_refuses_inputs_of_different_numbers() -> None:
    a, b, c = branches(SEPCONV)
    with pytest.raises(ValidationError, match="same number of samples, got 5, 4"):
        Model([a, b], [c(a), c(b)]).predict([X, X[:4]])


def test_predict_of_no_samples_has_the_shapes() -> None:
    a, b, c = branches(SEPCONV)
    y = Model([a, b], [c(a), c(b)]).predict([X[:0], X[:0]])
    assert [part.shape for part in y] == [(0, 9, 3), (0, 9, 3)]


def test_values_are_let_go_after_their_last_use() -> None:
    x = h = Input((100, 32))
    for _ in range(6):
        h = SeparableConv1D(256, 3, padding="same")(h)
    model = Model(x, SeparableConv1D(1, 3)(h))
    values = np.zeros((64, 100, 32), np.float32)
    model.predict(values, 8)
    tracemalloc.start()
    y = model.predict(values, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one_tensor = 8 * 100 * 256 * 4
    assert peak < y.nbytes + 3 * one_tensor


@every_graph
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copy_computes_the_same_with_weights_of_its_own(build: Build, copied: Any) -> None:
    model = build(SEPCONV)
    twin = copied(model)
    x = inputs_for(model)
    expected = model(x)
    assert same(twin(x), expected)
    assert twin.get_config() == model.get_config()
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert same(model(x), expected)


def test_weights_go_to_a_file_and_back(tmp_path: Any) -> None:
    model = GRAPHS[8](SEPCONV)
    model.save_weights(tmp_path / "w.npz")
    again = Model.from_config(model.get_config())
    again.load_weights(tmp_path / "w.npz")
    x = inputs_for(model)
    assert same(again(x), model(x))


def test_shapes_are_told_for_other_lengths() -> None:
    a, b = Input((None, 6), name="a"), Input((None, 6), name="b")
    c = SeparableConv1D(3, 2)
    model = Model([a, b], {"a": c(a), "b": c(b)})
    shapes = model.compute_output_shape([(4, 10, 6), (4, None, 6)])
    assert shapes == {"a": (4, 9, 3), "b": (4, None, 3)}
    assert Sequential([Input((None, 6)), c]).compute_output_shape((4, 10, 6)) == (4, 9, 3)


def test_network_of_one_input_refuses_two_symbolic_tensors() -> None:
    x = Input((20, 8))
    model = Functional(x, SeparableConv1D(4, 3)(x), name="net")
    with pytest.raises(
        ValidationError, match=r'"net" expects 1 input\(s\), but it received a list of 2'
    ):
        model([Input((20, 8)), Input((20, 8))])
