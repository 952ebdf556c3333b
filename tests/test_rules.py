"""Rules: what each accepts, keeps, refuses and writes, and that its schema says the same."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema
import numpy as np
import pytest

from sepconv import initializers, rules
from sepconv.errors import ValidationError
from sepconv.rules import (
    MAX_SIZE,
    Choice,
    Count,
    Flag,
    Integer,
    List,
    ListOf,
    Nullable,
    Number,
    ObjectOf,
    Size1D,
    Values,
)

# rule, value, kept
ACCEPTED: list[tuple[Any, Any, Any]] = [
    (Count(), 1, 1),
    (Count(), np.int64(7), 7),
    (Count(), MAX_SIZE, MAX_SIZE),
    (Size1D(), 3, (3,)),
    (Size1D(), [3], (3,)),
    (Size1D(), (np.int32(3),), (3,)),
    (Size1D(), np.array([3]), (3,)),
    (Choice("a", "b"), "b", "b"),
    (Choice("valid", "same", any_case=True), "SAME", "same"),
    (Flag(), True, True),
    (Flag(), np.bool_(False), False),
    (Number(), 2, 2),
    (Number(), np.float32(0.5), 0.5),
    (Number(minimum=0, maximum=1), 0, 0),
    (Number(above=0), 1e-300, 1e-300),
    (Integer(-2, 2), -2, -2),
    (ListOf(Integer()), 3, 3),
    (ListOf(Integer()), (1, 2), [1, 2]),
    (List(Integer()), (1, 2), [1, 2]),
    (List(Integer()), [], []),
    (Nullable(Count()), None, None),
    (Nullable(Count()), 2, 2),
    (Nullable(Choice("a")), None, None),
    (Values(), 2.5, 2.5),
    (Values(), {"class_name": "__tensor__", "config": {"value": 2.0, "dtype": "float32"}}, 2.0),
]

REFUSED: list[tuple[Any, Any, str]] = [
    (
        Count(),
        0,
        "Invalid value for argument `n`. Expected a strictly positive value. Received n=0.",
    ),
    (Count(), -3, "Received n=-3."),
    (Count(), True, "Expected a strictly positive integer. Received n=True (bool)."),
    (Count(), 1.0, "Received n=1.0 (float)."),
    (Count(), None, "Received n=None (NoneType)."),
    (Count(), "1", "Received n='1' (str)."),
    (Count(), MAX_SIZE + 1, "`n` must be at most 2147483647, got 2147483648"),
    (
        Size1D(),
        0,
        "The `n` argument must be a tuple of 1 integers. Received n=0, including values {0} that "
        "do not satisfy `value > 0`",
    ),
    (Size1D(), (1, 2), "The `n` argument must be a tuple of 1 integers. Received n=(1, 2)"),
    (Size1D(), (), "Received n=()"),
    (Size1D(), True, "including element True of type bool"),
    (Size1D(), [1.5], "including element 1.5 of type float"),
    (Size1D(), "3", "including element '3' of type str"),
    (Size1D(), {3}, "including element {3} of type set"),
    (Size1D(), {3: 1}, "including element {3: 1} of type dict"),
    (Size1D(), MAX_SIZE + 1, "at most 2147483647"),
    (Choice("a", "b"), "A", '`n` must be "a" or "b", got \'A\' (str)'),
    (Choice("a", "b", any_case=True), 2, '`n` must be "a" or "b" (case-insensitive), got 2 (int)'),
    (Flag(), 1, "`n` must be True or False, got 1 (int)"),
    (Flag(), None, "`n` must be True or False, got None"),
    (Number(), math.nan, "`n` must be a finite number, got nan"),
    (Number(), -math.inf, "`n` must be a finite number, got -inf"),
    (Number(), True, "`n` must be a finite number, got True (bool)"),
    (Number(), "1", "`n` must be a finite number, got '1' (str)"),
    (Number(), 1j, "`n` must be a finite number"),
    (Number(minimum=0), -1, "`n` must be at least 0, got -1"),
    (Number(above=0), 0, "`n` must be above 0, got 0"),
    (Number(maximum=1), 2, "`n` must be at most 1, got 2"),
    (Integer(0, 5), 6, "`n` must be an integer from 0 to 5, got 6 (int)"),
    (Integer(), 1.0, "got 1.0 (float)"),
    (Integer(), False, "got False (bool)"),
    (ListOf(Integer()), "12", "`n` must be an integer"),
    (ListOf(Integer()), [1, 2.5], "got 2.5 (float)"),
    (List(Integer()), 3, "`n` must be a list, got 3 (int)"),
    (List(Integer()), "12", "`n` must be a list, got '12' (str)"),
    (Nullable(Count()), 0, "strictly positive"),
    (Values(), "a", "`n` must be a finite number"),
    (Values(), [1, math.inf], "`n` must hold finite numbers alone"),
    (Values(), {"value": 1}, "`n` must be a number, a list of numbers, or"),
]

# What the schema cannot tell from what the rule accepts: Python's own types.
NO_JSON = (np.generic, np.ndarray, tuple, set, complex)


def names(values: list[tuple[Any, Any, Any]]) -> list[str]:
    return [f"{type(rule).__name__}-{value!r}" for rule, value, _ in values]


@pytest.mark.parametrize(("rule", "value", "kept"), ACCEPTED, ids=names(ACCEPTED))
def test_rule_keeps_one_form(rule: Any, value: Any, kept: Any) -> None:
    found = rule.normalise(value, "n")
    assert (found, type(found)) == (kept, type(kept))
    assert rule.normalise(found, "n") == kept
    assert rule.to_config(found) == kept


@pytest.mark.parametrize(("rule", "value", "told"), REFUSED, ids=names(REFUSED))
def test_rule_refuses_and_says_why(rule: Any, value: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        rule.normalise(value, "n")
    assert told in str(error.value)


@pytest.mark.parametrize(("rule", "value", "kept"), ACCEPTED, ids=names(ACCEPTED))
def test_schema_accepts_what_the_rule_accepts(rule: Any, value: Any, kept: Any) -> None:
    jsonschema.Draft7Validator.check_schema(rule.schema())
    written = json.loads(json.dumps(rule.to_config(kept)))
    assert jsonschema.Draft7Validator(rule.schema()).is_valid(written)
    if not isinstance(value, NO_JSON):
        assert jsonschema.Draft7Validator(rule.schema()).is_valid(value)


# JSON has no NaN, 1.0 is an integer to JSON Schema (the config reader is stricter), and the insides
# of an array of values are left to the rule.
REFUSED_IN_JSON = [
    (rule, value, told)
    for rule, value, told in REFUSED
    if not isinstance(value, (float, *NO_JSON)) and not isinstance(rule, Values)
]


@pytest.mark.parametrize(("rule", "value", "told"), REFUSED_IN_JSON, ids=names(REFUSED_IN_JSON))
def test_schema_refuses_what_the_rule_refuses(rule: Any, value: Any, told: str) -> None:
    assert not jsonschema.Draft7Validator(rule.schema()).is_valid(value)


def test_values_are_a_copy_that_nobody_changes() -> None:
    given = np.arange(3.0)
    kept = Values().normalise(given, "n")
    given[:] = 7
    assert kept.tolist() == [0, 1, 2]
    assert not kept.flags.writeable
    written = Values().to_config(kept)
    assert written == {
        "class_name": "__numpy__",
        "config": {"value": [0.0, 1.0, 2.0], "dtype": "float64"},
    }
    assert Values().normalise(written, "n").tolist() == [0, 1, 2]


def test_object_rule_goes_through_its_registry() -> None:
    rule = ObjectOf(initializers.registry)
    zeros = rule.normalise("zeros", "n")
    assert isinstance(zeros, initializers.Zeros)
    assert rule.to_config(zeros)["class_name"] == "Zeros"
    assert rule.schema() == {"$ref": "initializers.schema.json"}
    assert Nullable(rule).schema() == rule.schema()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, (True, True)),
        (np.int8(1), (True, True)),
        (1.5, (False, True)),
        (np.float16(1), (False, True)),
        (True, (False, False)),
        (np.bool_(1), (False, False)),
        ("1", (False, False)),
    ],
)
def test_bools_are_no_numbers(value: Any, expected: tuple[bool, bool]) -> None:
    assert (rules.is_int(value), rules.is_real(value)) == expected
