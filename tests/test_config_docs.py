"""docs/config.md is true: its files are checked, its commands run, its Python executed."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sepconv.cli.rule import page
from sepconv.config import reference

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for language, text in BLOCKS:
        name = re.match(r"# file: (\S+)\n", text)
        if language == "yaml" and name:
            (tmp_path / name[1]).write_text(text)
    return tmp_path


def sessions() -> list[tuple[str, str]]:
    """Return each command of the document with what it is said to print, or its beginning."""
    found = []
    for language, text in BLOCKS:
        if language == "console":
            for session in text.split("$ ")[1:]:
                command, _, printed = session.partition("\n")
                found.append((command, printed))
    return found


@pytest.mark.parametrize(("command", "printed"), sessions())
def test_command_prints_what_the_document_shows(folder: Path, command: str, printed: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "sepconv"
    done = subprocess.run(
        [sys.executable, "-m", "sepconv", *arguments], capture_output=True, text=True
    )
    assert done.stdout.startswith(printed)


def test_python_does_what_the_document_shows(folder: Path) -> None:
    code = "".join(text for language, text in BLOCKS if language == "python")
    example = doctest.DocTestParser().get_doctest(code, {}, "config.md", None, None)
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 3
    assert result.failed == 0


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target


def test_page_of_rules_is_the_table() -> None:
    """`sepconv rule --markdown > docs/rules.md` writes it."""
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == page()


def test_page_of_layers_is_what_is_registered() -> None:
    """`sepconv schema --markdown > docs/layers.md` writes it."""
    assert (ROOT / "docs" / "layers.md").read_text(encoding="utf-8") == reference.page()
