"""A first file with ten typical mistakes: all in one run, and each remedy works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sepconv import config
from sepconv.config import fixing

SOURCE = Path(__file__).parent / "configs" / "ten_mistakes.yaml"
TEXT = SOURCE.read_text()

# What is wrong, the code, and what its author writes instead, once told.
MISTAKES = [
    ("activation: rellu", "SC101", "activation: relu"),
    ("kernal_size: 9 ", "SC102", "kernel_size: 9 "),
    ("use_bias: no", "SC104", "use_bias: false"),
    ('filters: "64"', "SC104", "filters: 64"),
    ("name: block\n        filters: 64", "SC320", "name: block_2\n        filters: 64"),
    ("strides: 2\n        dilation_rate: 4", "SC301", "strides: 1\n        dilation_rate: 4"),
    ("SeparableConv1D:\n        kernel_size: 9\n        depthwise", "SC103",
     "SeparableConv1D:\n        filters: 64\n        kernel_size: 9\n        depthwise"),
    ("l2: -1e-4", "SC105", "l2: 1e-4"),
    ("        groups: 1\n", "SC111", ""),
    ("SeperableConv1D", "SC101", "SeparableConv1D"),
]  # fmt: skip


def found(text: str) -> list[tuple[str, int]]:
    findings = config.validate(text.encode(), SOURCE.name).findings
    return [(finding.code, finding.span.line) for finding in findings]


def line(wrong: str) -> int:
    """Return the line that a mistake is in; the first that holds a word of it."""
    start = TEXT.index(wrong)
    return TEXT.count("\n", 0, start + len(wrong) - len(wrong.lstrip())) + 1


def test_file_is_what_a_first_user_writes() -> None:
    assert TEXT.count("\n") == 60
    assert all(TEXT.count(wrong) == 1 for wrong, *_ in MISTAKES)


def test_all_ten_are_reported_in_one_run_each_at_its_line() -> None:
    assert found(TEXT) == [(code, line(wrong)) for wrong, code, _ in MISTAKES]


@pytest.mark.parametrize(("wrong", "code", "right"), MISTAKES)
def test_remedy_silences_its_own_finding_and_no_other(wrong: str, code: str, right: str) -> None:
    left = [found_code for found_code, _ in found(TEXT.replace(wrong, right))]
    before = [found_code for found_code, _ in found(TEXT)]
    before.remove(code)
    assert sorted(left) == sorted(before)


def test_remedies_together_leave_a_clean_file() -> None:
    text = TEXT
    for wrong, _, right in reversed(MISTAKES):  # an edit makes no text that another looks for
        text = text.replace(wrong, right)
    assert found(text) == []


def test_fix_mends_the_certain_ones_and_leaves_the_choices() -> None:
    mended = fixing.mend(TEXT.encode(), SOURCE.name)
    assert mended.fixed == 6
    text = mended.raw.decode()
    assert [code for code, _ in found(text)] == ["SC320", "SC301", "SC103", "SC105"]
    assert re.findall("#.*", text) == re.findall("#.*", TEXT)


def test_each_finding_says_what_to_do() -> None:
    for finding in config.validate(TEXT.encode(), SOURCE.name).findings:
        assert finding.help or finding.fix or "must be at least 0" in finding.message


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("default: {Dense: {units: 3}}\nDense: {units: 3}\n", "did you mean `defaults`?"),
        ("Dropout: 0.2\n", "write `Dropout: {rate: 0.2}`"),
        ("Dense: 12\n", "write `Dense: {units: 12}`"),
        ("Activation: relu\n", "write `Activation: {activation: relu}`"),
        ("Sequential: {input_shape: 300, layers: [Flatten]}\n", "write `[300]`"),
        (
            "Sequential:\n  input_shape: [null, 300, 12]\n  layers: [{MaxPooling1D: {}}]\n",
            "the batch is left out of shapes",
        ),
        (
            "SeparableConv1D: {filters: 4, kernel_size: 3, kernel_initializer: zeros}\n",
            "the kernels have `depthwise_initializer` and `pointwise_initializer`",
        ),
        (
            "training: {loss: mse, learning_rate: 0.1}\nFlatten: {}\n",
            "it is the optimizer's: `optimizer: {Adam: {learning_rate: ...}}`",
        ),
        (
            "training: {loss: sparse_crossentropy}\nFlatten: {}\n",
            "did you mean `sparse_categorical_crossentropy`?",
        ),
        ("training: {loss: mse, data: train.npz}\nFlatten: {}\n", "write `{train: train.npz}`"),
        ("training: {loss: mse, metrics: accuracy}\nFlatten: {}\n", "write `[accuracy]`"),
        (
            "training: {loss: mse, callbacks: {TerminateOnNaN: {}}}\nFlatten: {}\n",
            "write a list: `- ` before each item",
        ),
    ],
)
def test_help_of_a_first_mistake(text: str, help: str) -> None:
    findings = config.validate(text.encode(), "net.yaml").findings
    assert help in [finding.help for finding in findings]
