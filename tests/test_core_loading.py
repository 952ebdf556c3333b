"""The compiled core is loaded so that its idle threads soon sleep, and nothing else changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from sepconv import core

CODE = """
import os
before = dict(os.environ)
import sepconv.core
assert dict(os.environ) == before
"""


def spin_turns(**environ: str) -> int:
    """Return how long GCC's OpenMP says its threads spin in a process that loads the core."""
    others = {name: v for name, v in os.environ.items() if name not in core.USERS_CHOICE}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**others, "OMP_DISPLAY_ENV": "verbose", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    told = re.search(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr)
    assert told, done.stderr
    return int(told[1])


@pytest.fixture(autouse=True)
def gcc_openmp() -> None:
    info = core.kernel_info()
    if not (info["openmp"] and info["compiler"].startswith("gcc")):
        pytest.skip("the spin count is GCC's")


def test_threads_spin_briefly() -> None:
    assert spin_turns() == int(core.SPIN_TURNS)


def test_users_spin_count_stays() -> None:
    assert spin_turns(GOMP_SPINCOUNT="77") == 77


def test_users_wait_policy_stays() -> None:
    assert spin_turns(OMP_WAIT_POLICY="passive") == 0
