"""A few random layers beside Keras on JAX; `make parity` runs thousands of them on PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras_oracle import keras
from parity.compare import compare
from parity.configs import random_case


@pytest.mark.parametrize("seed", range(4))
def test_random_layers_differ_from_keras_only_where_it_is_explained(seed: int) -> None:
    rng = np.random.default_rng(seed)
    unexplained: list[Any] = []
    for _ in range(5):  # JAX compiles for every shape, about a second a layer
        case = random_case(rng)
        found = [d for d in compare(case, keras).found if d.reason is None]
        unexplained += [(case, found)] if found else []
    assert unexplained == []
