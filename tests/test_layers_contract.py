"""Every layer: configs, shapes, weights, policies and copies, beside Keras's where it has them."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from keras_oracle import keras
from layer_cases import CALLED, CASES, Case
from layer_runs import cast, keras_layer, ours
from numpy.typing import NDArray
from parity.bounds import UNIT

from sepconv import Sequential, layers
from sepconv.errors import ValidationError

every = pytest.mark.parametrize("case", CASES, ids=str)
called = pytest.mark.parametrize("case", CALLED, ids=str)


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def without(config: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in keys}


def made(case: Case, **changed: Any) -> Any:
    return layers.registry[case.layer](**{"name": "one", **case.config, **changed})


def test_every_layer_has_a_case() -> None:
    assert {case.layer for case in CASES} >= set(layers.registry)


# --- configs ---------------------------------------------------------------------------------


@every
def test_config_is_that_of_keras(case: Case) -> None:
    found, expected = made(case).get_config(), keras_layer(case, name="one").get_config()
    assert set(found) == set(expected)
    assert without(found, case.differs) == without(expected, case.differs)


@every
def test_default_name_is_that_of_keras(case: Case) -> None:
    keras.backend.clear_session()
    assert layers.registry[case.layer](**case.config).name == keras_layer(case).name


@every
def test_config_goes_round_alone_and_through_keras(case: Case) -> None:
    config = made(case).get_config()
    cls, theirs = layers.registry[case.layer], getattr(keras.layers, case.layer)
    assert cls.from_config(as_json(config)).get_config() == config
    read = theirs.from_config(as_json(config)).get_config()
    assert without(cls.from_config(as_json(read)).get_config(), case.differs) == without(
        config, case.differs
    )


@every
def test_unknown_argument_is_named(case: Case) -> None:
    with pytest.raises(ValidationError, match=f"Unrecognized.*{case.layer}.*nonsense"):
        made(case, nonsense=1)


# --- shapes ----------------------------------------------------------------------------------


def opened(case: Case) -> list[Any]:
    """Return the case's shapes with the batch open, and with each other axis open, too."""
    found = []
    for axis in range(min(len(shape) for shape in case.shapes)):
        shapes = [
            tuple(None if n in (0, axis) else size for n, size in enumerate(shape))
            for shape in case.shapes
        ]
        found.append(shapes if case.several else shapes[0])
    return found


@called
def test_output_shape_is_that_of_keras_before_build(case: Case) -> None:
    answered = 0
    for shape in [case.shape, *opened(case)]:
        try:
            expected = tuple(keras_layer(case).compute_output_shape(shape))
        except Exception:  # some of Keras's layers compute with None
            continue
        answered += 1
        layer = made(case)
        found = layer.compute_output_shape(as_json(shape))
        assert (found, layer.built) == (expected, False), shape
        assert all(type(size) is int or size is None for size in found)
    assert answered >= 2


@called
def test_outputs_have_the_shape_that_was_told(case: Case) -> None:
    layer = ours(case)
    assert layer(case.inputs()).shape == layer.compute_output_shape(case.shape)


@called
def test_symbolic_call_tells_shape_and_dtype(case: Case) -> None:
    layer = made(case, dtype="float64")
    open_batch = [layers.Input(shape[1:]) for shape in case.shapes]
    y = layer(open_batch if case.several else open_batch[0])
    shapes = [(None, *shape[1:]) for shape in case.shapes]
    expected = layer.compute_output_shape(shapes if case.several else shapes[0])
    assert (y.shape, y.dtype, layer.built) == (expected, "float64", True)


@called
def test_empty_batch_has_no_outputs(case: Case) -> None:
    layer = ours(case)
    shapes = [(0, *shape[1:]) for shape in case.shapes]
    inputs = case.inputs()
    empty = [x[:0] for x in inputs] if case.several else inputs[:0]
    for training in (False, True):
        y = layer(empty, training=training)
        assert y.shape == layer.compute_output_shape(shapes if case.several else shapes[0])


# --- weights ---------------------------------------------------------------------------------


