"""Findings as data: what is wrong, where, and the way out. Rendering lives elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sepconv.config.codes import RULES
from sepconv.config.fixes import Fix
from sepconv.config.limits import MAX_FINDINGS
from sepconv.config.nodes import Path, Span, pointer

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Note:
    """A fact that explains a finding, with its place in the same file where it has one."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a config, or worth a second look."""

    code: str
    severity: Severity
    message: str
    file: str
    span: Span
    pointer: str = ""
    help: str | None = None
    notes: tuple[Note, ...] = ()
    document: int = 0  # which document of the file, from 0
    fix: Fix | None = None  # the edit that mends it, when it is certain


@dataclass(slots=True)
class Findings:
    """Collects the findings of one document; severities come from the table of codes."""

    file: str
    document: int = 0
    found: list[Finding] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)  # where an error is
    spoiled: set[Path] = field(default_factory=set)  # where one is, or is below

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        path: Path = (),
        *,
        help: str | None = None,
        notes: tuple[Note, ...] = (),
        fix: Fix | None = None,
    ) -> None:
        severity = RULES[code].severity
        if severity == "error":
            self.refused.add(path)
            self.spoiled.update(path[:depth] for depth in range(len(path) + 1))
        finding = Finding(
            code,
            severity,
            message,
            self.file,
            span,
            pointer(path),
            help,
            notes,
            self.document,
            None if span.origin else fix,  # only a file can be edited
        )
        self.take(finding)

    def take(self, finding: Finding) -> None:
        """Add a finding as it is, unless it is known; an aliased node is reported once."""
        what = (finding.code, finding.span, finding.message)
        if self.is_full or any((f.code, f.span, f.message) == what for f in self.found[-50:]):
            return
        self.found.append(finding)
        if self.is_full:
            message = f"more than {MAX_FINDINGS} findings; the others are not listed"
            self.found.append(Finding("SC014", "error", message, self.file, finding.span))

    @property
    def is_full(self) -> bool:
        return len(self.found) >= MAX_FINDINGS

    def spoils(self, path: Path) -> bool:
        """Tell whether there is an error at `path` or below it."""
        return path in self.spoiled

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self.found, key=lambda finding: (finding.span.origin, finding.span)))


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of the validator found, over all its files."""

    findings: Sequence[Finding]
    files: int
    sources: Mapping[str, Sequence[str]]  # file -> its lines

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)
