"""`sepconv validate`: every finding in every file, in the format that is asked for."""

from __future__ import annotations

import argparse
import sys

from sepconv.cli import files, terminal
from sepconv.cli.errors import CommandError
from sepconv.config import rendering
from sepconv.config.codes import RULES
from sepconv.config.findings import Finding, Report
from sepconv.config.reading import source_lines
from sepconv.config.validation import validate
from sepconv.errors import nearest
from sepconv.weights.atomic import replacing


def run(arguments: argparse.Namespace) -> int:
    """Validate the files and write the report.

    Returns:
        2 if a file could not be read, else 1 if there are errors, else 0.
    """
    unread: list[str] = []
    report = check(arguments, unread)
    pieces = rendering.RENDERERS[arguments.format](report)
    if arguments.output:
        with replacing(arguments.output) as file:
            file.write(rendering.plain(pieces).encode("utf-8", "backslashreplace"))
    elif report.files or not unread:
        terminal.write(pieces, sys.stdout)
    for told in unread:
        print(f"sepconv: {told}", file=sys.stderr)
    if unread:
        return 2
    failed = report.findings if arguments.warnings_as_errors else report.count("error")
    return 1 if failed else 0


def check(arguments: argparse.Namespace, unread: list[str]) -> Report:
    """Return what is found in the files that the command line names.

    Files that cannot be read are told in `unread`; the others are validated all the same.
    """
    shape = files.shape(arguments.input_shape) if arguments.input_shape else None
    selected, ignored = _codes(arguments.select), _codes(arguments.ignore)
    findings: list[Finding] = []
    sources: dict[str, list[str]] = {}
    names = files.configs(arguments.files)
    for name in terminal.tracked(names, "validating"):
        try:
            raw = files.content(name)
        except OSError as error:
            what = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            unread.append(f"{name}: {what}")
            continue
        shown = (arguments.stdin_filename or "<stdin>") if name == files.STDIN else name
        found = [
            finding
            for finding in validate(raw, shown, shape, arguments.set).findings
            if _is_wanted(finding.code, selected, ignored)
        ]
        if found:
            sources[shown] = source_lines(raw)
        findings += found
    return Report(findings, len(names) - len(unread), sources)


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