@called
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "float64"])
def test_weights_are_those_of_keras(case: Case, policy: str) -> None:
    layer, theirs = made(case, dtype=policy), keras_layer(case, dtype=policy, name="one")
    for one in (layer, theirs):
        one.build(case.shape)
    for kind in ("weights", "trainable_weights", "non_trainable_weights"):
        found = [(w.name, w.shape, str(w.dtype), w.trainable) for w in getattr(layer, kind)]
        expected = [(w.name, w.shape, str(w.dtype), w.trainable) for w in getattr(theirs, kind)]
        assert found == expected
    assert [w.path for w in layer.weights] == [w.path for w in theirs.weights]
    assert layer.count_params() == theirs.count_params()


@called
def test_frozen_layer_has_no_trainable_weights(case: Case) -> None:
    layer = ours(case)
    layer.trainable = False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == len(layer.weights)


@called
def test_own_variables_go_round(case: Case) -> None:
    layer, twin = ours(case), made(case)
    twin.build(case.shape)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    twin.load_own_variables(store)
    assert layer(case.inputs()).tobytes() == twin(case.inputs()).tobytes()


# --- policies --------------------------------------------------------------------------------


@called
@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_16_bits_are_computed_wide_and_returned_narrow(case: Case, policy: str) -> None:
    name = policy.removeprefix("mixed_")
    narrow = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else np.float16)
    layer, exact = ours(case, dtype=policy), ours(case, dtype="float64")
    rounded = [np.asarray(w, ml_dtypes.bfloat16).astype("float64") for w in layer.get_weights()]
    layer.set_weights(rounded)
    exact.set_weights(rounded)
    inputs = cast(cast(case.inputs(), narrow), "float64")
    y, expected = layer(inputs), exact(inputs)
    assert y.dtype == narrow
    wide = case.roundings * UNIT["float32"] * np.abs(expected).max(initial=0)
    least = float(ml_dtypes.finfo(narrow).smallest_subnormal)
    bound = wide + UNIT[name] * (np.abs(expected) + wide) + least
    assert (np.abs(y.astype("float64") - expected) <= bound).all()


# --- calls -----------------------------------------------------------------------------------


@called
def test_any_layout_has_the_same_outputs(case: Case) -> None:
    layer, inputs = ours(case), case.inputs()
    expected = layer(inputs).tobytes()

    def laid_out(how: Any) -> Any:
        return [how(x) for x in inputs] if case.several else how(inputs)

    def strided(x: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(x, 2, axis=0)[::2]

    for how in (np.asfortranarray, strided, lambda x: x.astype(x.dtype.newbyteorder(">"))):
        assert layer(laid_out(how)).tobytes() == expected
    frozen = [x.copy() for x in (inputs if case.several else [inputs])]
    for x in frozen:
        x.flags.writeable = False
    assert layer(frozen if case.several else frozen[0]).tobytes() == expected


@called
def test_inputs_are_never_written_to(case: Case) -> None:
    layer, inputs = ours(case), case.inputs()
    before = copy.deepcopy(inputs)
    layer(inputs, training=True)
    for x, same in zip(inputs if case.several else [inputs],
                       before if case.several else [before], strict=True):  # fmt: skip
        assert x.tobytes() == same.tobytes()


BY_SAMPLE = [
    case
    for case in CALLED
    if len({shape[0] for shape in case.shapes}) == 1 and case.config.get("axis") != 0
]


@pytest.mark.parametrize("case", BY_SAMPLE, ids=str)
def test_batch_is_its_samples(case: Case) -> None:
    layer, inputs = ours(case), case.inputs()
    whole = layer(inputs)
    for n in range(len(whole)):
        one = [x[n : n + 1] for x in inputs] if case.several else inputs[n : n + 1]
        assert layer(one).tobytes() == whole[n : n + 1].tobytes()


@called
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copy_computes_the_same(case: Case, copied: Any) -> None:
    layer = ours(case)
    layer(case.inputs())
    twin = copied(layer)
    assert twin(case.inputs()).tobytes() == layer(case.inputs()).tobytes()
    assert twin.get_config() == layer.get_config()


@pytest.mark.parametrize("case", [case for case in CALLED if not case.several], ids=str)
def test_network_passes_it_on(case: Case) -> None:
    layer = ours(case)
    network = Sequential([layers.Input(case.shape[1:]), layer])
    assert network(case.inputs()).tobytes() == layer(case.inputs()).tobytes()
    again = Sequential.from_config(as_json(network.get_config()))
    assert again.output_shape == network.output_shape
