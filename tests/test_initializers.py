"""Initializers: Keras's names, values and configs, and what they refuse."""

from __future__ import annotations

import inspect
import json
import math
import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from keras_oracle import keras, on_numpy

from sepconv import initializers, register
from sepconv.errors import ValidationError

FAMILIES = (
    "GlorotUniform",
    "GlorotNormal",
    "HeUniform",
    "HeNormal",
    "LecunUniform",
    "LecunNormal",
)
# Each class with every argument away from its default.
CHANGED: dict[str, dict[str, Any]] = {
    **{name: {"seed": 7, "input_axes": [0, 1], "output_axes": [2]} for name in FAMILIES},
    "VarianceScaling": {
        "scale": 0.3,
        "mode": "fan_avg",
        "distribution": "uniform",
        "seed": 2**32 - 1,
        "input_axes": [1],
        "output_axes": [-1],
    },
    "RandomNormal": {"mean": 0.5, "stddev": 2.0, "seed": 0},
    "TruncatedNormal": {"mean": -1.0, "stddev": 0.1, "seed": 3},
    "RandomUniform": {"minval": -2, "maxval": 0.5, "seed": 4},
    "Orthogonal": {"gain": 0.5, "seed": 5},
    "Identity": {"gain": 3.0},
    "Constant": {"value": 0.25},
    "STFT": {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
    "Zeros": {},
    "Ones": {},
}
SHAPES = {"Identity": (3, 4), "STFT": (16, 1, 9)}
DTYPES = ("float16", "bfloat16", "float32", "float64")

SEEDED: list[dict[str, Any]] = [
    {"of": "initializer", "name": name, "config": config, "shape": shape, "dtype": dtype}
    for name, base in CHANGED.items()
    if "seed" in base
    for config in (base, {"seed": 1337})
    for shape in ((5, 3, 2), (1, 12, 40), (3, 0, 4))
    for dtype in DTYPES
    # Keras's QR on NumPy fails for 16 bits and for empty matrices, and makes float64 float32.
    if name != "Orthogonal" or (dtype == "float32" and 0 not in shape)
]
SEEDED += [
    {
        "of": "initializer",
        "name": "VarianceScaling",
        "config": {"seed": 11, "mode": mode, "distribution": distribution, "scale": 2.0},
        "shape": shape,
        "dtype": "float32",
    }
    for mode in ("fan_in", "fan_out", "fan_avg")
    for distribution in ("truncated_normal", "untruncated_normal", "uniform", "Normal")
    for shape in ((4, 6, 2), (7, 3), (9,))
]
FIXED: list[dict[str, Any]] = [
    {
        "of": "initializer",
        "name": "STFT",
        "config": {"side": side, "window": window, "scaling": scaling, "periodic": periodic},
        "shape": (64, 1, 33),
        "dtype": "float32",
    }
    for side in ("real", "imag")
    for scaling in (None, "density", "spectrum")
    for periodic in (True, False)
    for window in (
        None,
        "boxcar",
        "hann",
        "hamming",
        "blackman",
        "nuttall",
        "blackmanharris",
        "flattop",
        "bartlett",
        "cosine",
    )
]
UNSEEDED: list[dict[str, Any]] = [
    {
        "of": "initializer",
        "name": "GlorotUniform",
        "config": {},
        "shape": (3, 4, 2),
        "dtype": "float32",
        "random_state": 99,
    }
]


@pytest.fixture(scope="module")
def keras_numpy() -> dict[str, np.ndarray[Any, Any]]:
    requests = SEEDED + FIXED + UNSEEDED
    return {json.dumps(r): y for r, y in zip(requests, on_numpy(requests), strict=True)}


def made(name: str, config: dict[str, Any] | None = None) -> Any:
    return initializers.get({"class_name": name, "config": config or {}})


def as_keras_sent(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return y.astype(np.float32) if y.dtype.name == "bfloat16" else y


# --- names ---------------------------------------------------------------------------------------


def test_names_are_those_of_keras() -> None:
    known = {n: c.__name__ for n, c in keras.src.initializers.ALL_OBJECTS_DICT.items()}
    ours = {n: initializers.registry[n].__name__ for n in initializers.registry}
    assert ours == {n: c for n, c in known.items() if c != "Initializer"}
    assert len(set(ours.values())) == len(CHANGED) == 16


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_", SEEDED, ids=lambda r: f"{r['name']}-{r['config']}-{r['shape']}-{r['dtype']}"
)
def test_int_seed_gives_the_bits_of_keras(request_: dict[str, Any], keras_numpy: Any) -> None:
    initializer = made(request_["name"], request_["config"])
    y = initializer(request_["shape"], dtype=request_["dtype"])
    assert y.dtype.name == request_["dtype"]
    expected = keras_numpy[json.dumps(request_)]
    assert as_keras_sent(y).tobytes() == expected.tobytes()
    assert y.shape == request_["shape"]
    assert initializer(request_["shape"], request_["dtype"]).tobytes() == y.tobytes()


@pytest.mark.parametrize("request_", FIXED, ids=lambda r: "-".join(map(str, r["config"].values())))
def test_stft_is_that_of_keras(request_: dict[str, Any], keras_numpy: Any) -> None:
    y = made("STFT", request_["config"])(request_["shape"])
    # Windows differ by an ulp of float64, so by one of float32 after the cast, the sum and the
    # division: 4 roundings of values up to 1.
    np.testing.assert_allclose(y, keras_numpy[json.dumps(request_)], rtol=0, atol=4 * 2**-24)


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "Identity"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_constants_are_those_of_keras(name: str, dtype: str) -> None:
    shape = SHAPES.get(name, (2, 3, 4))
    y = made(name, CHANGED[name])(shape, dtype)
    expected = np.asarray(getattr(keras.initializers, name)(**CHANGED[name])(shape, dtype))
    assert (y.dtype, y.shape, y.tobytes()) == (expected.dtype, shape, expected.tobytes())


def test_without_a_seed_random_decides_as_in_keras(keras_numpy: Any) -> None:
    random.seed(UNSEEDED[0]["random_state"])
    y = initializers.GlorotUniform()((3, 4, 2))
    assert y.tobytes() == keras_numpy[json.dumps(UNSEEDED[0])].tobytes()


def test_without_a_seed_an_object_repeats_itself_and_another_differs() -> None:
    first, second = initializers.GlorotUniform(), initializers.GlorotUniform()
    assert first((9, 9)).tobytes() == first((9, 9)).tobytes()
    assert first((9, 9)).tobytes() != second((9, 9)).tobytes()
    assert first.seed is None
    assert first.get_config()["seed"] is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_orthogonal_of_16_bits_is_that_of_float32_rounded(dtype: str) -> None:
    initializer = initializers.Orthogonal(seed=3)
    narrow = initializer((5, 3), dtype)
    assert narrow.tobytes() == initializer((5, 3)).astype(narrow.dtype).tobytes()


@given(rows=st.integers(1, 12), columns=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_orthogonal_has_orthonormal_rows_or_columns(rows: int, columns: int, seed: int) -> None:
    q = initializers.Orthogonal(gain=2.0, seed=seed)((rows, columns), "float64")
    gram = q @ q.T if rows < columns else q.T @ q
    np.testing.assert_allclose(gram, 4 * np.eye(min(rows, columns)), atol=1e-13)


@given(seed=st.integers(0, 2**32 - 1), mean=st.floats(-9, 9), stddev=st.floats(0, 9))
@settings(deadline=None)
def test_truncated_normal_stays_within_two_deviations(
    seed: int, mean: float, stddev: float
) -> None:
    y = initializers.TruncatedNormal(mean, stddev, seed)((50,), "float64")
    assert np.all((y >= mean - 2 * stddev) & (y <= mean + 2 * stddev))


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((4, 3, 2), (12, 8)),
        ((5,), (5, 5)),
        ((), (1, 1)),
        ((3, 2), (3, 2)),
        ((2, 4, 3, 5), (24, 40)),
    ],
)
def test_fans_are_those_of_keras(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans(shape) == fans == compute_fans(shape)


def test_fans_follow_the_axes_when_both_are_given() -> None:
    assert initializers.compute_fans((4, 3, 2), [0, 1], [2]) == (12, 2)
    assert initializers.compute_fans((4, 3, 2), [0], None) == (12, 8)


# --- configs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("changed", [False, True])
def test_config_is_read_by_keras_and_the_other_way(name: str, changed: bool) -> None:
    given_ = CHANGED[name] if changed else {}
    ours = getattr(initializers, name)(**given_)
    theirs = getattr(keras.initializers, name)(**given_)
    config = theirs.get_config()
    if name == "Identity":  # which Keras forgets the gain of
        config = {"gain": given_.get("gain", 1.0)}
    assert ours.get_config() == config
    written = json.loads(json.dumps(initializers.serialize(ours)))
    assert written == {**keras.initializers.serialize(theirs), "config": config}
    assert type(keras.initializers.deserialize(written)) is type(theirs)
    shape = SHAPES.get(name, (3, 3, 4))
    expected = np.asarray(theirs(shape))
    if name in SHAPES or "seed" not in config:
        read = keras.initializers.deserialize(written)
        assert np.asarray(read(shape)).tobytes() == expected.tobytes()
    back = initializers.deserialize(keras.initializers.serialize(theirs) | {"config": config})
    assert (type(back), back.get_config()) == (type(ours), ours.get_config())


@pytest.mark.parametrize("name", CHANGED)
def test_argument_order_is_that_of_keras(name: str) -> None:
    ours = inspect.signature(getattr(initializers, name)).parameters
    theirs = inspect.signature(getattr(keras.initializers, name).__init__).parameters
    expected = {
        n: p.default for n, p in list(theirs.items())[1:] if p.kind is p.POSITIONAL_OR_KEYWORD
    }
    assert {n: p.default for n, p in ours.items()} == expected
    assert list(ours) == list(expected)


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0], np.array([[1, 2], [3, 4]], np.int64)])
def test_constant_array_goes_through_keras(value: Any) -> None:
    theirs = keras.initializers.Constant(np.asarray(value))
    ours = initializers.get(keras.initializers.serialize(theirs))
    assert initializers.serialize(ours)["config"]["value"]["class_name"] == "__numpy__"
    shape = np.shape(value)
    read = keras.initializers.deserialize(json.loads(json.dumps(initializers.serialize(ours))))
    np.testing.assert_array_equal(ours(shape), np.asarray(value, np.float32))
    np.testing.assert_array_equal(np.asarray(read(shape)), ours(shape))


