"""`--fix` and `--diff`: certain edits, in their own characters, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sepconv import config
from sepconv.cli import main
from sepconv.config import fixing
from sepconv.config.fixes import certain_name

FOLDER = Path(__file__).parent / "configs"
CORPUS = sorted(path for path in FOLDER.glob("*/*") if path.suffix != ".expect")


def name(path: Path) -> str:
    return path.name


def mended(text: str, filename: str = "a.yaml") -> str:
    return fixing.mend(text.encode(), filename).raw.decode()


def layer(arguments: str) -> str:
    return f"SeparableConv1D: {{filters: 4, kernel_size: 3, {arguments}}}\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("pading: same", "padding: same"),
        ("'pading': same", "'padding': same"),
        ('"pading" : same', '"padding" : same'),
        ("dilationRate: 2", "dilation_rate: 2"),
        ("activation: rellu", "activation: relu"),
        ('activation: "rellu"', 'activation: "relu"'),
        ("bias_initializer: {Constnt: {value: 1}}", "bias_initializer: {Constant: {value: 1}}"),
        ("padding: sane", "padding: same"),
        ("data_format: chanels_first", "data_format: channels_first"),
        ("use_bias: no", "use_bias: false"),
        ("use_bias: On", "use_bias: true"),
        ('use_bias: "true"', "use_bias: true"),
        ("strides: '2'", "strides: 2"),
        ("strides: 2.0", "strides: 2"),
        ("bias_regularizer: {L2: {l2: '1e-3'}}", "bias_regularizer: {L2: {l2: 1e-3}}"),
        ("bias_initializer: {HeNormal: {seed: None}}",
         "bias_initializer: {HeNormal: {seed: null}}"),
        ("groups: 1, use_bias: true", "use_bias: true"),
        ("groups: 1 ,  use_bias: true", "use_bias: true"),
        ("activation: {LeakyReLU: {alpha: 0.1}}", "activation: {LeakyReLU: {negative_slope: 0.1}}"),
    ],
)  # fmt: skip
def test_certain_fix_is_made(wrong: str, right: str) -> None:
    assert mended(layer(wrong)) == layer(right)


@pytest.mark.parametrize(
    "arguments",
    [
        "kernal_size: 5",  # the right one is there, too
        "padding: causal",  # no near name
        "bias_regularizer: l3",  # l1 or l2
        "activation: {SeparableConv2D: {}}",  # another class
        'use_bias: "no"',  # quoted: text is meant
        "strides: '2.5'",
        "strides: 2.5",
        "strides: 0",
        "groups: 2",  # would change the result
        "pading: same, paddin: valid",  # both would get the same name
        "x-a: &g 1, groups: *g, strides: 0",  # the value stands elsewhere
    ],
)
def test_doubtful_fix_is_left_to_the_author(arguments: str) -> None:
    text = layer(arguments)
    after = mended(text)
    assert after == text or (arguments.startswith("pading") and after.count("padding") == 1)


def test_layer_of_two_dimensions_is_another_class() -> None:
    assert certain_name("SeparableConv2D", ["SeparableConv1D"]) is None
    assert certain_name("SeparabelConv1D", ["SeparableConv1D"]) == "SeparableConv1D"


def test_comments_layout_line_ends_and_byte_order_mark_stay() -> None:
    before = (
        "\ufeff# keyword spotter\r\n"
        "SeparableConv1D:   # the only layer\r\n"
        "    kernal_size :   3     # taps\r\n"
        "    groups: 1\r\n"
        "    filters: 4  # how many\r\n"
        "\r\n"
        "    activaton: rellu"
    )
    after = (
        before.replace("kernal_size", "kernel_size")
        .replace("    groups: 1\r\n", "")
        .replace("activaton: rellu", "activation: relu")
    )
    assert mended(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("filters: 4\n  kernel_size: 3\n  groups: 1\n", "filters: 4\n  kernel_size: 3\n"),
        ("filters: 4\n  groups: 1  # one\n  kernel_size: 3\n",
         "filters: 4\n    # one\n  kernel_size: 3\n"),
        ("name: a,\n  groups: 1\n  filters: 4\n  kernel_size: 3\n",
         "name: a,\n  filters: 4\n  kernel_size: 3\n"),
        ("filters: 4,\n  groups: 1\n  kernel_size: 3\n", "filters: 4\n  kernel_size: 3\n"),
    ],
)  # fmt: skip
def test_entry_is_taken_out_with_its_line(before: str, after: str) -> None:
    assert mended(f"SeparableConv1D:\n  {before}") == f"SeparableConv1D:\n  {after}"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_entry_is_taken_out_of_json_with_its_comma(place: int) -> None:
    lines = ['    "filters": 4', '    "kernel_size": 3']
    right = "{\n" + ",\n".join(lines) + "\n}"
    lines[place:place] = ['    "groups": 1', '    "kernel_constraint": null']
    wrong = "{\n" + ",\n".join(lines) + "\n}"
    outer = '{"class_name": "SeparableConv1D", "config": %s}\n'
    assert mended(outer % wrong, "a.json") == outer % right


@pytest.mark.parametrize("raw", [b"", b"\xff", b"a: \xc3#", b"\xef\xbb", b"\xff\xfea\x00"])
def test_what_is_no_text_stays_as_it_is(raw: bytes) -> None:
    assert fixing.mend(raw, "a.yaml") == fixing.Mended(raw, 0)


def test_escaped_name_is_left_alone() -> None:
    text = '{"SeparableConv1D": {"filters": 4, "kern\\u0061l_size": 3}}'
    assert mended(text, "a.json") == text


def test_alias_and_its_anchor_are_fixed_where_they_are_written() -> None:
    before = "x-a: &a {use_bias: no}\nSeparableConv1D: {<<: *a, filters: 4, kernel_size: 3}\n"
    assert mended(before) == before.replace("no}", "false}")
    anchored = layer("activation: &act rellu")
    assert mended(anchored) == anchored  # the anchor stands in the same place


@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_mending_is_idempotent_and_never_harms(path: Path) -> None:
    raw = path.read_bytes()
    before = config.validate(raw, path.name).findings
    once = fixing.mend(raw, path.name)
    after = config.validate(once.raw, path.name).findings
    assert fixing.mend(once.raw, path.name) == fixing.Mended(once.raw, 0)
    assert (once.raw == raw) == (once.fixed == 0)
    if not any(finding.fix for finding in before):
        assert once.raw == raw
    # What it says beside the places of its fixes is still there.
    if path.suffix == ".yaml":
        assert once.raw.count(b"#") == raw.count(b"#")
    unread = [f.code for f in before if f.code < "SC1"]
    assert [f.code for f in after if f.code < "SC1"] == unread


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.yaml"
    path.write_text(layer("pading: sane"))
    return path


def test_fix_writes_the_file_and_reports_what_is_left(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "a.yaml", "--fix"]) == 0
    assert file.read_text() == layer("padding: same")
    shown = capsys.readouterr()
    assert shown.out == "1 file: no errors\n"
    assert shown.err == "2 fixes made in 1 file; 0 errors left\n"
    file.write_text(layer("pading: same, strides: 0"))
    assert main(["validate", "a.yaml", "--fix", "--format", "concise"]) == 1
    assert "a.yaml:1:71: error[SC105]" in capsys.readouterr().out


def test_diff_writes_nothing_and_is_a_patch(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_bytes()
    assert main(["validate", "a.yaml", "--diff"]) == 1
    assert file.read_bytes() == before
    patch = capsys.readouterr().out
    subprocess.run(["git", "apply", "-p1"], input=patch, text=True, check=True, cwd=file.parent)
    assert file.read_text() == layer("padding: same")
    assert main(["validate", "a.yaml", "--diff"]) == 0
    assert capsys.readouterr().out == ""


def test_ignored_findings_are_not_fixed(file: Path) -> None:
    before = file.read_bytes()
    assert main(["validate", "a.yaml", "--fix", "--ignore", "SC1"]) == 0
    assert file.read_bytes() == before


def test_fix_refuses_standard_input(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-", "--fix"]) == 2
    assert "--diff prints the changes" in capsys.readouterr().err


def test_reports_carry_the_fix(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["validate", "a.yaml", "--format", "json"])
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    span = {"line": 1, "column": 47, "end_line": 1, "end_column": 53}
    assert finding["fix"] == {"span": span, "replacement": "padding"}
    main(["validate", "a.yaml", "--format", "sarif"])
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    (change,) = result["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    assert replacement["insertedContent"] == {"text": "padding"}
