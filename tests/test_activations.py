"""Activations: Keras's names, values and configs, and what they refuse."""

from __future__ import annotations

import inspect
import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as npst
from keras_oracle import keras, on_float64

from sepconv import activations, register
from sepconv.errors import InputTypeError, ValidationError

inf, nan = math.inf, math.nan

# name -> parameters away from the defaults
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "relu": [
        {"negative_slope": 0.1},
        {"max_value": 6},
        {"threshold": 1.5},
        {"negative_slope": 0.25, "max_value": 2.0, "threshold": 0.5},
        {"negative_slope": -0.5, "threshold": 1.0},
        {"threshold": -1.0},
    ],
    "leaky_relu": [{"negative_slope": 0.3}, {"negative_slope": 0.0}],
    "elu": [{"alpha": 2.0}, {"alpha": -0.5}],
    "celu": [{"alpha": 2.0}, {"alpha": 0.1}],
    "gelu": [{"approximate": True}],
    "soft_shrink": [{"threshold": 0.0}, {"threshold": 2.0}],
    "hard_shrink": [{"threshold": 0.0}, {"threshold": 2.0}],
    "threshold": [{"threshold": 1.0, "default_value": -3.0}],
    "squareplus": [{"b": 0}, {"b": 0.5}],
    "softmax": [{"axis": 0}, {"axis": 1}, {"axis": [0, -1]}],
    "log_softmax": [{"axis": 0}, {"axis": -2}],
    "sparsemax": [{"axis": 0}, {"axis": 1}],
    "glu": [{"axis": 0}, {"axis": 1}],
}
NAMES = sorted(keras.src.activations.ALL_OBJECTS_DICT)
ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}
CANONICAL = [name for name in NAMES if name not in ALIASES]
CASES = [
    (name, parameters)
    for name in CANONICAL
    for parameters in ([{}] if name != "threshold" else []) + PARAMETERS.get(name, [])
]
ALONG_AN_AXIS = {"softmax", "log_softmax", "sparsemax", "glu"}
ELEMENTWISE = [case for case in CASES if case[0] not in ALONG_AN_AXIS]

_random = np.random.default_rng(20)
X = np.concatenate(
    [
        _random.normal(0, 4, 2000),
        _random.normal(0, 0.01, 100),
        np.linspace(-30, 30, 76),
        np.zeros(8),
    ]
).reshape(4, 6, 91)


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray[Any, Any]]:
    requests = [
        {"of": "activation", "name": n, "config": p, "x": X.tolist(), "dtype": "float64"}
        if n != "glu" or "axis" in p
        else {
            "of": "activation",
            "name": n,
            "config": p,
            "x": X[..., 1:].tolist(),
            "dtype": "float64",
        }
        for n, p in CASES
    ]
    return {f"{n}{p}": y for (n, p), y in zip(CASES, on_float64(requests), strict=True)}


def made(name: str, parameters: dict[str, Any]) -> activations.Activation:
    return activations.get({"class_name": name, "config": parameters})


def inputs(name: str, parameters: dict[str, Any]) -> np.ndarray[Any, Any]:
    return X[..., 1:] if name == "glu" and not parameters else X


# --- names ---------------------------------------------------------------------------------------


def test_names_are_those_of_keras() -> None:
    assert sorted(activations.registry) == NAMES
    assert len(CANONICAL) == 30


def test_threshold_of_the_module_is_a_function_of_its_parameters() -> None:
    assert activations.threshold([0.5, 2.0], 1.0, -5.0).tolist() == [-5, 2]


@pytest.mark.parametrize("name", [name for name in CANONICAL if name != "threshold"])
def test_module_holds_each_activation_under_its_name(name: str) -> None:
    held = getattr(activations, name)
    assert held == activations.get(name)
    assert hash(held) == hash(activations.get(name))
    assert held.name == name


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_alias_becomes_the_canonical_name(alias: str, name: str) -> None:
    assert activations.serialize(activations.get(alias)) == name
    assert getattr(activations, alias) == getattr(activations, name)


