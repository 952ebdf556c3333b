"""Files of real Keras, in 16 and 64 bits: here and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_files import (
    assert_legacy_model_gives_its_values,
    assert_model_goes_here_and_back,
    assert_weights_go_here_and_back,
)
from keras_networks import POLICIES

pytestmark = pytest.mark.parametrize("name", POLICIES)


def test_model_goes_here_and_back(name: str, tmp_path: Path) -> None:
    assert_model_goes_here_and_back(name, tmp_path)


def test_weights_go_here_and_back(name: str, tmp_path: Path) -> None:
    assert_weights_go_here_and_back(name, tmp_path)


def test_legacy_model_gives_its_values(name: str, tmp_path: Path) -> None:
    assert_legacy_model_gives_its_values(name, tmp_path)
