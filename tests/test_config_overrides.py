"""`--set path=value`: above all that the file says, and reported at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sepconv import config
from sepconv.cli import main
from sepconv.config import rendering
from sepconv.config.findings import Report
from sepconv.config.reading import source_lines
from sepconv.errors import ConfigError, ValidationError

LAYER = "SeparableConv1D: {filters: 4, kernel_size: 3, depthwise_initializer: he_normal}\n"
LONG = """\
class_name: SeparableConv1D
config:
  filters: 4
  kernel_size: [3]
  depthwise_initializer: {class_name: VarianceScaling, config: {scale: 2.0}}
"""
NETWORK = """\
defaults: {SeparableConv1D: {padding: same}}
x-l2: &l2 {L2: {l2: 0.5}}
Sequential:
  input_shape: [98, 40]
  layers:
    - SeparableConv1D: {name: a, filters: 64, kernel_size: 9, depthwise_regularizer: *l2}
    - SeparableConv1D: {filters: 12, kernel_size: [3], depthwise_regularizer: *l2}
"""


def loaded(text: str, tmp_path: Path, *overrides: str) -> Any:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return config.load(path, overrides=overrides)


def found(text: str, *overrides: str) -> list[tuple[str, str, int, str]]:
    findings = config.validate(text.encode(), "file.yaml", overrides=overrides).findings
    return [(f.code, f.span.origin, f.span.column, f.pointer) for f in findings]


@pytest.mark.parametrize("text", [LAYER, LONG])
@pytest.mark.parametrize(
    ("override", "argument", "value"),
    [
        ("filters=8", "filters", 8),
        ("SeparableConv1D.filters=8", "filters", 8),
        (" filters = 8", "filters", 8),
        ("padding=same", "padding", "same"),
        ("use_bias=false", "use_bias", False),
        ("name=no", "name", "no"),  # YAML 1.2: text
        ("kernel_size=[5]", "kernel_size", (5,)),
        ("depthwise_regularizer={L2: {l2: 1e-3}}", "depthwise_regularizer.l2", 1e-3),
        ("depthwise_initializer.seed=7", "depthwise_initializer.seed", 7),
        ("depthwise_initializer=zeros", "depthwise_initializer.__class__.__name__", "Zeros"),
    ],
)
def test_set_value_is_the_argument(
    text: str, override: str, argument: str, value: object, tmp_path: Path
) -> None:
    got = loaded(text, tmp_path, override)
    for name in argument.split("."):
        got = getattr(got, name)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "path",
    [
        "Sequential.layers.0.filters",
        "layers.0.SeparableConv1D.filters",
        "layers.0.filters",
        "a.filters",
    ],
)
def test_path_finds_a_layer_by_number_and_by_name(path: str, tmp_path: Path) -> None:
    network = loaded(NETWORK, tmp_path, f"{path}=5")
    assert [layer.filters for layer in network.layers] == [5, 12]


def test_name_that_a_layer_gets_by_itself_is_a_path(tmp_path: Path) -> None:
    network = loaded(NETWORK, tmp_path, "separable_conv1d.kernel_size.0=7")
    assert [layer.kernel_size for layer in network.layers] == [(9,), (7,)]


def test_set_value_stands_above_the_layer_and_defaults(tmp_path: Path) -> None:
    network = loaded(NETWORK, tmp_path, "a.padding=valid", "a.filters=3", "a.filters=6")
    assert [layer.padding for layer in network.layers] == ["valid", "same"]
    assert network.layers[0].filters == 6  # the last of two


def test_what_an_alias_shares_is_set_in_one_place_alone(tmp_path: Path) -> None:
    network = loaded(NETWORK, tmp_path, "a.depthwise_regularizer.l2=0.25")
    assert [layer.depthwise_regularizer.l2 for layer in network.layers] == [0.25, 0.5]


def test_object_of_the_same_class_is_merged_and_of_another_replaced(tmp_path: Path) -> None:
    text = "SeparableConv1D: {filters: 4, kernel_size: 3, bias_regularizer: {L1L2: {l1: 0.5}}}"
    merged = loaded(text, tmp_path, "bias_regularizer={L1L2: {l2: 0.25}}").bias_regularizer
    assert (merged.l1, merged.l2) == (0.5, 0.25)
    replaced = loaded(text, tmp_path, "bias_regularizer={L1: {}}").bias_regularizer
    assert replaced.l1 == 0.01


def test_layer_without_arguments_gets_some(tmp_path: Path) -> None:
    text = "Sequential: {layers: [SeparableConv1D]}"
    network = loaded(text, tmp_path, "layers.0.filters=2", "layers.0.kernel_size=3")
    assert network.layers[0].filters == 2


@pytest.mark.parametrize(
    ("override", "code", "value", "pointer"),
    [
        ("filters=0", "SC105", "0", "/SeparableConv1D/filters"),
        ("filters=no", "SC104", "no", "/SeparableConv1D/filters"),
        ("strides=012", "SC005", "012", "/SeparableConv1D/strides"),
        ("activation={", "SC002", "", "/SeparableConv1D/activation"),
        ("activation=!!str relu", "SC006", "!!str", "/SeparableConv1D/activation"),
        ("activation=rellu", "SC101", "rellu", "/SeparableConv1D/activation"),
        (
            "bias_regularizer={L2: {l3: 1}}",
            "SC102",
            "l3",
            "/SeparableConv1D/bias_regularizer/L2/l3",
        ),
        ("name=a\x07", "SC001", "\x07", "/SeparableConv1D/name"),
    ],
)
def test_finding_points_to_the_command_line(
    override: str, code: str, value: str, pointer: str
) -> None:
    ((got_code, origin, column, got_pointer),) = found(LAYER, override)
    assert (got_code, origin) == (code, f"--set {override}")
    assert origin[column - 1 :].startswith(value)
    assert got_pointer == pointer or code in ("SC001", "SC002")  # their place has no path


def test_findings_of_the_file_come_first_and_the_set_value_hides_its_own() -> None:
    text = "SeparableConv1D: {filters: 0, kernel_size: 3, bad: 1}"
    assert [(code, origin) for code, origin, *_ in found(text, "filters=2")] == [("SC102", "")]
    both = found(text, "kernel_size=0")
    assert [origin for _, origin, *_ in both] == ["", "", "--set kernel_size=0"]


@pytest.mark.parametrize(
    ("text", "override", "told"),
    [
        (LAYER, "filtres=3", "no `filtres` in file.yaml; did you mean `filters`?"),
        (LAYER, "filters", "write path=value"),
        (LAYER, "=3", "write path=value"),
        (LAYER, "filters.0=3", "set `filters` as a whole"),
        (LAYER, "bias_regularizer.l2=3", "set `bias_regularizer` as a whole"),
        (LAYER, "depthwise_initializer.sed=3", "did you mean `seed`?"),
        (LAYER, "name=a\n---\nb", "a value is one YAML document"),
        (NETWORK, "layers.7.filters=3", "no `7` in file.yaml; there are 0, 1"),
        (NETWORK, "layer.0.filters=3", "did you mean `layers`?"),
        (NETWORK, "separable_conv.filters=3", "did you mean `separable_conv1d`?"),
        (NETWORK, "layers.1.kernel_size.1=3", "no `1` in file.yaml; there are 0"),
    ],
)
def test_path_that_leads_nowhere_is_a_usage_error(text: str, override: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config.validate(text.encode(), "file.yaml", overrides=[override])
    assert told in str(caught.value)
    assert str(caught.value).startswith("--set ")


def rendered(form: str) -> str:
    findings = config.validate(LAYER.encode(), "a.yaml", overrides=["filters=0"]).findings
    report = Report(findings, 1, {"a.yaml": source_lines(LAYER.encode(), "a.yaml")})
    return rendering.plain(rendering.RENDERERS[form](report))


def test_full_report_shows_the_option() -> None:
    assert rendered("full").startswith(
        """\
