"""`sepconv validate`: every finding in every file, in the format that is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from sepconv.cli import files, terminal
from sepconv.cli.errors import CommandError
from sepconv.config import fixing, rendering
from sepconv.config.codes import RULES
from sepconv.config.findings import Finding, Report
from sepconv.config.reading import source_lines
from sepconv.config.validation import validate
from sepconv.errors import nearest
from sepconv.weights.atomic import replacing


def run(arguments: argparse.Namespace) -> int:
    """Validate the files and write the report.

    Returns:
        2 if a file could not be read, else 1 if errors are left, or fixes to make with --diff,
        else 0.
    """
    unread: list[str] = []
    if arguments.fix and files.STDIN in arguments.files:
        raise CommandError("--fix: standard input is no file; --diff prints the changes")
    mending = Mending(arguments.fix)
    report = check(arguments, unread, mending)
    pieces = rendering.RENDERERS[arguments.format](report)
    if arguments.diff:
        pieces = iter([rendering.Piece(text) for text in mending.diffs])
    if arguments.output:
        with replacing(arguments.output) as file:
            file.write(rendering.plain(pieces).encode("utf-8", "backslashreplace"))
    elif report.files or not unread:
        terminal.write(pieces, sys.stdout)
    for told in unread:
        print(f"sepconv: {told}", file=sys.stderr)
    if mending.fixed:
        _tell(mending, report)
    if unread:
        return 2
    if arguments.diff and mending.fixed:
        return 1
    failed = report.findings if arguments.warnings_as_errors else report.count("error")
    return 1 if failed else 0


@dataclass(slots=True)
class Mending:
    """What --fix has changed, or --diff would change."""

    writes: bool
    fixed: int = 0
    diffs: list[str] = field(default_factory=list)  # one for each changed file

    def take(self, name: str, shown: str, raw: bytes, mended: fixing.Mended) -> None:
        if mended.raw == raw:
            return
        if self.writes:
            with replacing(name) as file:
                file.write(mended.raw)
        self.fixed += mended.fixed
        self.diffs.append(fixing.diff(raw, mended.raw, shown))


def check(arguments: argparse.Namespace, unread: list[str], mending: Mending) -> Report:
    """Return what is found in the files that the command line names.

    Files that cannot be read are told in `unread`; the others are validated all the same.
    """
    shape = files.shape(arguments.input_shape) if arguments.input_shape else None
    is_wanted = _wanted(_codes(arguments.select), _codes(arguments.ignore))
    findings: list[Finding] = []
    sources: dict[str, list[str]] = {}
    names = files.configs(arguments.files)
    for name in terminal.tracked(names, "validating"):
        shown = (arguments.stdin_filename or "<stdin>") if name == files.STDIN else name
        try:
            raw = files.content(name)
            if arguments.fix or arguments.diff:
                mended = fixing.mend(raw, shown, is_wanted, shape, arguments.set)
                mending.take(name, shown, raw, mended)
                raw = mended.raw
        except OSError as error:
            what = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            unread.append(f"{name}: {what}")
            continue
        found = [
            finding
            for finding in validate(raw, shown, shape, arguments.set).findings
            if is_wanted(finding)
        ]
        if found:
            sources[shown] = source_lines(raw, shown)
        findings += found
    return Report(findings, len(names) - len(unread), sources)


def _tell(mending: Mending, report: Report) -> None:
    fixes = f"{mending.fixed} fix{'es' if mending.fixed > 1 else ''}"
    made = "made" if mending.writes else "to make"
    count = len(mending.diffs)
    where = f"{count} file{'s' if count > 1 else ''}"
    left = report.count("error")
    print(
        f"{fixes} {made} in {where}; {left} error{'' if left == 1 else 's'} left", file=sys.stderr
    )


def _wanted(selected: tuple[str, ...], ignored: tuple[str, ...]) -> Callable[[Finding], bool]:
    return lambda finding: (
        (not selected or finding.code.startswith(selected))
        and not (ignored and finding.code.startswith(ignored))
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
