"""Damaged configs: whatever the bytes, there are findings and no traceback, soon."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sepconv import config
from sepconv.config import rendering
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


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return a suffix and the bytes of a config with pieces cut, copied, moved or put in."""
    suffix, raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.sampled_from([0, 0, 1, 2, 8, 64])))
        to = draw(st.integers(0, len(raw)))
        match draw(st.sampled_from(["replace", "copy", "flip"])):
            case "replace":
                raw = raw[:start] + draw(st.sampled_from([b"", *SNIPPETS])) + raw[end:]
            case "copy":
                raw = raw[:to] + raw[start:end] + raw[to:]
            case "flip" if start < len(raw):
                flipped = bytes([raw[start] ^ (1 << draw(st.integers(0, 7)))])
                raw = raw[:start] + flipped + raw[start + 1 :]
    return draw(st.sampled_from([suffix, suffix, suffix, ".yaml", ".json"])), raw


def check(suffix: str, raw: bytes) -> None:
    name = f"damaged{suffix}"
    started = time.process_time()
    checked = config.validate(raw, name)
    assert time.process_time() - started < 1
    lines = source_lines(raw)
    for finding in checked.findings:
        assert finding.span.line <= len(lines) + 1
        assert finding.message.isprintable()
    report = Report(checked.findings, 1, {name: lines})
    for render in rendering.RENDERERS.values():
        rendering.plain(render(report)).encode()
    # A warning may be that of weights too large to make.
    if not checked.findings and len(checked.specs) == 1:
        config.loading.build(raw, name)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
@given(damaged())
def test_damaged_config_gives_findings(case: tuple[str, bytes]) -> None:
    check(*case)


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=int(os.environ.get("SEPCONV_FUZZ", "20")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(damaged())
def test_damaged_config_gives_findings_many_times(case: tuple[str, bytes]) -> None:
    check(*case)