def test_constant_reads_the_tensor_that_keras_writes() -> None:
    config = keras.initializers.serialize(keras.initializers.Constant(keras.ops.array(2.0)))
    assert config["config"]["value"]["class_name"] == "__tensor__"
    assert initializers.get(config).value == 2.0


@pytest.mark.parametrize("name", CHANGED)
def test_keras_2_dtype_is_dropped_with_a_warning(name: str) -> None:
    config = {"class_name": name, "config": {"dtype": "float32"}}
    with pytest.warns(UserWarning, match="`dtype` in the config of"):
        assert type(initializers.get(config)).__name__ == name
    assert config == {"class_name": name, "config": {"dtype": "float32"}}


# --- identifiers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifier",
    [
        "HeNormal",
        "he_normal",
        {"class_name": "HeNormal"},
        {"class_name": "he_normal", "config": None},
        {"module": "anything.at.all", "class_name": "HeNormal", "config": {}},
        initializers.HeNormal,
        initializers.HeNormal(),
    ],
)
def test_get_takes_every_form(identifier: Any) -> None:
    assert type(initializers.get(identifier)) is initializers.HeNormal


def test_get_of_none_is_none() -> None:
    assert initializers.get(None) is None


def test_get_of_a_callable_is_the_callable() -> None:
    def halves(shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, 0.5, dtype)

    assert initializers.get(halves) is halves