@pytest.mark.parametrize("name", CANONICAL)
def test_arguments_and_defaults_are_those_of_keras(name: str) -> None:
    theirs = inspect.signature(getattr(keras.activations, name)).parameters
    ours = inspect.signature(activations.registry[name]).parameters
    assert [(n, p.default) for n, p in ours.items()] == [
        (n, p.default) for n, p in list(theirs.items())[1:]
    ]


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_float64_values_are_those_of_keras(
    name: str, parameters: dict[str, Any], expected: Any
) -> None:
    x = inputs(name, parameters)
    y = made(name, parameters)(x)
    assert y.dtype == np.float64
    # Both sides are some 8 roundings off; where parts of the formula cancel (mish, gelu and
    # tanh_shrink far out or near 0), the roundings are those of values up to 1 + |x|.
    # Keras rounds tanh alone to float32.
    theirs = expected[f"{name}{parameters}"]
    assert theirs.dtype == (np.float32 if name == "tanh" else np.float64)
    ulp = np.finfo(theirs.dtype).eps
    np.testing.assert_allclose(y, theirs, rtol=8 * ulp, atol=8 * ulp * (1 + abs(x).max()))


def test_tanh_of_float64_is_not_rounded_as_in_keras() -> None:
    np.testing.assert_allclose(activations.tanh(X), np.tanh(X), rtol=4 * 2**-52)


@pytest.mark.parametrize(("name", "parameters"), CASES)
@pytest.mark.parametrize(("dtype", "ulp"), [("float32", 2**-23), ("float16", 2**-10)])
def test_narrow_values_are_those_of_float64_rounded(
    name: str, parameters: dict[str, Any], dtype: str, ulp: float
) -> None:
    narrow = inputs(name, parameters).astype(dtype)
    exact = made(name, parameters)(narrow.astype(np.float64))
    y = made(name, parameters)(narrow)
    assert (y.dtype.name, y.shape) == (dtype, exact.shape)
    scale = 1 + abs(narrow.astype(np.float64)).max() if name in ALONG_AN_AXIS else 1
    # 8 roundings of float32, or the one of float16; sums along an axis scale with the inputs.
    finite = abs(exact) < np.finfo(dtype).max
    np.testing.assert_allclose(
        y[finite].astype(np.float64), exact[finite], rtol=8 * ulp, atol=8 * ulp * scale
    )


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_nan_goes_through(name: str, parameters: dict[str, Any]) -> None:
    x = np.zeros((2, 2, 4), np.float32)
    x[0, 0, 1] = nan
    y = made(name, parameters)(x)
    if name in ALONG_AN_AXIS:
        assert np.isnan(y).any()
        assert not np.isnan(y).all()
    else:
        assert np.argwhere(np.isnan(y)).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "at_minus_inf", "at_inf"),
    [
        ("relu", 0, inf),
        ("leaky_relu", -inf, inf),
        ("relu6", 0, 6),
        ("elu", -1, inf),
        ("celu", -1, inf),
        ("selu", -1.0507009873554805 * 1.6732632423543772, inf),
        ("gelu", 0, inf),
        ("sigmoid", 0, 1),
        ("silu", 0, inf),
        ("mish", 0, inf),
        ("tanh", -1, 1),
        ("softplus", 0, inf),
        ("softsign", -1, 1),
        ("exponential", 0, inf),
        ("linear", -inf, inf),
        ("log_sigmoid", -inf, 0),
        ("hard_sigmoid", 0, 1),
        ("hard_silu", 0, inf),
        ("hard_tanh", -1, 1),
        ("tanh_shrink", -inf, inf),
        ("soft_shrink", -inf, inf),
        ("hard_shrink", -inf, inf),
        ("squareplus", 0, inf),
        ("sparse_plus", 0, inf),
        ("sparse_sigmoid", 0, 1),
    ],
)
def test_infinities_give_the_limits(
    name: str, at_minus_inf: float, at_inf: float, dtype: str
) -> None:
    y = activations.get(name)(np.array([-inf, inf], dtype))
    np.testing.assert_allclose(y, [at_minus_inf, at_inf], rtol=2**-22)


def test_gelu_tanh_form_has_the_limits_too() -> None:
    assert activations.gelu(np.array([-inf, inf]), approximate=True).tolist() == [0, inf]


rows = npst.arrays(
    np.float32,
    npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=8),
    elements=st.floats(-1e4, 1e4, width=32),
)


@given(x=rows)
@settings(deadline=None)
def test_softmax_is_a_distribution(x: Any) -> None:
    y = activations.softmax(x)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=8 * 2**-23)


def test_sparsemax_has_the_threshold_of_keras_not_of_its_paper() -> None:
    x = np.array([0.0, 0.5, 1.0], np.float32)
    assert activations.sparsemax(x).tolist() == [0, 0, 0.25]
    assert np.asarray(keras.activations.sparsemax(x)).tolist() == [0, 0, 0.25]
    assert activations.sparsemax(x * 8).tolist() == [0, 0, 1]  # one value: the two agree


@pytest.mark.parametrize("x", [[1e9, 0.0], [3e38, -3e38]])
def test_sparsemax_of_large_values_is_finite(x: Any) -> None:
    y = activations.sparsemax(np.array(x, np.float32))
    assert np.isfinite(y).all()
    assert y[1] == 0


