"""The table of codes: each example shows its own code and no other error."""

from __future__ import annotations

import pytest
from keras_oracle import keras

from sepconv import config
from sepconv.config.codes import RULES
from sepconv.config.kinds import LAYERS, NETWORKS, ONLY_IN_KERAS


def codes(text: str) -> set[str]:
    return {finding.code for finding in config.validate(text.encode(), "rule.yaml").findings}


@pytest.mark.parametrize("code", RULES)
def test_wrong_example_has_the_code(code: str) -> None:
    expected = {"SC014", "SC102"} if code == "SC014" else {code}
    assert codes(RULES[code].wrong) == expected


@pytest.mark.parametrize("code", RULES)
def test_right_example_has_no_finding(code: str) -> None:
    assert codes(RULES[code].right) == set()


@pytest.mark.parametrize("code", RULES)
def test_explanation_is_whole(code: str) -> None:
    rule = RULES[code]
    assert rule.title and not rule.title.endswith(".")
    assert rule.why.endswith((".", ")"))
    assert rule.severity in ("error", "warning")


def test_layers_of_keras_alone_are_keras_s_and_not_here() -> None:
    assert all(hasattr(keras.layers, name) for name in ONLY_IN_KERAS)
    assert not ONLY_IN_KERAS & {*LAYERS, *NETWORKS}
