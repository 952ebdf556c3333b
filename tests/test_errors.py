"""Error texts: values cut and on one line, and the nearest name."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, strategies as st

from sepconv import errors


@pytest.mark.parametrize("child", [errors.ValidationError, errors.ConfigError, errors.WeightsError])
def test_refused_values_are_value_errors(child: type[Exception]) -> None:
    assert issubclass(child, ValueError)
    assert issubclass(child, errors.SepconvError)


def test_refused_data_is_a_type_error() -> None:
    assert issubclass(errors.InputTypeError, TypeError)
    assert issubclass(errors.InputTypeError, errors.SepconvError)


def test_config_error_keeps_its_findings() -> None:
    assert errors.ConfigError("2 errors", ["a", "b"]).findings == ("a", "b")
    assert str(errors.ConfigError("2 errors")) == "2 errors"


@given(st.text())
def test_shown_is_one_printable_line_of_bounded_length(text: str) -> None:
    shown = errors.shown(text)
    assert shown.isprintable()
    assert len(shown) <= errors.MAX_SHOWN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("a", "'a'"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ({"a": 1}, "{'a': 1}"),
        ("x" * 300, "'" + "x" * 198 + "…"),
    ],
)
def test_shown_repeats_short_values_and_cuts_long_ones(value: object, text: str) -> None:
    assert errors.shown(value) == text


def test_shown_of_a_huge_string_copies_little_of_it() -> None:
    huge = "x" * 10**7
    tracemalloc.start()
    errors.shown(huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kernelSize", "kernel_size"),
        ("KERNEL-SIZE", "kernel_size"),
        ("kernal_size", "kernel_size"),
        ("filter", "filters"),
        ("zzz", None),
        ("", None),
        ("x" * 10**6, None),
    ],
)
def test_nearest_finds_what_was_meant(name: str, expected: str | None) -> None:
    assert errors.nearest(name, ["filters", "kernel_size", "strides"]) == expected


def test_nearest_has_all_words_of_the_name_if_one_has() -> None:
    known = ["binary_entropy", "sparse_categorical_entropy", "sparse_top_k_categorical_entropy"]
    assert errors.nearest("sparse_entropy", known) == "sparse_categorical_entropy"


def test_suggestion_names_the_nearest_or_all() -> None:
    assert errors.suggestion("filter", ["filters"]) == "; did you mean `filters`?"
    assert errors.suggestion("zzz", ["b", "a"]) == "; there are: a, b"
    assert errors.suggestion("zzz", []) == ""