def test_array_gives_its_own_values_for_its_own_shape_alone() -> None:
    values = np.arange(6.0).reshape(2, 3)
    initializer = initializers.get(values)
    values[:] = -1
    assert initializer((2, 3), "float32").tolist() == [[0, 1, 2], [3, 4, 5]]
    told = (
        r"Expected `shape` to be \(2, 3\) for direct tensor as initializer. Received shape=\(3, 2\)"
    )
    with pytest.raises(ValidationError, match=told):
        initializer((3, 2))
    with pytest.raises(ValueError, match=told):
        keras.initializers.get(values)((3, 2))


def test_values_are_the_callers_to_change() -> None:
    initializer = initializers.get(np.ones(3))
    initializer((3,))[:] = 5
    assert initializer((3,)).tolist() == [1, 1, 1]


def test_own_subclass_with_its_own_constructor_round_trips_when_registered() -> None:
    @register(package="test_initializers")
    class Filled(initializers.Initializer):
        def __init__(self, fill: float = 1.0) -> None:
            self.fill = fill

        def __call__(self, shape: Any, dtype: Any = "float32") -> Any:
            return np.full(shape, self.fill, dtype)

        def get_config(self) -> dict[str, Any]:
            return {"fill": self.fill}

    config = initializers.serialize(Filled(3.0))
    assert config["registered_name"] == "test_initializers>Filled"
    back = initializers.get(json.loads(json.dumps(config)))
    assert isinstance(back, Filled)
    assert back((2,)).tolist() == [3, 3]
    assert isinstance(initializers.get("test_initializers>Filled"), Filled)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["glorot", "Glorot_Uniform", 3, object])
