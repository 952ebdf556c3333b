"""SeparableConv1D: what its constructor takes, keeps and refuses."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_oracle import keras

import sepconv
from sepconv import SeparableConv1D
from sepconv.errors import ValidationError
from sepconv.layers.keras_config import _data_format_in


def test_arguments_stand_in_keras_order() -> None:
    ours = [*inspect.signature(SeparableConv1D).parameters]
    theirs = [*inspect.signature(keras.layers.SeparableConv1D.__init__).parameters][1:-1]
    assert ours == [*theirs, "name", "trainable", "dtype", "autocast"]


def test_defaults_are_those_of_keras() -> None:
    ours = inspect.signature(SeparableConv1D).parameters
    theirs = inspect.signature(keras.layers.SeparableConv1D.__init__).parameters
    for name in [*theirs][1:-1]:
        assert ours[name].default == theirs[name].default, name


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
@pytest.mark.parametrize("given", [2, (2,), [2], np.int64(2), np.array([2]), (np.int32(2),)])
def test_size_is_kept_as_a_tuple(name: str, given: Any) -> None:
    layer = SeparableConv1D(**{"filters": 4, "kernel_size": 3, name: given})
    kept = getattr(layer, name)
    assert kept == (2,)
    assert type(kept[0]) is int


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
@pytest.mark.parametrize(
    "given", [0, -1, (0,), (2, 3), [], True, 1.0, "3", None, {3}, {3: 3}, 2**31, np.float32(2)]
)
def test_size_that_is_no_positive_int_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ValidationError, match=f"`{name}`"):
        SeparableConv1D(**{"filters": 4, "kernel_size": 3, name: given})


@pytest.mark.parametrize("name", ["filters", "depth_multiplier"])
@pytest.mark.parametrize("given", [0, -1, None, True, 2.0, "4", (4,), 2**31])
def test_count_that_is_no_positive_int_is_refused(name: str, given: Any) -> None:
    with pytest.raises(ValidationError, match=f"`{name}`"):
        SeparableConv1D(**{"filters": 4, "kernel_size": 3, name: given})


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 0, "kernel_size": 3},
        {"filters": 4, "kernel_size": 3, "depth_multiplier": -1},
        {"filters": 4, "kernel_size": 0},
        {"filters": 4, "kernel_size": 3, "strides": (1, 2)},
        {"filters": 4, "kernel_size": 3, "strides": -2},
        {"filters": 4, "kernel_size": 3, "data_format": "channels_middle"},
        {"filters": 4, "kernel_size": 3, "name": "a/b"},
        {"filters": 4, "kernel_size": 3, "filter": 4},
    ],
    ids=str,
)
def test_refusal_has_the_words_of_keras(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as theirs:
        keras.layers.SeparableConv1D(**arguments)
    with pytest.raises(ValidationError) as ours:
        SeparableConv1D(**arguments)
    assert plain(ours.value).startswith(plain(theirs.value))


def plain(error: object) -> str:
    """Return a text without quotes, types' notation and the full stop at the end."""
    return str(error).replace("<class '", "").replace("'", "").replace(">)", ")").rstrip(".")


def test_page_example_says_what_was_meant() -> None:
    with pytest.raises(ValidationError) as refused:
        SeparableConv1D(3, 4, 3, 2, activation="relu")
    assert str(refused.value) == (
        '`padding` must be "valid" or "same" (case-insensitive), got 2 (int); '
        "the 4th positional argument is `padding`, did you mean `dilation_rate=2`?"
    )


def test_working_form_of_the_page_example_gives_its_shape() -> None:
    x = np.random.default_rng(0).random((4, 10, 12))
    assert SeparableConv1D(4, 4, strides=2, activation="relu")(x).shape == (4, 4, 4)


def test_strides_with_dilation_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"strides=\(2,\) and dilation_rate=\(3,\)"):
        SeparableConv1D(4, 3, strides=2, dilation_rate=3)


def test_padding_and_data_format_have_any_case() -> None:
    layer = SeparableConv1D(4, 3, padding="SAME", data_format="Channels_First")
    assert (layer.padding, layer.data_format) == ("same", "channels_first")


