"""Findings to text: for people, for programs, and for the places that show annotations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from sepconv.config import sarif
from sepconv.config.codes import RULES
from sepconv.config.findings import Finding, Note, Report
from sepconv.config.nodes import Span

JSON_VERSION = 1
WINDOW = 100  # characters of a source line that are shown; pasted JSON is one long line


class Piece(NamedTuple):
    """A piece of text and its style, in rich's words."""

    text: str
    style: str = ""


_STYLES = {"error": "bold red", "warning": "bold yellow"}


def full(report: Report) -> Iterator[Piece]:
    """Yield findings with the lines they are about, as a person wants to read them."""
    for finding in report.findings:
        span = finding.span
        yield from _heading(finding)
        yield Piece(f" {clean(finding.message)}\n")
        yield from _excerpt(finding, report.sources.get(finding.file, ()))
        gutter = " " * len(str(span.line))
        for note in finding.notes:
            yield Piece(f"{gutter} |", "blue")
            yield Piece(f"  note: {_note(note, finding.file)}\n")
    yield from _summary(report)


def concise(report: Report) -> Iterator[Piece]:
    """Yield one line a finding, as compilers write them."""
    for finding in report.findings:
        yield from _heading(finding)
        help = f"; {finding.help}" if finding.help else ""
        yield Piece(f" {clean(finding.message + help)}\n")
    yield from _summary(report)


def as_json(report: Report) -> Iterator[Piece]:
    """Yield one JSON document; `version` grows when a field changes its meaning."""
    found = {
        "version": JSON_VERSION,
        "files": report.files,
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "findings": [_as_data(finding) for finding in report.findings],
    }
    yield Piece(json.dumps(found, indent=2) + "\n")


def github(report: Report) -> Iterator[Piece]:
    """Yield GitHub's workflow commands, which annotate the lines of a pull request."""
    for finding in report.findings:
        span = finding.span
        lines = {
            "line": span.line,
            "endLine": span.end_line,
            "col": span.column,
            "endColumn": span.end_column,
        }
        place = {
            "file": finding.file,
            **({} if span.origin else lines),
            "title": f"{finding.code} {RULES[finding.code].title}",
        }
        values = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in place.items())
        help = f"; {finding.help}" if finding.help else ""
        yield Piece(f"::{finding.severity} {values}::{_escaped(_told(finding) + help)}\n")


RENDERERS: dict[str, Callable[[Report], Iterator[Piece]]] = {
    "full": full,
    "concise": concise,
    "json": as_json,
    "github": github,
    "sarif": lambda report: (Piece(text) for text in sarif.log(report)),
}


def plain(pieces: Iterator[Piece]) -> str:
    """Return the text of `pieces`, without their styles."""
    return "".join(piece.text for piece in pieces)


def _excerpt(finding: Finding, lines: Sequence[str]) -> Iterator[Piece]:
    span = finding.span
    number = str(span.line)
    gutter = " " * len(number)
    help = f"help: {clean(finding.help)}" if finding.help else ""
    if span.origin:
        lines = span.origin.splitlines()
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    if line.strip():
        text, before, width = _window(line, span)
        yield Piece(f"{gutter} |\n", "blue")
        yield Piece(f"{number} | ", "blue")
        yield Piece(f"{text}\n")
        yield Piece(f"{gutter} | ", "blue")
        yield Piece(" " * before + "^" * width, _STYLES[finding.severity])
        yield Piece(f" {help}".rstrip() + "\n")
    elif help:
        yield Piece(f"{gutter} |", "blue")
        yield Piece(f"  {help}\n")


def _window(line: str, span: Span) -> tuple[str, int, int]:
    """Return the part of `line` to show, and the columns before and under the marks."""
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    end = max(end, start + 1)
    first = max(0, start - WINDOW // 2) if len(line) > WINDOW else 0
    shown = line[first : first + WINDOW]
    end = min(end, first + WINDOW)
    cut_left, cut_right = "…" * (first > 0), "…" * (first + WINDOW < len(line))
    before = _columns(cut_left + line[first:start])
    return (
        cut_left + clean(shown) + cut_right,
        before,
        max(1, _columns(line[start:end].ljust(1))),
    )


def _columns(text: str) -> int:
    """Return how many columns of a terminal `text` fills."""
    import unicodedata  # which a file without mistakes does not need

    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _summary(report: Report) -> Iterator[Piece]:
    if not report.findings:
        yield Piece(f"{_many(report.files, 'file')}: no errors\n", "green")
        return
    counts = [
        _many(report.count(severity), severity)
        for severity in ("error", "warning")
        if report.count(severity)
    ]
    affected = len({finding.file for finding in report.findings})
    example = next(
        (f.code for f in reversed(report.findings) if f.severity == "error"),
        report.findings[-1].code,
    )
    yield Piece(
        f"{', '.join(counts)} in {affected} of {_many(report.files, 'file')}. "
        f"Explain one: sepconv rule {example}\n"
    )
    fixable = sum(finding.fix is not None for finding in report.findings)
    if fixable:
        yield Piece(
            f"{_many(fixable, 'certain fix', 'certain fixes')}: --diff shows, --fix makes\n"
        )


def _note(note: Note, file: str) -> str:
    return clean(note.message + (f" at {_place(file, note.span)}" if note.span else ""))


def _heading(finding: Finding) -> Iterator[Piece]:
    yield Piece(f"{clean(_place(finding.file, finding.span))}: ", "bold")
    yield Piece(f"{finding.severity}[{finding.code}]", _STYLES[finding.severity])


def _place(file: str, span: Span) -> str:
    """Return where a span stands; what the command line sets has no line in the file."""
    return f"{file}: {span.origin}" if span.origin else f"{file}:{span.line}:{span.column}"


def _told(finding: Finding) -> str:
    """Return the message for formats that show places in files alone."""
    return f"{finding.span.origin}: {finding.message}" if finding.span.origin else finding.message


def _as_data(finding: Finding) -> dict[str, Any]:
    data = asdict(finding)
    data["span"] = _range(finding.span)
    data["notes"] = [
        {"message": note.message, "span": _range(note.span) if note.span else None}
        for note in finding.notes
    ]
    if finding.fix:
        data["fix"] = {
            "span": _range(finding.fix.span),
            "replacement": finding.fix.replacement,
        }
    return data


def _range(span: Span) -> dict[str, Any]:
    data = span._asdict()
    if not span.origin:
        del data["origin"]
    return data


def _many(count: int, noun: str, nouns: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {nouns or noun + 's'}"


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def clean(text: str) -> str:
    """Return `text` with tabs as spaces and what cannot be printed made visible.

    >>> clean("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    text = text.replace("\t", " ")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