@given(x=rows)
@settings(deadline=None)
def test_log_softmax_is_the_logarithm_of_softmax(x: Any) -> None:
    wide = x.astype(np.float64)
    np.testing.assert_allclose(
        np.exp(activations.log_softmax(wide)), activations.softmax(wide), atol=1e-14
    )


@pytest.mark.parametrize("name", [n for n in CANONICAL if n != "threshold"])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (2, 0, 6)])
def test_empty_arrays_stay_empty(name: str, shape: tuple[int, ...]) -> None:
    activation = activations.get(name)
    y = activation(np.zeros(shape, np.float32))
    assert y.shape == activation.output_shape(shape)
    assert y.dtype == np.float32


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: np.asfortranarray(x),
        lambda x: x[:, ::-1],
        lambda x: x[::2, 1:],
        lambda x: np.broadcast_to(x[:1], (3, *x.shape[1:])),
        lambda x: x.astype(">f4"),
        lambda x: x[0, 0],
    ],
)
@pytest.mark.parametrize("name", ["relu", "tanh", "softmax", "sparsemax"])
def test_any_layout_gives_the_same_values(name: str, layout: Any) -> None:
    x = layout(np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32))
    before = x.copy()
    y = activations.get(name)(x)
    assert y.tobytes() == activations.get(name)(np.array(x, "f4", order="C")).tobytes()
    assert y.shape == x.shape
    np.testing.assert_array_equal(x, before)


def test_numbers_lists_and_ints_are_computed_in_float32() -> None:
    for x in (-1, -1.5, [1, -2], np.arange(3), np.array([True, False])):
        y = activations.relu(x)
        assert (y.dtype, y.shape) == (np.float32, np.shape(x))


def test_bfloat16_is_computed_in_float32() -> None:
    import ml_dtypes

    x = np.linspace(-3, 3, 64).astype(ml_dtypes.bfloat16)
    y = activations.gelu(x)
    assert y.dtype == ml_dtypes.bfloat16
    assert y.tobytes() == activations.gelu(x.astype("f4")).astype(ml_dtypes.bfloat16).tobytes()


@pytest.mark.parametrize("x", [np.zeros(2, complex), ["a"], np.array([None])])
def test_other_data_is_refused(x: Any) -> None:
    with pytest.raises(InputTypeError, match="expected an array of floats, ints or bools"):
        activations.relu(x)


# --- parameters ----------------------------------------------------------------------------------


def test_arguments_of_a_call_are_parameters_of_that_call() -> None:
    assert activations.relu([-2.0], 0.5).tolist() == [-1]
    assert activations.relu([-2.0], negative_slope=0.5).tolist() == [-1]
    assert activations.relu([-2.0]).tolist() == [0]
    leaky = activations.Relu(negative_slope=0.5)
    assert leaky([-2.0, 9.0], max_value=1.0).tolist() == [-1, 1]
    assert activations.softmax(np.zeros((2, 4)), axis=0).tolist() == [[0.5] * 4] * 2


@pytest.mark.parametrize(
    ("activation", "core_name", "parameters"),
    [
        (activations.relu, "relu", (0.0, inf, 0.0)),
        (activations.Relu(1, 2, 3), "relu", (1.0, 2.0, 3.0)),
        (activations.leaky_relu, "leaky_relu", (0.2,)),
        (activations.gelu, "gelu", ()),
        (activations.Gelu(True), "gelu_tanh", ()),
        (activations.Threshold(1, -2), "threshold", (1.0, -2.0)),
        (activations.squareplus, "squareplus", (4.0,)),
        (activations.softmax, "", ()),
        (activations.get(np.sin), "", ()),
    ],
)
def test_core_name_and_parameters(activation: Any, core_name: str, parameters: Any) -> None:
    assert activation.core_name == core_name
    assert activation.parameters == parameters
    assert all(type(p) is float for p in activation.parameters)
    assert activation.elementwise == bool(core_name)


def test_core_knows_every_elementwise_activation() -> None:
    from sepconv._core import ACTIVATIONS

    known = {(made(n, p).core_name, len(made(n, p).parameters)) for n, p in ELEMENTWISE}
    assert known == set(ACTIVATIONS.items())


def test_glu_halves_its_axis() -> None:
    assert activations.glu.output_shape((None, None, 8)) == (None, None, 4)
    assert activations.Glu(axis=1).output_shape([2, 6, None]) == (2, 3, None)
    assert activations.glu.output_shape((2, None)) == (2, None)


