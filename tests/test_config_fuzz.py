"""Damaged configs: findings and no traceback, within a second and 64 MiB, whatever the bytes."""

from __future__ import annotations

import os
import random
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from measuring import cost, resident

from sepconv import config
from sepconv.config import fixing, rendering
from sepconv.config.findings import Report
from sepconv.config.reading import source_lines

ROOT = Path(__file__).parent.parent
SEEDS = [
    (path.suffix, path.read_bytes())
    for folder in ("configs", "tests/configs/valid", "tests/configs/invalid")
    for path in sorted((ROOT / folder).iterdir())
    if path.suffix in (".yaml", ".json")
]
SNIPPETS = [
    *[bytes([byte]) for byte in b"{}[]()<>:,-?&*!|>%@`'\"#\\\n\r\t 0aA\x00\x1b\xff\xc3\xed"],
    *[b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"<<: ", b"*a", b"&a ", b"!!str "],
    *[b"---\n", b"...\n", b"%YAML 1.1\n", b"? ", b"- ", b"null", b"1e999", b".nan", b"0x1"],
    *[b"\\ud800", b"class_name", b"config", b"registered_name", b"Sequential", b"layers", b"x-a"],
    *[b"function", b"defaults", b"format", b"SeparableConv1D", b"a>b", b"9" * 30],
    *[b"[" * 40, b"{a: " * 40],
]  # fmt: skip


def damaged(rng: random.Random) -> tuple[str, bytes]:
    """Return a suffix and the bytes of a config with pieces cut, copied, moved or put in."""
    suffix, raw = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 4)):
        start, to = rng.randint(0, len(raw)), rng.randint(0, len(raw))
        end = min(len(raw), start + rng.choice([0, 0, 1, 2, 8, 64]))
        match rng.choice(["replace", "copy", "flip"]):
            case "replace":
                raw = raw[:start] + rng.choice([b"", *SNIPPETS]) + raw[end:]
            case "copy":
                raw = raw[:to] + raw[start:end] + raw[to:]
            case "flip" if start < len(raw):
                flipped = bytes([raw[start] ^ (1 << rng.randint(0, 7))])
                raw = raw[:start] + flipped + raw[start + 1 :]
    return rng.choice([suffix, suffix, suffix, ".yaml", ".json"]), raw


@cache
def baseline() -> int:
    """Return the resident bytes once every kind of file was validated."""
    for suffix, raw in SEEDS:
        config.validate(raw, f"seed{suffix}")
    return resident()


def check(suffix: str, raw: bytes) -> tuple[float, int]:
    """Return the seconds and the bytes above the baseline that the findings took."""
    name, before = f"damaged{suffix}", baseline()
    checked, seconds, peak = cost(lambda: config.validate(raw, name))
    assert seconds < 1
    assert peak - before < 64 * 2**20
    lines = source_lines(raw, name)
    for finding in checked.findings:
        assert finding.span.line <= len(lines) + 1
        assert finding.message.isprintable()
    report = Report(checked.findings, 1, {name: lines})
    for render in rendering.RENDERERS.values():
        rendering.plain(render(report)).encode()
    if any(finding.fix for finding in checked.findings):
        fixing.mend(raw, name)
    # A warning may be that of weights too large to make.
    if not checked.findings and len(checked.specs) == 1:
        config.loading.build(raw, name)
    return seconds, peak - before


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.randoms(use_true_random=False))
def test_damaged_config_gives_findings(rng: random.Random) -> None:
    check(*damaged(rng))


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
def test_damaged_config_gives_findings_many_times() -> None:
    """Five for each example of `make fuzz`: 100,000. Without hypothesis, whose memory grows."""
    costs = []
    for seed in range(5 * int(os.environ.get("SEPCONV_FUZZ", "20"))):
        try:
            costs.append(check(*damaged(random.Random(seed))))
        except Exception as error:
            error.add_note(f"damaged(random.Random({seed}))")
            raise
    seconds, peaks = zip(*costs, strict=True)
    print(
        f"{len(costs)} damaged configs: {max(seconds):.3f} s, {max(peaks) / 2**20:.1f} MiB at most"
    )
