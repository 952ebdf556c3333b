"""docs/files.md is true: its Python is executed, then its commands."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_python_and_commands_do_what_the_document_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "".join(text for language, text in BLOCKS if language == "python")
    code += ">>> np.save('x.npy', x)\n"  # the commands' input
    example = doctest.DocTestParser().get_doctest(code, {}, "files.md", None, None)
    result = doctest.DocTestRunner().run(example)
    assert result.attempted > 10
    assert result.failed == 0
    sessions = [text for language, text in BLOCKS if language == "console"]
    for session in "".join(sessions).split("$ ")[1:]:
        command, _, printed = session.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "sepconv"
        done = subprocess.run(
            [sys.executable, "-m", "sepconv", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