def test_glu_of_an_odd_size_is_refused_as_in_keras() -> None:
    told = "axis size must be divisible by 2. Received: x.shape=(2, 3) with axis=-1"
    for refused in (
        lambda: activations.glu.output_shape((2, 3)),
        lambda: activations.glu(np.zeros((2, 3))),
    ):
        with pytest.raises(ValidationError) as error:
            refused()
        assert str(error.value) == told


@pytest.mark.parametrize("name", [n for n in CANONICAL if n not in ("glu", "threshold")])
def test_other_activations_keep_the_shape(name: str) -> None:
    assert activations.get(name).output_shape([None, 3, 7]) == (None, 3, 7)


# --- configs -------------------------------------------------------------------------------------


def test_none_is_linear() -> None:
    assert activations.get(None) == activations.linear


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_config_reads_back_equal(name: str, parameters: dict[str, Any]) -> None:
    activation = made(name, parameters)
    config = activations.serialize(activation)
    assert json.loads(json.dumps(config)) == config
    assert activations.get(config) == activation
    assert activations.deserialize({"class_name": name, "config": parameters}) == activation
    assert pickle.loads(pickle.dumps(activation)) == activation
    assert isinstance(config, str) == (not parameters)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_config_is_read_by_keras(name: str, parameters: dict[str, Any]) -> None:
    read = keras.activations.get(activations.serialize(made(name, parameters)))
    keeps = isinstance(read, keras.layers.Layer)
    layers = {"relu": keras.layers.ReLU, "leaky_relu": keras.layers.LeakyReLU}
    layers |= {"elu": keras.layers.ELU, "softmax": keras.layers.Softmax}
    if not parameters or not keeps:
        assert read is getattr(keras.activations, name)  # Keras has nowhere to keep parameters
    if (
        parameters
        and name in layers
        and parameters.get("negative_slope", 0) >= 0
        and (parameters.get("threshold", 0) >= 0)
    ):
        assert type(read) is layers[name]
        x = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
        np.testing.assert_allclose(read(x), made(name, parameters)(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "expected_"),
    [
        (keras.layers.ReLU(), activations.relu),
        (
            keras.layers.ReLU(max_value=6, negative_slope=0.1, threshold=0.5),
            activations.Relu(0.1, 6, 0.5),
        ),
        (keras.layers.LeakyReLU(), activations.LeakyRelu(0.3)),
        (keras.layers.LeakyReLU(negative_slope=0.05), activations.LeakyRelu(0.05)),
        (keras.layers.ELU(alpha=2.0), activations.Elu(2.0)),
        (keras.layers.Softmax(axis=1), activations.Softmax(1)),
        (keras.layers.Activation("gelu"), activations.gelu),
        (keras.layers.Activation(keras.layers.ELU(0.5)), activations.Elu(0.5)),
        (keras.activations.relu, activations.relu),
        (keras.activations.silu, activations.silu),
    ],
)
def test_what_keras_writes_is_read(layer: Any, expected_: Any) -> None:
    config = keras.activations.serialize(layer)
    before = json.dumps(config)
    assert activations.get(config) == expected_
    assert json.dumps(config) == before


@pytest.mark.parametrize(
    ("config", "expected_"),
    [
        ({"class_name": "function", "config": "relu", "module": "builtins"}, activations.relu),
        ({"class_name": "function", "config": "swish"}, activations.silu),
        (
            {
                "module": "keras.layers",
                "class_name": "LeakyReLU",
                "config": {"negative_slope": 0.4},
            },
            activations.LeakyRelu(0.4),
        ),
        ({"class_name": "LeakyReLU"}, activations.LeakyRelu(0.3)),
        ({"class_name": "LeakyReLU", "config": {"alpha": 0.1}}, activations.LeakyRelu(0.1)),
        ({"class_name": "relu", "config": {"negative_slope": 0.3}}, activations.Relu(0.3)),
        ({"class_name": "relu"}, activations.relu),
    ],
)
def test_dict_forms_are_read(config: dict[str, Any], expected_: Any) -> None:
    assert activations.get(config) == expected_


def test_registered_function_has_keras_form_and_reads_back() -> None:
    @register(package="test_activations")
    def doubled(x: Any) -> Any:
        return 2 * np.asarray(x)

    activation = activations.get(doubled)
    assert activation([1.0]).tolist() == [2]
    assert not activation.elementwise
    assert activation.output_shape((2, None)) == (2, None)
    assert activations.serialize(activation) == {
        "module": "builtins",
        "class_name": "function",
        "config": "test_activations>doubled",
        "registered_name": "function",
    }
    assert activations.get(activations.serialize(activation)) == activation
    assert activations.get("test_activations>doubled") == activation

    @keras.saving.register_keras_serializable("test_activations", "doubled")
    def same_in_keras(x: Any) -> Any:
        return 2 * x

    assert keras.activations.serialize(same_in_keras) == activations.serialize(activation)
    assert keras.activations.get(activations.serialize(activation)) is same_in_keras