a.yaml: --set filters=0: error[SC105] `filters` must be at least 1, got 0
  |
1 | --set filters=0
  |               ^
"""
    )


def test_annotations_name_the_file_without_a_line() -> None:
    assert rendered("github").startswith(
        "::error file=a.yaml,title=SC105 value that is not allowed::--set filters=0: "
    )
    (run,) = json.loads(rendered("sarif"))["runs"]
    (result,) = run["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}}}]
    (finding,) = json.loads(rendered("json"))["findings"]
    assert finding["span"]["origin"] == "--set filters=0"


def test_verbs_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "layer.yaml"
    path.write_text(LAYER)
    assert main(["validate", str(path), "--set", "filters=0"]) == 1
    assert main(["validate", str(path), "--set", "filtres=0"]) == 2
    assert "did you mean `filters`?" in capsys.readouterr().err
    assert main(["expand", str(path), "--set", "filters=9", "--set", "strides=2"]) == 0
    expanded = json.loads(capsys.readouterr().out)["config"]
    assert (expanded["filters"], expanded["strides"]) == (9, [2])
    assert main(["show", str(path), "--set", "filters=9", "--input-shape", "20,2"]) == 0
    assert "(?, 18, 9)" in capsys.readouterr().out
    assert main(["expand", str(path), "--set", "filters=0"]) == 1
    assert "--set filters=0" in capsys.readouterr().err


def test_load_refuses_a_set_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--set filters=0"):
        loaded(LAYER, tmp_path, "filters=0")
