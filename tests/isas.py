"""The instruction sets that this CPU can run, each tried in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sepconv import _core

ISAS = _core.kernel_info()["available"]


def run(isa: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code that may import the tests' modules, on that instruction set."""
    environ = {**os.environ, "SEPCONV_ISA": isa, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False
    )


def assert_passes(isa: str, code: str) -> None:
    """Assert that code, which may import the tests' modules, raises nothing."""
    done = run(isa, code)
    assert done.returncode == 0, done.stdout + done.stderr
