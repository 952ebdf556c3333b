"""Layer: its weights as variables, and setting them all or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

from sepconv import SeparableConv1D
from sepconv.errors import InputTypeError, ValidationError
from sepconv.layers import Layer, Variable


def built(**arguments: Any) -> SeparableConv1D:
    layer = SeparableConv1D(**{"filters": 5, "kernel_size": 4, "name": "X", **arguments})
    layer.build((None, 10, 12))
    return layer


def test_weights_have_keras_order_names_and_shapes() -> None:
    ours = built(depth_multiplier=2)
    theirs = keras.layers.SeparableConv1D(5, 4, depth_multiplier=2, name="X")
    theirs.build((None, 10, 12))
    assert [(w.path, w.name, w.shape, w.dtype) for w in ours.weights] == [
        (w.path, w.name, w.shape, w.dtype) for w in theirs.weights
    ]
    assert ours.count_params() == theirs.count_params()
    assert ours.path == theirs.path


def test_no_bias_makes_two_weights() -> None:
    layer = built(use_bias=False)
    assert [w.name for w in layer.weights] == ["depthwise_kernel", "pointwise_kernel"]
    assert layer.bias is None


def test_value_is_read_only_and_survives_assign() -> None:
    bias = built().bias
    before = bias.value
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1
    bias.assign(np.arange(5))
    assert not before.any()
    assert bias.numpy().tolist() == [0, 1, 2, 3, 4]


def test_assigned_array_is_copied() -> None:
    bias = built().bias
    source = np.ones(5, np.float32)
    bias.assign(source)
    source[:] = 7
    assert (bias.value == 1).all()


def test_numpy_and_get_weights_give_copies() -> None:
    layer = built()
    layer.bias.numpy()[:] = 7
    layer.get_weights()[2][:] = 7
    assert not layer.bias.value.any()


def test_assign_changes_the_next_call() -> None:
    layer = built()
    x = np.ones((1, 10, 12))
    layer.pointwise_kernel.assign(np.zeros((1, 12, 5)))
    assert (layer(x) == 0).all()
    layer.bias.assign(np.arange(5))
    assert (layer(x) == np.arange(5)).all()


def test_assign_of_another_shape_has_the_words_of_keras() -> None:
    ours = built()
    with pytest.raises(ValidationError, match=r"must match. variable.shape=\(5,\), Received: "):
        ours.bias.assign(np.ones(4))


def test_wrong_number_of_weights_has_the_words_of_keras() -> None:
    ours, theirs = built(), keras.layers.SeparableConv1D(5, 4, name="X")
    theirs.build((None, 10, 12))
    with pytest.raises(ValueError) as told:
        theirs.set_weights(theirs.get_weights()[:2])
    with pytest.raises(ValidationError) as refused:
        ours.set_weights(ours.get_weights()[:2])
    assert str(refused.value) == str(told.value)


def test_wrong_shape_has_the_words_of_keras_and_changes_nothing() -> None:
    ours, theirs = built(), keras.layers.SeparableConv1D(5, 4, name="X")
    theirs.build((None, 10, 12))
    before = ours.get_weights()
    wrong = [w + 1 for w in before]
    wrong[1] = np.ones((1, 12, 6), np.float32)
    with pytest.raises(ValueError) as told:
        theirs.set_weights(wrong)
    with pytest.raises(ValidationError) as refused:
        ours.set_weights(wrong)
    assert str(refused.value) == str(told.value)
    assert all((a == b).all() for a, b in zip(ours.get_weights(), before, strict=True))


@pytest.mark.parametrize("bad", [np.ones(5, complex), np.full(5, None), np.full(5, "1")])
def test_weights_that_are_no_real_numbers_change_nothing(bad: Any) -> None:
    layer = built()
    before = layer.get_weights()
    with pytest.raises(InputTypeError, match="weights must be real numbers"):
        layer.set_weights([before[0] + 1, before[1], bad])
    assert all((a == b).all() for a, b in zip(layer.get_weights(), before, strict=True))


def test_set_weights_casts_to_the_dtype_of_the_layer() -> None:
    layer = built()
    layer.set_weights([w.astype("float64") for w in layer.get_weights()])
    assert {w.value.dtype for w in layer.weights} == {np.dtype("float32")}


def test_trainable_moves_the_weights() -> None:
    layer = built()
    assert layer.trainable_weights == layer.weights
    assert layer.non_trainable_weights == []
    layer.trainable = False
    assert layer.trainable_weights == []
    assert layer.non_trainable_weights == layer.weights
    assert not any(w.trainable for w in layer.weights)
    layer.trainable = True
    assert layer.trainable_weights == layer.weights


def test_trainable_weights_stand_before_the_others() -> None:
    class Mixed(Layer):
        def build(self, input_shape: Any) -> None:
            self.moving = self.add_weight((2,), "zeros", name="moving", trainable=False)
            self.gain = self.add_weight((2,), "ones", name="gain")

    layer = Mixed()
    layer.build((None, 2))
    assert [w.name for w in layer.weights] == ["gain", "moving"]
    assert [w.name for w in layer.non_trainable_weights] == ["moving"]
    layer.trainable = False
    assert [w.name for w in layer.weights] == ["gain", "moving"]
    layer.trainable = True
    assert [w.trainable for w in layer.weights] == [True, False]


def test_count_params_before_build_has_the_words_of_keras() -> None:
    with pytest.raises(ValueError) as told:
        keras.layers.SeparableConv1D(5, 4, name="X").count_params()
    with pytest.raises(ValidationError) as refused:
        SeparableConv1D(5, 4, name="X").count_params()
    assert str(refused.value) == str(told.value)


def test_own_variables_go_into_keras_and_back() -> None:
    ours, theirs = built(), keras.layers.SeparableConv1D(5, 4)
    theirs.build((None, 10, 12))
    store: dict[str, Any] = {}
    theirs.save_own_variables(store)
    assert sorted(store) == ["0", "1", "2"]
    ours.load_own_variables(store)
    x = np.random.default_rng(0).random((2, 10, 12), np.float32)
    assert np.allclose(ours(x), theirs(x), atol=1e-6)
    back: dict[str, Any] = {}
    ours.save_own_variables(back)
    theirs.load_own_variables(back)


@pytest.mark.parametrize("is_built", [False, True])
def test_own_variables_of_another_number_have_the_words_of_keras(is_built: bool) -> None:
    ours = SeparableConv1D(5, 4, name="X")
    theirs = keras.layers.SeparableConv1D(5, 4, name="X")
    if is_built:
        ours.build((None, 10, 12))
        theirs.build((None, 10, 12))
    with pytest.raises(ValueError) as told:
        theirs.load_own_variables({"0": 1})
    with pytest.raises(ValidationError) as refused:
        ours.load_own_variables({"0": 1})
    assert str(refused.value)[:100] == str(told.value)[:100]


def test_own_variables_under_other_keys_are_refused() -> None:
    layer = built()
    with pytest.raises(ValidationError, match="found no variable '2'"):
        layer.load_own_variables(dict(zip("01x", layer.get_weights(), strict=True)))


def test_variable_is_an_array_for_numpy() -> None:
    bias = Variable([1.0, 2.0], "float32", "layer/bias")
    assert np.sum(bias) == 3
    assert np.asarray(bias, "float64").dtype == "float64"
    assert np.array(bias).flags.writeable
