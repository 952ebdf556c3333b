"""Each instruction set this CPU can run, in its own process, at every edge of its tiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from isas import ISAS, assert_passes, run

EDGES = """
from cases import Case, DTYPES, FORMATS, random_cases, tile_edges
from sepconv import _core
info = _core.kernel_info()
assert info["isa"] == {isa!r}, info
for dtype in DTYPES:
    lanes = info["vector_bytes"] // int(dtype[-2:]) * 8
    for layout, (steps, filters) in info["tile"][dtype].items():
        base = dict(batch=1, dtype=dtype, channels_first=layout == "channels_first")
        for size in tile_edges(steps):
            Case(steps=size, **base).check()
            Case(steps=size, filters=filters + 1, taps=14, **base).check()
        for size in tile_edges(filters):
            Case(filters=size, **base).check()
        for size in tile_edges(lanes):
            Case(channels=size, **base).check()
            Case(channels=size, multiplier=3, **base).check()
            Case(channels=size, taps=13, stride=2, **base).check()
for seed, case in enumerate(random_cases(150, seed=2)):
    case.check(seed)
"""


@pytest.mark.parametrize("isa", ISAS)
def test_isa_is_right_at_every_tile_edge(isa: str) -> None:
    assert_passes(isa, EDGES.format(isa=isa))


@pytest.mark.parametrize("isa", ISAS)
def test_isa_passes_the_tests_of_activations(isa: str) -> None:
    file = Path(__file__).with_name("test_core_activations.py")
    arguments = ["-qq", "-k", "definition or derivative or bits or million", str(file)]
    done = run(isa, f"import pytest; raise SystemExit(pytest.main({arguments}))")
    assert done.returncode == 0, done.stdout


def test_isa_defaults_to_the_highest_the_cpu_has() -> None:
    done = run("", "from sepconv import _core; print(_core.kernel_info()['isa'])")
    assert done.stdout.strip() == ISAS[-1]


@pytest.mark.parametrize("value", ["sse9", "AVX2", "avx2 ", "x" * 5000])
def test_isa_unknown_is_an_error_that_names_the_options(value: str) -> None:
    done = run(value, "import sepconv._core")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(
        f"ImportError: SEPCONV_ISA must be one of {ISAS}, got '{value[:200]}'"
    )
    assert len(message) < 400