@pytest.mark.parametrize("function", [lambda x: x, np.sin])
def test_unregistered_function_works_but_cannot_be_written(function: Any) -> None:
    activation = activations.get(function)
    np.testing.assert_array_equal(activation([0.5]), function([0.5]))
    with pytest.raises(ValidationError) as error:
        activations.serialize(activation)
    assert "register it first with `@sepconv.register(package=...)`" in str(error.value)


def test_own_subclass_is_not_taken_for_a_builtin() -> None:
    @register(package="test_activations")
    class Shifted(activations.Relu):
        def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(x) + 1

    config = activations.serialize(Shifted(0.5))
    assert config["registered_name"] == "test_activations>Shifted"
    back = activations.get(config)
    assert isinstance(back, Shifted)
    assert not back.elementwise  # the layer must call it
    assert back([-2.0]).tolist() == [0]
    assert back != activations.Relu(0.5)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["ReLU", "Softmax", "nope", "", 3, {"a": 1}["a"]])
def test_unknown_identifier_is_told_as_keras_tells_it(identifier: Any) -> None:
    with pytest.raises(ValueError) as theirs:
        keras.activations.get(identifier)
    with pytest.raises(ValidationError) as error:
        activations.get(identifier)
    assert str(error.value).startswith(str(theirs.value))


def test_unknown_name_comes_with_the_nearest() -> None:
    with pytest.raises(ValidationError) as error:
        activations.get("ReLU")
    assert str(error.value) == (
        "Could not interpret activation function identifier: ReLU; did you mean `relu`?"
    )


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("threshold", "missing a required argument: 'threshold'"),
        ({"class_name": "function", "config": "threshold"}, "missing a required argument"),
        ({"class_name": "threshold", "config": {"threshold": 1}}, "'default_value'"),
        ({"class_name": "function", "config": {"a": 1}}, "must have a `class_name`"),
        ({"class_name": "function", "config": "os.system"}, "identifier: os.system"),
        ({"class_name": "PReLU", "config": {}}, "identifier: PReLU"),
        ({"class_name": "ReLU", "config": {"negative_slop": 1}}, "did you mean `negative_slope`?"),
        (
            {"class_name": "LeakyReLU", "config": {"alpha": 0.1, "negative_slope": 0.1}},
            "pass one of the two, got alpha=0.1, negative_slope=0.1",
        ),
        ({"class_name": "relu", "config": {"max_value": -1}}, "`max_value` must be at least 0"),
        (
            {"class_name": "relu", "config": {"max_value": 1, "threshold": -1}},
            "`threshold` must be at least 0 with a `max_value`",
        ),
        ({"class_name": "celu", "config": {"alpha": 0}}, "`alpha` of celu must not be 0"),
        ({"class_name": "elu", "config": {"alpha": nan}}, "`alpha` must be a finite number"),
        ({"class_name": "gelu", "config": {"approximate": 1}}, "`approximate` must be True or"),
        ({"class_name": "squareplus", "config": {"b": -1}}, "`b` must be at least 0"),
        ({"class_name": "soft_shrink", "config": {"threshold": -1}}, "`threshold` must be at"),
        ({"class_name": "softmax", "config": {"axis": 0.5}}, "`axis` must be an integer"),
        ({"class_name": "Softmax", "config": {"axis": [1, 1]}}, "`axis` names an axis twice"),
        ({"class_name": "glu", "config": {"axis": [1, 2]}}, "`axis` must be an integer"),
    ],
)
def test_bad_identifier_is_refused_with_the_way_out(identifier: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        activations.get(identifier)
    assert told in str(error.value)


def test_axis_outside_the_input_is_refused() -> None:
    told = "`axis` of softmax is 2, but its input has 2 dimensions"
    with pytest.raises(ValidationError, match=told):
        activations.Softmax(2)(np.zeros((2, 2)))
    with pytest.raises(ValidationError, match=r"names an axis twice: \[1, -1\]"):
        activations.Softmax([1, -1])(np.zeros((2, 2)))


def test_parameters_are_fixed() -> None:
    with pytest.raises(AttributeError, match="`negative_slope` of Relu is fixed at construction"):
        activations.relu.negative_slope = 1.0
