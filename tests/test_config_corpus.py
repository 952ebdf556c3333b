"""A file for each mistake, with the code, line and column it must be reported at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sepconv import config
from sepconv.config.loading import build
from sepconv.errors import ConfigError

FOLDER = Path(__file__).parent / "configs"
VALID = sorted(FOLDER.glob("valid/*"))
INVALID = sorted(path for path in FOLDER.glob("invalid/*") if path.suffix != ".expect")


def name(path: Path) -> str:
    return path.name


def expected(path: Path) -> list[tuple[int, int, str]]:
    """Return the findings that a file says it has: in its first line, or beside it for JSON."""
    if path.suffix == ".json":
        text = path.with_name(f"{path.name}.expect").read_text()
    else:
        text = path.read_text(encoding="utf-8").split("\n")[0]
        assert text.startswith("# expect: ")
    found = re.findall(r"(SC\d{3}) (\d+):(\d+)", text)
    return sorted((int(line), int(column), code) for code, line, column in found)


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid_file_has_exactly_the_findings_it_names(path: Path) -> None:
    found = config.validate(path.read_bytes(), path.name).findings
    assert sorted((f.span.line, f.span.column, f.code) for f in found) == expected(path)


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_findings_come_in_file_order_and_say_enough(path: Path) -> None:
    found = config.validate(path.read_bytes(), path.name).findings
    assert [f.span for f in found] == sorted(f.span for f in found)
    for finding in found:
        assert finding.file == path.name
        assert 0 < len(finding.message) <= 500
        assert finding.message.isprintable()
        assert finding.span[2:] >= finding.span[:2]


@pytest.mark.parametrize("path", VALID, ids=name)
def test_valid_file_has_no_finding(path: Path) -> None:
    assert config.validate(path.read_bytes(), path.name).findings == ()


@pytest.mark.parametrize("path", [p for p in VALID if p.stem != "two_documents"], ids=name)
@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_valid_file_comes_back_equal(path: Path, suffix: str, tmp_path: Path) -> None:
    layer = config.load(path)
    config.dump(layer, tmp_path / f"again{suffix}")
    again = config.load(tmp_path / f"again{suffix}")
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_load_refuses_what_has_errors_and_nothing_else(path: Path) -> None:
    raw = path.read_bytes()
    findings = config.validate(raw, path.name).findings
    if {finding.code for finding in findings} == {"SC312"}:
        return  # weights too large to make here
    if all(finding.severity == "warning" for finding in findings):
        build(raw, path.name)
        return
    with pytest.raises(ConfigError) as caught:
        build(raw, path.name)
    assert caught.value.findings == findings
    assert findings[0].code in str(caught.value)
