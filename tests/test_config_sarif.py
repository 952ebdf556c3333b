"""SARIF logs of the whole corpus are valid against the schema of SARIF 2.1.0."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sepconv import config
from sepconv.config import rendering
from sepconv.config.findings import Report

FOLDER = Path(__file__).parent
CORPUS = sorted(p for p in (FOLDER / "configs").rglob("*") if p.suffix in (".yaml", ".json"))
SCHEMA = json.loads((FOLDER / "data" / "sarif-2.1.0-rtm.4.json").read_text())
# Of the schema's formats, what a log here holds; without a checker, jsonschema takes any text.
FORMATS = jsonschema.FormatChecker(())
URI_REFERENCE = re.compile(r"([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")


@FORMATS.checks("uri-reference")
def is_uri_reference(value: object) -> bool:
    """Characters and escapes of RFC 3986; a colon in the first step would make it a scheme."""
    text = str(value)
    return bool(URI_REFERENCE.fullmatch(text)) and ":" not in text.partition("/")[0]


OFFICIAL = jsonschema.Draft4Validator(SCHEMA, format_checker=FORMATS)


def log(*paths: Path, name: str | None = None) -> dict[str, Any]:
    findings = [
        finding
        for path in paths
        for finding in config.validate(path.read_bytes(), name or path.name).findings
    ]
    made = json.loads(rendering.plain(rendering.RENDERERS["sarif"](Report(findings, 1, {}))))
    assert isinstance(made, dict)
    return made


def test_schema_is_one() -> None:
    OFFICIAL.check_schema(SCHEMA)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_log_of_a_file_is_valid(path: Path) -> None:
    OFFICIAL.validate(log(path))


def test_log_of_all_files_is_valid_and_holds_their_findings() -> None:
    made = log(*CORPUS)
    OFFICIAL.validate(made)
    (run,) = made["runs"]
    named = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == named
    assert len(run["results"]) > len(CORPUS) / 2


@pytest.mark.parametrize("name", ["a b.yaml", "a:b.yaml", "größe/%.yaml", "x\udcff.yaml", "a#b?"])
def test_name_of_a_file_is_a_uri(name: str) -> None:
    OFFICIAL.validate(log(FOLDER / "configs" / "ten_mistakes.yaml", name=name))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "2.2"),
        (("runs", 0, "results", 0, "level"), "fatal"),
        (("runs", 0, "results", 0, "message"), {}),
        (("runs", 0, "columnKind"), "bytes"),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startLine"), 0),
        (
            ("runs", 0, "results", 0, "locations", 0, "physicalLocation", "artifactLocation"),
            {"uri": "a b"},
        ),
        (("runs", 0, "tool"), {}),
    ],
)
def test_log_that_breaks_the_schema_is_noticed(path: tuple[Any, ...], value: Any) -> None:
    made = log(FOLDER / "configs" / "ten_mistakes.yaml")
    part: Any = made
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    assert not OFFICIAL.is_valid(made)
