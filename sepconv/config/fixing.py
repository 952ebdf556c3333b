"""The certain edits of a file's findings, made in its text: nothing else changes."""

from __future__ import annotations

import codecs
import difflib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sepconv.config.findings import Finding
from sepconv.config.fixes import Fix
from sepconv.config.nodes import Span
from sepconv.config.validation import validate

ROUNDS = 8  # a fix may show the next finding: a layer's class, then its arguments
_BREAK = re.compile(r"\r\n|\r|\n")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_COMMA_BEFORE = re.compile(r",\s*\Z")
_CLOSING = re.compile(r"\s*\}")
_END_OF_LINE = re.compile(r"[ \t]*(\r\n|\r|\n|\Z)")


@dataclass(frozen=True, slots=True)
class Mended:
    """The bytes of a file after its fixes, and how many there were."""

    raw: bytes
    fixed: int


def mend(
    raw: bytes,
    filename: str,
    is_wanted: Callable[[Finding], bool] = lambda finding: True,
    input_shape: Sequence[int | None] | None = None,
    overrides: Sequence[str] = (),
) -> Mended:
    """Return the file with every finding mended that has one certain fix.

    Each round is validated again; a fix that would make the file unreadable is left out. Mending
    what is mended changes nothing.

    >>> mend(b"SeparableConv1D: {filters: 4, kernal_size: 3}", "a.yaml")
    Mended(raw=b'SeparableConv1D: {filters: 4, kernel_size: 3}', fixed=1)
    """
    fixed = 0
    for _ in range(ROUNDS):
        findings = validate(raw, filename, input_shape, overrides).findings
        fixes = _apart(finding.fix for finding in findings if finding.fix and is_wanted(finding))
        if not fixes:
            break
        unread = _unread(findings)
        made, after = len(fixes), _edited(raw, fixes)
        if _unread(validate(after, filename).findings) > unread:
            made, after = 0, raw
            for fix in reversed(fixes):  # from the end: places before an edit do not move
                one = _edited(after, [fix])
                if _unread(validate(one, filename).findings) <= unread:
                    made, after = made + 1, one
        if after == raw:
            break
        raw, fixed = after, fixed + made
    return Mended(raw, fixed)


def diff(before: bytes, after: bytes, name: str) -> str:
    """Return the unified diff of two versions of a file; empty if they are equal."""
    old, new = ([*_lines(raw.decode("utf-8", "replace"))] for raw in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{name.lstrip('/')}", f"b/{name.lstrip('/')}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _apart(fixes: Iterable[Fix | None]) -> list[Fix]:
    """Return the fixes in order, each once; of those that overlap, the first."""
    kept: list[Fix] = []
    for fix in sorted({fix for fix in fixes if fix}, key=lambda fix: (fix.span, str(fix))):
        end = kept[-1].span[2:4] if kept else (0, 0)
        if fix.span[:2] >= end:
            kept.append(fix)
    return kept


def _unread(findings: Iterable[Finding]) -> int:
    """Return how many findings are about the text itself."""
    return sum(finding.code.startswith("SC0") for finding in findings)


def _edited(raw: bytes, fixes: Sequence[Fix]) -> bytes:
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    text = raw[len(mark) :].decode()
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    for fix in reversed(fixes):
        start, end = _range(fix.span, starts)
        if fix.replacement is None:
            start, end = _entry(text, start, end, starts)
        text = text[:start] + (fix.replacement or "") + text[end:]
    return mark + text.encode()


def _range(span: Span, starts: Sequence[int]) -> tuple[int, int]:
    return (
        starts[span.line - 1] + span.column - 1,
        starts[span.end_line - 1] + span.end_column - 1,
    )


def _entry(text: str, start: int, end: int, starts: Sequence[int]) -> tuple[int, int]:
    """Return the range of an entry with the comma behind or before it, or with its line."""
    line = starts[bisect_right(starts, start) - 1]
    stands_alone = not text[line:start].strip()
    comma = _COMMA.match(text, end)
    if comma:
        rest = _BREAK.match(text, comma.end())
        return (line, rest.end()) if rest and stands_alone else (start, comma.end())
    before = _COMMA_BEFORE.search(text, 0, start)
    if before and _CLOSING.match(text, end):
        return before.start(), end
    rest = _END_OF_LINE.match(text, end)
    return (line, rest.end()) if rest and stands_alone else (start, end)


def _lines(text: str) -> Iterator[str]:
    start = 0
    for match in re.finditer(r"\n", text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]
