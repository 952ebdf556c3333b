"""Many random layers against the oracle, on every thread count: `make fuzz` runs thousands."""

from __future__ import annotations

import os

import numpy as np
import pytest
from cases import random_cases

from sepconv import _core


@pytest.mark.fuzz
@pytest.mark.usefixtures("threads_restored")
def test_random_layers_are_right_and_the_same_on_any_threads() -> None:
    count = int(os.environ.get("SEPCONV_FUZZ", "50"))
    for seed, case in enumerate(random_cases(count, seed=20261122)):
        case.check(seed)
        x, weights = case.data(seed)
        outputs = set()
        for number in (1, 2, 3):
            _core.set_num_threads(number)
            outputs.add(np.ascontiguousarray(case.run(x, weights)).tobytes())
        assert len(outputs) == 1, case
