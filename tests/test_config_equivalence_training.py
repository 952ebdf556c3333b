"""Accepted by the validator ⇔ accepted by the constructors, for generated training sections."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

from sepconv import callbacks, config, losses, metrics, optimizers
from sepconv.config import plan
from sepconv.config.kinds import declared
from sepconv.errors import SepconvError
from sepconv.training import schedules

NETWORK = {"input_shape": [4, 2], "layers": ["Flatten", {"Dense": {"units": 3}}]}
# What the section's own constructors cannot know: how many outputs the network has.
OF_THE_NETWORK = {"SC403"}

values = st.sampled_from(
    [0, 1, 2, 3, -1, 0.5, 1e-3, 1.5, 2**31, True, False, None, "auto", "min", "x", "", "loss",
     "sum", "1", [], [1], [1, 2], [0.5, 0.1, 0.01], {"a": 1}]
)  # fmt: skip
rarely = st.integers(0, 9).map(lambda n: n == 0)


@st.composite
def objects(draw: st.DrawFn, registry: Any) -> Any:
    """Return an object of a kind in one of its forms, mostly with arguments that it has."""
    name = draw(st.sampled_from([*registry]))
    if draw(rarely):
        return draw(st.sampled_from([None, 3, True, "adm", name[:-1], {name: 3}, [name]]))
    known = [*(declared(registry, name) or {}), "patiense"]
    keys = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    arguments = {key: draw(values) for key in keys}
    if "learning_rate" in arguments and draw(st.booleans()):
        arguments["learning_rate"] = draw(objects(schedules.registry))
    form = draw(st.sampled_from(["name", "short", "short", "long"]))
    if form == "name":
        return name
    long_form = {"class_name": name, "config": arguments}
    return long_form if form == "long" else {name: arguments}


def listed(registry: Any) -> st.SearchStrategy[Any]:
    one = objects(registry)
    return st.lists(one, max_size=2) | st.lists(st.lists(one, max_size=2), max_size=1) | one


file = st.sampled_from(["a.npz", "", None, 3, {"x": "x.npy", "y": "y.npy"}, {"z": "z.npy"}, {}])
sections = st.fixed_dictionaries(
    {"loss": objects(losses.registry) | st.lists(objects(losses.registry), max_size=2)},
    optional={
        "optimizer": objects(optimizers.registry),
        "metrics": listed(metrics.registry),
        "callbacks": listed(callbacks.registry),
        "data": st.dictionaries(st.sampled_from(["train", "validation", "tests"]), file) | values,
        "loss_weights": values,
        "class_weight": values,
        **dict.fromkeys(("epochs", "batch_size", "seed", "validation_split", "shuffle"), values),
        "epoch": values,
    },
).map(lambda section: dict([*section.items()][:5]))


KNOWN = {name for registry in (losses, metrics, optimizers, callbacks, schedules)
         for name in registry.registry}  # fmt: skip


def long_form(value: Any) -> Any:
    """Return a value with each `{Name: {...}}` in Keras's form."""
    if isinstance(value, list):
        return [long_form(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and KNOWN & {*value}:
        ((name, arguments),) = value.items()
        value = {"class_name": name, "config": arguments}
    return {key: long_form(item) for key, item in value.items()}


def constructors_accept(section: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            plan.registry.deserialize({"class_name": "training", "config": long_form(section)})
        except (SepconvError, TypeError):
            return False
    return True


def check(section: dict[str, Any]) -> None:
    raw = json.dumps({"Sequential": NETWORK, "training": section}).encode()
    found = config.validate(raw, "a.json").findings
    errors = [f for f in found if f.severity == "error" and f.code not in OF_THE_NETWORK]
    event("sound" if not errors else f"{len(errors)} errors")
    assert (not errors) == constructors_accept(section), [(f.code, f.message) for f in errors]


@given(sections)
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
def test_validator_and_constructors_agree(section: dict[str, Any]) -> None:
    check(section)


@pytest.mark.fuzz
@given(sections)
@settings(
    max_examples=int(os.environ.get("SEPCONV_FUZZ", "20")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
def test_validator_and_constructors_agree_on_many(section: dict[str, Any]) -> None:
    check(section)
