"""SARIF 2.1.0, the format that code-scanning services read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from sepconv import __version__
from sepconv.config.codes import RULES
from sepconv.config.findings import Finding, Report
from sepconv.config.nodes import Span


def log(report: Report) -> Iterator[str]:
    """Yield the findings as one SARIF log."""
    codes = sorted({finding.code for finding in report.findings})
    run = {
        "tool": {
            "driver": {
                "name": "sepconv",
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes) for finding in report.findings],
    }
    yield json.dumps({"version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule = RULES[code]
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\nwrong:\n{rule.wrong}\nright:\n{rule.right}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, codes: list[str]) -> dict[str, Any]:
    origin = f"{finding.span.origin}: " if finding.span.origin else ""
    help = f"; {finding.help}" if finding.help else ""
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": origin + finding.message + help},
        "locations": [_location(finding.file, finding.span)],
    }
    related = [
        {**_location(finding.file, note.span), "message": {"text": note.message}}
        for note in dict.fromkeys(finding.notes)  # SARIF wants each once
        if note.span
    ]
    if related:
        result["relatedLocations"] = related
    if finding.fix is not None and finding.fix.replacement is not None:
        result["fixes"] = [_fix(finding.file, finding.fix.span, finding.fix.replacement)]
    return result


def _fix(file: str, span: Span, replacement: str) -> dict[str, Any]:
    place = _location(file, span)["physicalLocation"]
    change = {"deletedRegion": place["region"], "insertedContent": {"text": replacement}}
    artifact = {"artifactLocation": place["artifactLocation"], "replacements": [change]}
    return {"artifactChanges": [artifact]}


def _location(file: str, span: Span) -> dict[str, Any]:
    artifact = {"artifactLocation": {"uri": quote(os.fsencode(file))}}
    if span.origin:  # set on the command line, which is no place in a file
        return {"physicalLocation": artifact}
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"physicalLocation": {**artifact, "region": region}}