def test_unknown_identifier_is_told_as_keras_tells_it(identifier: Any) -> None:
    with pytest.raises(ValidationError) as error:
        initializers.get(identifier)
    if identifier is object:
        assert str(error.value).startswith("Could not interpret initializer identifier: ")
        return
    with pytest.raises(ValueError) as theirs:
        keras.initializers.get(identifier)
    assert str(error.value).startswith(str(theirs.value))


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("glorot_unifrom", "did you mean `glorot_uniform`?"),
        ("HeNorm", "did you mean `he_normal`?"),
        (0.5, "did you mean `Constant(0.5)`?"),
        ({"config": {}}, "must have a `class_name`"),
        ({"class_name": 3}, "must have a `class_name`"),
        ({"class_name": "Zeros", "config": [1]}, "`config` of initializer `Zeros` must be a dict"),
        ({"class_name": "os.system", "config": {"command": "true"}}, "Could not interpret"),
        ({"class_name": "Zeros", "config": {"x": 1}}, "Unrecognized keyword arguments"),
        ({"class_name": "HeNormal", "config": {"sed": 1}}, "did you mean `seed`?"),
        ({"class_name": "HeNormal", "config": {1: 1}}, "keywords must be strings"),
        ({"class_name": "Zeros", "registered_name": "my>Zeros"}, "my>Zeros"),
        ({"class_name": "Constant", "config": {"value": {"a": 1}}}, "__numpy__"),
        (
            {
                "class_name": "Constant",
                "config": {"value": {"class_name": "__numpy__", "config": {"value": ["a"]}}},
            },
            "`value` must hold numbers alone",
        ),
    ],
)
def test_bad_identifier_is_refused_with_the_way_out(identifier: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        initializers.get(identifier)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("HeNormal", {"seed": -1}, "`seed` must be an integer from 0 to 4294967295, got -1"),
        ("HeNormal", {"seed": 2**32}, "`seed` must be an integer"),
        ("HeNormal", {"seed": 1.0}, "`seed` must be an integer"),
        ("HeNormal", {"seed": True}, "`seed` must be an integer"),
        ("HeNormal", {"input_axes": 1}, "`input_axes` must be a list"),
        ("HeNormal", {"input_axes": [0.5]}, "`input_axes` must be an integer"),
        ("VarianceScaling", {"scale": 0}, "`scale` must be above 0, got 0"),
        ("VarianceScaling", {"scale": math.inf}, "`scale` must be a finite number"),
        ("VarianceScaling", {"mode": "fan"}, '`mode` must be "fan_in" or "fan_out" or "fan_avg"'),
        ("VarianceScaling", {"distribution": 1}, "`distribution` must be"),
        ("RandomNormal", {"stddev": -1}, "`stddev` must be at least 0, got -1"),
        ("RandomNormal", {"mean": math.nan}, "`mean` must be a finite number"),
        ("RandomUniform", {"minval": 2, "maxval": 1}, "minval=2, maxval=1"),
        ("RandomUniform", {"minval": -1e308, "maxval": 1e308}, "infinitely far"),
        ("Constant", {"value": "a"}, "`value` must be a finite number"),
        ("Constant", {"value": 1j}, "`value` must be a finite number"),
        ("Constant", {"value": [1, "a"]}, "`value` must hold numbers alone"),
        ("Constant", {"value": [1, math.nan]}, "`value` must hold finite numbers alone"),
        ("Constant", {"value": [[1], [1, 2]]}, "`value`: setting an array element"),
        ("STFT", {"side": "both"}, "`side` must be"),
        ("STFT", {"window": "haan"}, "`window` must be one of boxcar, hann"),
        ("STFT", {"scaling": "none"}, "`scaling` must be"),
        ("STFT", {"periodic": 1}, "`periodic` must be True or False"),
    ],
)
def test_bad_argument_is_refused_at_construction(
    name: str, config: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValidationError) as error:
        getattr(initializers, name)(**config)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("initializer", "shape", "told"),
    [
        (initializers.Identity(), (2, 2, 2), "Identity matrix initializer can only be used for 2D"),
        (initializers.Orthogonal(), (3,), "must be at least two-dimensional. Received: shape=(3,)"),
        (initializers.STFT(), (4, 2, 3), "(T, 1, F)"),
        (initializers.STFT(), (4, 1, 1), "F >= 2"),
        (initializers.STFT(), (2, 1, 3), "is 0 everywhere"),
        (initializers.STFT(window=[1.0]), (4, 1, 3), "The shape of `window` must be equal to"),
        (initializers.HeNormal(input_axes=[5], output_axes=[0]), (4, 1, 3), "must be axes of"),
        (initializers.Zeros(), (-1,), "`shape` must hold sizes >= 0; received (-1,)"),
        (initializers.Zeros(), (1.5,), "`shape` must hold sizes"),
        (initializers.HeNormal(), (2**31, 2**31), "holds more than"),
    ],
)
def test_shape_that_does_not_fit_is_refused(initializer: Any, shape: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        initializer(shape)
    assert told in str(error.value)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "float8", np.int8, object()])
def test_other_dtypes_are_refused(dtype: Any) -> None:
    with pytest.raises(ValidationError, match="`dtype` must be one of float16, bfloat16"):
        initializers.Zeros()((2,), dtype)


def test_nothing_warns_for_a_config_of_today() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, config in CHANGED.items():
            made(name, config)
