"""README and the pages of docs/ are true: their Python is executed, links lead somewhere."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from sepconv.config import load

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/keras.md",
    "docs/decisions.md",
    "docs/layers.md",
    "docs/onnx.md",
    "docs/training.md",
]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/keras.md", "docs/onnx.md", "docs/training.md"])
def test_python_does_what_the_page_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    code = "".join(blocks(page, "python"))
    example = doctest.DocTestParser().get_doctest(code, {}, page, None, None)
    result = doctest.DocTestRunner(optionflags=flags).run(example)
    assert result.attempted > 3
    assert result.failed == 0


def test_yaml_of_the_readme_is_a_network(tmp_path: Path) -> None:
    (text,) = blocks("README.md", "yaml")
    path = tmp_path / "kws.yaml"
    path.write_text(text)
    assert load(path).compute_output_shape((None, 98, 40)) == (None, 12)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize(
    "target", re.findall(r"`make (\w+)`", (ROOT / "CONTRIBUTING.md").read_text())
)
def test_make_targets_of_the_contributors_page_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_tests_behind_the_promises_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+\.py)`", text))
    assert named
    assert named <= {path.name for path in (ROOT / "tests").glob("test_*.py")}
