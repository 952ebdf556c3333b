"""`sepconv validate`: every finding in every file, in the format that is asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sepconv.cli import files, terminal
from sepconv.cli.verbs import CommandError
from sepconv.config import rendering
from sepconv.config.codes import RULES
from sepconv.config.findings import Finding
from sepconv.config.reading import source_lines
from sepconv.config.validation import validate
from sepconv.errors import nearest


def run(arguments: argparse.Namespace) -> int:
    """Validate the files, write the report, and return 1 if there are errors."""
    report = check(arguments)
    pieces = rendering.RENDERERS[arguments.format](report)
    if arguments.output:
        Path(arguments.output).write_text(
            rendering.plain(pieces), encoding="utf-8", errors="backslashreplace"
        )
    else:
        terminal.write(pieces, sys.stdout)
    failed = report.findings if arguments.warnings_as_errors else report.count("error")
    return 1 if failed else 0


def check(arguments: argparse.Namespace) -> rendering.Report:
    """Return what is found in the files that the command line names."""
    shape = files.shape(arguments.input_shape) if arguments.input_shape else None
    selected, ignored = _codes(arguments.select), _codes(arguments.ignore)
    findings: list[Finding] = []
    sources: dict[str, list[str]] = {}
    names = files.configs(arguments.files)
    for name in terminal.tracked(names, "validating"):
        raw = files.content(name)
        shown = (arguments.stdin_filename or "<stdin>") if name == files.STDIN else name
        found = [
            finding
            for finding in validate(raw, shown, shape).findings
            if _is_wanted(finding.code, selected, ignored)
        ]
        if found:
            sources[shown] = source_lines(raw)
        findings += found
    return rendering.Report(findings, len(names), sources)


def _is_wanted(code: str, selected: tuple[str, ...], ignored: tuple[str, ...]) -> bool:
    return (not selected or code.startswith(selected)) and not (
        ignored and code.startswith(ignored)
    )


def _codes(text: str | None) -> tuple[str, ...]:
    codes = tuple(code.strip().upper() for code in (text or "").split(",") if code.strip())
    for code in codes:
        if not any(known.startswith(code) for known in RULES):
            guess = nearest(code, RULES)
            raise CommandError(
                f"unknown code {code}" + (f"; did you mean {guess}?" if guess else "")
            )
    return codes
