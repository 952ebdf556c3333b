"""Accepted by the validator ⇔ accepted by the constructors, for generated documents."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import sepconv
from sepconv import config
from sepconv.errors import ValidationError

# What the validator knows beyond the constructors: these fail when weights are made or used.
LATER = {"SC304", "SC306", "SC311"}

sizes = st.sampled_from([1, 2, 3, 0, -1, 2**31 - 1, 2**31, 1.0, "3", True, None, [2], [1, 2], []])
words = st.sampled_from(
    [
        "valid",
        "same",
        "SAME",
        "channels_first",
        "Channels_Last",
        "channel_last",
        "relu",
        "no",
        "",
        "a/b",
        "x",
        "..",
    ]
)
flags = st.sampled_from([True, False, 0, "true", None])
numbers = st.sampled_from([0, 0.5, 1, 2, -1, 1e-4, 1e300, "1", None, True, [1], 2**32])
names = {
    "initializer": ["he_normal", "HeNormal", "zeros", "Orthogonal", "VarianceScaling", "normal",
                    "RandomUniform", "Constant", "stft", "Identity", "he_norml", "L2"],
    "activation": ["relu", "softmax", "swish", "glu", "threshold", "LeakyReLU", "elu", "tahn"],
    "regularizer": ["l1", "L2", "L1L2", "orthogonal_regularizer", "l3"],
    "constraint": ["max_norm", "UnitNorm", "MinMaxNorm", "non_neg", "maxnorm"],
}  # fmt: skip
keys = {
    "initializer": ["seed", "gain", "mean", "stddev", "scale", "mode", "value", "minval", "sed"],
    "activation": ["negative_slope", "max_value", "axis", "threshold", "default_value", "alpha"],
    "regularizer": ["l1", "l2", "factor", "mode"],
    "constraint": ["max_value", "min_value", "rate", "axis"],
}


def objects(kind: str) -> st.SearchStrategy[Any]:
    name = st.sampled_from(names[kind])
    arguments = st.dictionaries(st.sampled_from(keys[kind]), numbers | words, max_size=2)
    return (
        name
        | st.none()
        | st.builds(lambda n, a: {n: a}, name, arguments)
        | st.builds(lambda n, a: {"class_name": n, "config": a}, name, arguments)
        | numbers
    )


ARGUMENTS = {
    **dict.fromkeys(("filters", "kernel_size", "strides", "dilation_rate"), sizes),
    "depth_multiplier": sizes,
    **dict.fromkeys(("padding", "data_format", "name"), words | st.none()),
    **dict.fromkeys(("use_bias", "trainable", "autocast"), flags),
    "dtype": st.sampled_from(["float32", "mixed_float16", "float8", None, 3]),
    "activation": objects("activation"),
    **{f"{part}_initializer": objects("initializer") for part in ("depthwise", "bias")},
    **{f"{part}_regularizer": objects("regularizer") for part in ("pointwise", "activity")},
    **{f"{part}_constraint": objects("constraint") for part in ("depthwise", "bias")},
    "kernal_size": sizes,
}
good = {"filters": 4, "kernel_size": 3}
documents = st.fixed_dictionaries({}, optional=ARGUMENTS).map(
    lambda some: {**good, **dict(list(some.items())[:5])}
)


def long_form(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with `{Name: {...}}` in Keras's form."""
    return {
        key: {"class_name": next(iter(value)), "config": next(iter(value.values()))}
        if isinstance(value, dict) and "class_name" not in value
        else value
        for key, value in arguments.items()
    }


def constructor_accepts(arguments: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sepconv.SeparableConv1D.from_config(long_form(arguments))
        except (ValidationError, TypeError):
            return False
    return True


def errors(arguments: dict[str, Any]) -> set[str]:
    raw = json.dumps({"SeparableConv1D": arguments}).encode()
    found = config.validate(raw, "a.json").findings
    assert all(finding.code != "SC399" for finding in found if constructor_accepts(arguments))
    return {finding.code for finding in found if finding.severity == "error"}


@given(documents)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_validator_and_constructor_agree(arguments: dict[str, Any]) -> None:
    assert (not errors(arguments) - LATER) == constructor_accepts(arguments)


@pytest.mark.fuzz
@given(documents)
@settings(
    max_examples=int(os.environ.get("SEPCONV_FUZZ", "20")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
def test_validator_and_constructor_agree_on_many(arguments: dict[str, Any]) -> None:
    assert (not errors(arguments) - LATER) == constructor_accepts(arguments)