@pytest.mark.parametrize("name", ["use_bias", "trainable", "autocast"])
@pytest.mark.parametrize("given", [1, 0, "yes", None])
def test_flag_must_be_a_bool(name: str, given: Any) -> None:
    with pytest.raises(ValidationError, match=f"`{name}` must be True or False"):
        SeparableConv1D(4, 3, **{name: given})


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a\0b", "..", 3, b"a"])
def test_name_must_be_a_part_of_a_path(name: Any) -> None:
    with pytest.raises(ValidationError, match="Argument `name`"):
        SeparableConv1D(4, 3, name=name)


def test_name_defaults_to_the_class_without_a_counter() -> None:
    assert [SeparableConv1D(4, 3).name for _ in range(3)] == ["separable_conv1d"] * 3


@pytest.mark.parametrize("part", ["depthwise", "pointwise", "bias", "activity"])
def test_orthogonal_regularizer_is_refused_at_construction(part: str) -> None:
    with pytest.raises(ValidationError, match=f"`{part}_regularizer` cannot be Orthogonal"):
        SeparableConv1D(4, 3, **{f"{part}_regularizer": "orthogonal_regularizer"})


def test_unknown_argument_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match=r"kernal_size.*did you mean `kernel_size`\?"):
        SeparableConv1D(4, kernal_size=3)


@pytest.mark.parametrize("arguments", [{"input_shape": (10, 12)}, {"input_dim": 12}])
def test_input_shape_warns_as_keras_does(arguments: dict[str, Any]) -> None:
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`/`input_dim` argument"):
        SeparableConv1D(4, 3, **arguments)


def test_bias_initializer_of_none_is_zeros() -> None:
    layer = SeparableConv1D(4, 3, bias_initializer=None)
    layer.build((None, 10, 12))
    assert not layer.bias.numpy().any()


def test_argument_is_fixed_at_construction() -> None:
    with pytest.raises(AttributeError, match="`filters` of SeparableConv1D is fixed"):
        SeparableConv1D(4, 3).filters = 5


@pytest.mark.parametrize(
    "policy", ["float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"]
)
def test_dtype_policy_has_keras_dtypes(policy: str) -> None:
    ours = SeparableConv1D(4, 3, dtype=policy)
    theirs = keras.layers.SeparableConv1D(4, 3, dtype=policy)
    assert (ours.dtype, ours.compute_dtype) == (theirs.dtype, theirs.compute_dtype)
    assert ours.dtype_policy.name == theirs.dtype_policy.name == policy


@pytest.mark.parametrize("policy", ["int8", "float31", "mixed_int8", "", 3, {"class_name": "x"}])
def test_unknown_dtype_policy_is_refused(policy: Any) -> None:
    with pytest.raises(ValidationError, match=r"DTypePolicy|`dtype`"):
        SeparableConv1D(4, 3, dtype=policy)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"image_data_format": "channels_first"}, "channels_first"),
        ({"image_data_format": "channels_last"}, "channels_last"),
        ({"floatx": "float32"}, "channels_last"),
        (None, "channels_last"),
    ],
)
def test_data_format_of_none_is_the_keras_config_file(
    held: dict[str, str] | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if held is not None:
        (tmp_path / "keras.json").write_text(json.dumps(held))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    assert SeparableConv1D(4, 3).data_format == expected
    assert SeparableConv1D(4, 3, data_format="channels_last").data_format == "channels_last"
    assert sorted(tmp_path.iterdir()) == before


def test_data_format_falls_back_to_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"image_data_format": "channels_first"}')
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SeparableConv1D(4, 3).data_format == "channels_first"


def test_keras_config_file_with_a_wrong_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"image_data_format": "sideways"}')
    with pytest.raises(ValidationError, match=r"keras\.json: `image_data_format`.*sideways"):
        _data_format_in(tmp_path)


def test_construction_needs_no_compiled_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sepconv._core", None)
    layer = sepconv.SeparableConv1D(4, 3)
    assert layer.compute_output_shape((None, 10, 12)) == (None, 8, 4)
    layer.build((None, 10, 12))
    assert layer.count_params() == 3 * 12 + 12 * 4 + 4
