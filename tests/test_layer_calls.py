"""Layer: building, calls on arrays and on symbolic tensors, losses, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from numpy.typing import NDArray

from sepconv import Input, SeparableConv1D
from sepconv.errors import ValidationError
from sepconv.layers import InputSpec, Layer, SymbolicTensor, Variable

X = np.random.default_rng(0).normal(size=(2, 10, 12)).astype(np.float32)


def halved(x: NDArray[Any]) -> NDArray[Any]:
    return x / 2


class Scale(Layer):
    """A layer of the user's own, with an argument, a weight and a mode."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((1,), "ones", name="scale")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return inputs * self.scale.value * self.start * (2 if training else 1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


# --- building --------------------------------------------------------------------------------


def test_first_call_builds() -> None:
    layer = SeparableConv1D(4, 3)
    assert (layer.built, layer.path, layer.weights) == (False, None, [])
    layer(X)
    assert (layer.built, layer.path, len(layer.weights)) == (True, "separable_conv1d", 3)
    assert layer.get_build_config() == {"input_shape": X.shape}


def test_state_is_locked_after_build_with_the_words_of_keras() -> None:
    ours, theirs = SeparableConv1D(4, 3), keras.layers.SeparableConv1D(4, 3)
    ours.build(X.shape)
    theirs.build(X.shape)
    with pytest.raises(ValueError) as told:
        theirs.build(X.shape)
    for add in (
        lambda: ours.build(X.shape),
        lambda: ours.add_weight((2,), name="more"),
        lambda: setattr(ours, "more", Variable([1.0], "float32", "more")),
        lambda: setattr(ours, "more", SeparableConv1D(4, 3)),
    ):
        with pytest.raises(ValidationError) as refused:
            add()
        assert str(refused.value) == str(told.value)
    assert len(ours.weights) == 3


def test_failed_build_leaves_nothing_behind() -> None:
    layer = SeparableConv1D(4, 3, bias_initializer=lambda shape, dtype: np.zeros(99))
    with pytest.raises(ValidationError, match="must return shape"):
        layer(X)
    assert (layer.built, layer.weights) == (False, [])


