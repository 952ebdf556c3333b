"""Findings as text: the same findings, in each format, to the letter."""

from __future__ import annotations

import json

import pytest

from sepconv import config
from sepconv.config import rendering
from sepconv.config.findings import Report
from sepconv.config.reading import source_lines

TEXT = """\
Sequential:
  input_shape: [49, 40]
  layers:
    - SeparableConv1D:
        filters: 64
        kernal_size: 9
    - SeparableConv1D: {filters: 64, kernel_size: 3, strides: 2}
    - SeparableConv1D: {filters: 64, kernel_size: 9, use_bias: no}
    - SeparableConv1D: {filters: 4, kernel_size: 9, pointwise_constraint: unit_norm}
"""
SHAPES = """\
Sequential:
  input_shape: [98, 40]
  layers:
    - SeparableConv1D: {filters: 64, kernel_size: 2, strides: 2}
    - SeparableConv1D: {filters: 64, kernel_size: 9, dilation_rate: 8}
"""


def rendered(text: str, form: str, name: str = "kws.yaml") -> str:
    findings = config.validate(text.encode(), name).findings
    report = Report(findings, 4, {name: source_lines(text.encode(), name)})
    return rendering.plain(rendering.RENDERERS[form](report))


def test_full_shows_the_line_the_place_and_the_remedy() -> None:
    assert rendered(TEXT, "full") == (
        """\
kws.yaml:6:9: error[SC102] unknown argument `kernal_size` for SeparableConv1D
  |
6 |         kernal_size: 9
  |         ^^^^^^^^^^^ help: did you mean `kernel_size`?
kws.yaml:8:64: error[SC104] `use_bias` must be true or false, got no (text)
  |
8 |     - SeparableConv1D: {filters: 64, kernel_size: 9, use_bias: no}
  |                                                                ^^ help: YAML 1.2 reads `no` """
        """as text; write `false`
kws.yaml:9:53: warning[SC303] `pointwise_constraint` takes norms over axis 0 of the pointwise """
        """kernel, which has length 1: each weight by itself
  |
9 |     - SeparableConv1D: {filters: 4, kernel_size: 9, pointwise_constraint: unit_norm}
  |                                                     ^^^^^^^^^^^^^^^^^^^^ help: axis: 1 takes """
        """the norm of all weights of a filter
2 errors, 1 warning in 1 of 4 files. Explain one: sepconv rule SC104
2 certain fixes: --diff shows, --fix makes
"""
    )


def test_shapes_come_with_their_source() -> None:
    assert (
        rendered(SHAPES, "full")
        == """\
kws.yaml:5:38: error[SC310] kernel spans 65 steps (=(9-1)·8+1), input has 49, padding=valid
  |
5 |     - SeparableConv1D: {filters: 64, kernel_size: 9, dilation_rate: 8}
  |                                      ^^^^^^^^^^^ help: shorten the kernel, or \
write `padding: same`
  |  note: 49 steps come from `SeparableConv1D` at kws.yaml:4:7
1 error in 1 of 4 files. Explain one: sepconv rule SC310
"""
    )


def test_concise_has_a_line_a_finding() -> None:
    assert (
        rendered(SHAPES, "concise")
        == """\
kws.yaml:5:38: error[SC310] kernel spans 65 steps (=(9-1)·8+1), input has 49, padding=valid; \
shorten the kernel, or write `padding: same`
1 error in 1 of 4 files. Explain one: sepconv rule SC310
"""
    )


def test_json_holds_everything() -> None:
    assert json.loads(rendered(SHAPES, "json")) == {
        "version": 1,
        "files": 4,
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "code": "SC310",
                "severity": "error",
                "message": "kernel spans 65 steps (=(9-1)·8+1), input has 49, padding=valid",
                "file": "kws.yaml",
                "span": {"line": 5, "column": 38, "end_line": 5, "end_column": 49},
                "pointer": "/Sequential/layers/1/SeparableConv1D/kernel_size",
                "help": "shorten the kernel, or write `padding: same`",
                "notes": [
                    {
                        "message": "49 steps come from `SeparableConv1D`",
                        "span": {"line": 4, "column": 7, "end_line": 4, "end_column": 22},
                    }
                ],
                "document": 0,
                "fix": None,
            }
        ],
    }


def test_github_escapes_what_its_commands_need() -> None:
    assert rendered("SeparableConv1D: {filters: 4, 'ab%,:': 3}\n", "github", "a,b:c.yaml") == (
        "::error file=a%2Cb%3Ac.yaml,line=1,endLine=1,col=1,endColumn=16,"
        "title=SC103 missing argument::`kernel_size` of SeparableConv1D is missing; number of taps "
        "of the depthwise convolution\n"
        "::error file=a%2Cb%3Ac.yaml,line=1,endLine=1,col=31,endColumn=38,"
        "title=SC102 unknown argument::unknown argument `ab%25,:` for SeparableConv1D; the "
        "arguments are name, trainable, dtype, autocast, filters, kernel_size, strides, padding, "
        "data_format, dilation_rate, depth_multiplier, activation, use_bias, "
        "depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer, "
        "pointwise_regularizer, bias_regularizer, activity_regularizer, depthwise_constraint, "
        "pointwise_constraint, bias_constraint\n"
    )


def test_sarif_names_each_rule_once_and_each_place() -> None:
    (run,) = json.loads(rendered(SHAPES + "---\n" + SHAPES, "sarif"))["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["SC310"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 0]
    region = run["results"][1]["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (11, 38)
    assert run["results"][0]["relatedLocations"][0]["message"]["text"].startswith("49 steps")


def test_sarif_names_a_place_once_although_it_is_met_twice() -> None:
    text = """\
Functional:
  inputs: {x: {shape: [20, 8]}}
  layers: {sum: {Concatenate: {axis: 5}, from: [x, x]}}
  outputs: sum
"""
    (run,) = json.loads(rendered(text, "sarif"))["runs"]
    assert [len(result["relatedLocations"]) for result in run["results"]] == [1]


@pytest.mark.parametrize("column", [0, 1, 49, 60, 99, 150, 500])
def test_marks_stand_under_the_text_of_a_long_line(column: int) -> None:
    padding = "x-p: " + "p" * column
    text = (
        f"{{{padding}, SeparableConv1D: {{filters: 4, kernel_size: 3, bad: 1, x-q: {'q' * 200}}}}}"
    )
    lines = rendered(text, "full").splitlines()
    (source,) = [line for line in lines if line.startswith("1 | ")]
    marks = next(line for line in lines if "^" in line)
    start = marks.index("^")
    assert source[start : start + 3] == "bad"
    assert len(source) < 120


def test_marks_account_for_wide_characters() -> None:
    text = "SeparableConv1D: {name: 分離, kernel_size: 3, filters: 4, bad: 3}"
    marks = next(line for line in rendered(text, "full").splitlines() if line.count("^") == 3)
    assert marks.index("^") == len("1 | ") + text.index("bad") + 2  # two characters of two columns


@pytest.mark.parametrize("form", rendering.RENDERERS)
def test_nothing_that_a_terminal_obeys_is_printed(form: str) -> None:
    text = 'SeparableConv1D: {filters: 4, "\\e[31m\\n\\u202e": 3, kernel_size: 3}\n'
    shown = rendered(text, form)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_clean_run_says_so() -> None:
    text = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"
    assert rendered(text, "full") == "4 files: no errors\n"