def test_layer_within_a_layer_is_tracked() -> None:
    class Twice(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.stack = [SeparableConv1D(4, 3), SeparableConv1D(4, 3)]

        def build(self, input_shape: Any) -> None:
            for layer in self.stack:
                layer.build(input_shape)
                input_shape = layer.compute_output_shape(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.stack[1](self.stack[0](inputs))

    layer = Twice()
    assert layer(X).shape == (2, 6, 4)
    assert len(layer.weights) == 6
    assert [inner.name for inner in layer.stack] == ["separable_conv1d", "separable_conv1d_1"]


def test_layers_call_is_refused_before_build() -> None:
    with pytest.raises(ValidationError, match=r"`call` on layer 'separable_conv1d'.* isn't built"):
        SeparableConv1D(4, 3).call(X)


@pytest.mark.parametrize("training", [None, True, False])
def test_training_is_accepted_and_passed_where_it_is_taken(training: bool | None) -> None:
    assert SeparableConv1D(4, 3)(X, training=training).shape == (2, 8, 4)
    assert (Scale()(X, training=training) == X * (2 if training else 1)).all()


def test_own_layer_has_a_config() -> None:
    config = Scale(start=3.0, name="mine").get_config()
    assert config["name"] == "mine"
    assert Scale.from_config(config).start == 3.0


def test_layer_without_call_says_so() -> None:
    with pytest.raises(NotImplementedError, match="does not have a `call` method"):
        Layer()(X)
    with pytest.raises(NotImplementedError, match="does not have a `compute_output_shape` method"):
        Layer().compute_output_shape((1, 2))


# --- symbolic calls ----------------------------------------------------------------------------


def test_symbolic_call_builds_and_records() -> None:
    layer = SeparableConv1D(4, 3, dtype="float64")
    x = Input((10, 12))
    y = layer(x)
    assert isinstance(y, SymbolicTensor)
    assert (y.shape, y.dtype) == ((None, 8, 4), "float64")
    assert layer.built
    assert layer.input is x
    assert layer.output is y
    layer(Input((20, 12)))
    assert layer.input is x  # of the first call


def test_symbolic_call_method_records_nothing() -> None:
    layer = SeparableConv1D(4, 3)
    assert layer.symbolic_call(SymbolicTensor((None, 10, 12))).shape == (None, 8, 4)
    assert not layer.built
    with pytest.raises(AttributeError):
        _ = layer.output


@pytest.mark.parametrize("what", ["input", "output"])
def test_never_called_layer_has_the_words_of_keras(what: str) -> None:
    with pytest.raises(AttributeError) as told:
        getattr(keras.layers.SeparableConv1D(4, 3, name="X"), what)
    with pytest.raises(AttributeError) as refused:
        getattr(SeparableConv1D(4, 3, name="X"), what)
    assert str(refused.value) == str(told.value)


def test_symbolic_input_is_checked_as_an_array_is() -> None:
    layer = SeparableConv1D(4, 3)
    layer(X)
    with pytest.raises(ValidationError, match="expected axis -1 of input shape to have value 12"):
        layer(Input((10, 11)))


def test_list_of_tensors_is_refused_by_a_layer_of_one_input() -> None:
    with pytest.raises(ValidationError, match=r"expects 1 input\(s\).* list of 2 input tensors"):
        SeparableConv1D(4, 3)([Input((10, 12)), Input((10, 12))])


def test_symbolic_tensor_has_no_values() -> None:
    with pytest.raises(TypeError, match="no values"):
        np.asarray(Input((3,)))


def test_compute_output_spec_has_shape_and_compute_dtype() -> None:
    layer = SeparableConv1D(4, 3, dtype="mixed_float16")
    spec = layer.compute_output_spec(SymbolicTensor((None, 10, 12)))
    assert (spec.shape, spec.dtype) == ((None, 8, 4), "float16")


def test_input_spec_is_strict_about_channels_once_built() -> None:
    layer = SeparableConv1D(4, 3)
    assert (layer.input_spec.min_ndim, layer.input_spec.axes) == (3, {})
    layer(X)
    assert layer.input_spec.axes == {-1: 12}
    assert "axes={-1: 12}" in repr(layer.input_spec)


def test_input_spec_of_one_rank() -> None:
    with pytest.raises(ValidationError, match="expected ndim=2, found ndim=3"):
        InputSpec(ndim=2).check((1, 2, 3), SeparableConv1D(4, 3))


# --- losses --------------------------------------------------------------------------------------

PENALTIES: dict[str, Any] = {
    "depthwise_regularizer": "l2",
    "pointwise_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
    "bias_regularizer": "l1",
    "bias_initializer": "ones",
    "activity_regularizer": "l2",
}


def test_losses_are_those_of_keras_in_order() -> None:
    ours = SeparableConv1D(4, 3, **PENALTIES)
    theirs = keras.layers.SeparableConv1D(4, 3, **PENALTIES)
    assert ours.losses == []
    ours.build(X.shape)
    theirs.build(X.shape)
    theirs.set_weights(ours.get_weights())
    assert len(ours.losses) == 3  # no activity before the first call
    for _ in range(2):
        ours(X)
        theirs(X)
    assert np.allclose(ours.losses, np.asarray(theirs.losses), rtol=1e-5)
    assert len(ours.losses) == 4


def test_weight_penalties_are_computed_at_each_access() -> None:
    layer = SeparableConv1D(4, 3, bias_regularizer={"class_name": "L1", "config": {"l1": 1.0}})
    layer.build(X.shape)
    assert [float(loss) for loss in layer.losses] == [0.0]
    layer.bias.assign([1, 2, 3, 4])
    assert [float(loss) for loss in layer.losses] == [10.0]


def test_frozen_layer_has_no_weight_penalties() -> None:
    layer = SeparableConv1D(4, 3, trainable=False, **PENALTIES)
    layer(X)
    assert len(layer.losses) == 1  # the activity


def test_activity_of_an_empty_batch_is_zero() -> None:
    layer = SeparableConv1D(4, 3, activity_regularizer="l2")
    layer(X[:0])
    assert layer.losses == [0.0]


def test_activity_of_16_bits_does_not_overflow() -> None:
    layer = SeparableConv1D(4, 3, dtype="float16", activity_regularizer="l2")
    layer.build(X.shape)
    layer.bias.assign(np.full(4, 300.0))
    layer(X)
    assert np.isfinite(layer.losses[0])


def test_add_loss_belongs_to_the_last_call() -> None:
    class Penalised(Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(inputs.sum())
            self.add_loss([1.0, np.float32(2.0)])
            return inputs

    layer = Penalised()
    for value in (1.0, 5.0):
        layer(np.full((1, 2), value))
    assert layer.losses == [10.0, 1.0, 2.0]


# --- later calls of a convolution, which go straight to the core ----------------------------------


@pytest.mark.parametrize(
    "inputs",
    [
        X.astype(np.float64),
        X.astype(">f4"),
        np.asfortranarray(X),
        X.tolist(),
        np.ma.masked_array(X, X > 3),
    ],
    ids=["float64", "big-endian", "Fortran", "list", "masked"],
)
def test_later_call_converts_as_the_first_does(inputs: Any) -> None:
    layer = SeparableConv1D(4, 3)
    expected = layer(X)
    outputs = layer(inputs)
    assert type(outputs) is np.ndarray
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize("shape", [(2, 10), (2, 10, 11), (2, 2, 12), (12,)])
def test_later_call_refuses_as_the_first_does(shape: tuple[int, ...]) -> None:
    layer = SeparableConv1D(4, 3)
    layer.build(X.shape)
    wrong = np.zeros(shape, np.float32)
    with pytest.raises(ValidationError) as first:
        layer(wrong)
    layer(X)
    with pytest.raises(ValidationError) as later:
        layer(wrong)
    assert str(later.value) == str(first.value)


def test_later_call_computes_with_weights_that_were_set() -> None:
    layer = SeparableConv1D(4, 3)
    layer(X)
    layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    assert not layer(X).any()


def test_later_call_is_that_of_the_subclass() -> None:
    class Doubled(SeparableConv1D):
        def call(self, inputs: Any, out: Any = None) -> Any:
            self.add_loss(1.0)
            return 2 * super().call(inputs, out)

    layer = Doubled(4, 3)
    plain = SeparableConv1D(4, 3)
    plain.build(X.shape)
    layer(X)
    plain.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(X), 2 * plain(X))
    assert layer.losses == [1.0]


def test_later_call_minds_an_input_spec_of_the_subclass() -> None:
    class Ten(SeparableConv1D):
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.input_spec = InputSpec(ndim=3, axes={1: 10, -1: 12})

    layer = Ten(4, 3)
    layer(X)
    with pytest.raises(ValidationError, match="expected axis 1 of input shape to have value 10"):
        layer(X[:, :9].copy())


def test_later_call_forgets_losses_of_before() -> None:
    layer = SeparableConv1D(4, 3)
    layer(X)
    layer.add_loss(1.0)
    layer(X)
    assert layer.losses == []


def test_later_call_has_its_own_activity_penalty() -> None:
    layer = SeparableConv1D(4, 3, activity_regularizer="l2")
    layer(X)
    (first,) = layer.losses
    layer(2 * X)
    assert layer.losses == [pytest.approx(4 * first)]


@pytest.mark.parametrize("bad", ["x", None, np.ones(3), object()])
def test_add_loss_takes_scalars(bad: Any) -> None:
    with pytest.raises(ValidationError, match="Received invalid value"):
        Layer().add_loss(bad)


# --- copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("activation", ["gelu", "softmax", halved])
@pytest.mark.parametrize("called", [True, False])
def test_copy_computes_the_same_and_shares_nothing(
    copied: Any, activation: Any, called: bool
) -> None:
    layer = SeparableConv1D(4, 3, activation=activation, **PENALTIES)
    layer(X) if called else layer.build(X.shape)
    twin = copied(layer)
    assert (twin(X) == layer(X)).all()
    if activation is not halved:
        assert twin.get_config() == layer.get_config()
    assert not any(w.value.flags.writeable for w in twin.weights)
    before = layer(X)
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert (layer(X) == before).all()
    with pytest.raises(ValidationError, match="already built"):
        twin.add_weight((1,), name="more")


def test_unbuilt_layer_is_copied_too() -> None:
    twin = copy.deepcopy(SeparableConv1D(4, 3))
    assert twin(X).shape == (2, 8, 4)
