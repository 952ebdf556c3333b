"""Objects of the user's own in configs: found, checked, built, and never able to break the tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import sepconv
from sepconv import config, registry
from sepconv.config.loading import build, text
from sepconv.declaration import Argument, argument
from sepconv.layers import Layer
from sepconv.rules import Number


@pytest.fixture(autouse=True)
def own() -> Iterator[None]:
    """Register a layer, a class that declares nothing, a function and a class that breaks."""
    before = dict(registry.registered)

    @sepconv.register("mine")
    class Halve(Layer):
        """Every second step."""

        factor: Argument[float, float] = argument(Number(above=0), default=1.0, doc="a factor")

        def call(self, inputs: Any) -> Any:
            return inputs[:, ::2] * self.factor

        def compute_output_shape(self, input_shape: Any) -> Any:
            batch, steps, channels = input_shape
            return (batch, None if steps is None else -(-steps // 2), channels)

    @sepconv.register("mine")
    class Plain:
        def __init__(self, value: float = 1.0) -> None:
            self.value = value

        def __call__(self, shape: Any, dtype: Any = "float32") -> Any:
            return np.full(shape, self.value, dtype)

        def get_config(self) -> dict[str, float]:
            return {"value": self.value}

    @sepconv.register("mine")
    class Breaks(Layer):
        def __init__(self, **arguments: Any) -> None:
            raise ZeroDivisionError("it\nbroke \x1b[31m")

    @sepconv.register("mine")
    class BreaksOnShapes(Layer):
        def compute_output_shape(self, input_shape: Any) -> Any:
            raise KeyError("shape")

    sepconv.register("mine", "square")(lambda x: x * x)
    yield
    registry.registered.clear()
    registry.registered.update(before)


def codes(document: str) -> list[tuple[str, int, int]]:
    found = config.validate(document.encode(), "a.yaml").findings
    return [(f.code, f.span.line, f.span.column) for f in found]


CONV = "SeparableConv1D: {filters: 4, kernel_size: 3"


@pytest.mark.parametrize(
    "form", ["activation: mine>square", "depthwise_initializer: mine>Plain",
             'depthwise_initializer: {"mine>Plain": {value: 3}}',
             "depthwise_initializer: {class_name: Plain, config: {value: 3}, "
             "registered_name: mine>Plain}"],
)  # fmt: skip
def test_registered_object_is_accepted_and_comes_back(form: str) -> None:
    document = f"{CONV}, {form}}}\n"
    assert codes(document) == []
    layer = build(document.encode(), "a.yaml")
    for as_json, name in ((False, "a.yaml"), (True, "a.json")):
        again = build(text(layer, as_json).encode(), name)
        assert again.get_config() == layer.get_config()


def test_registered_layer_passes_its_shape_on() -> None:
    document = (
        "Sequential:\n  input_shape: [9, 4]\n  layers:\n"
        '    - "mine>Halve": {factor: 2}\n    - mine>Halve\n'
        f"    - {CONV}}}\n    - {CONV}}}\n"
    )
    assert codes(document) == [("SC310", 7, 37)]
    assert codes(document.replace("9, 4", "10, 4").replace("4]", "4]")) == [("SC310", 7, 37)]
    assert codes(document.replace("9, 4", "17, 4")) == []
    model = build(document.replace("9, 4", "17, 4").encode(), "a.yaml")
    assert model(np.ones((1, 17, 4))).shape == (1, 1, 4)


def test_declared_arguments_of_a_registered_layer_are_checked() -> None:
    document = 'Sequential: {layers: [{"mine>Halve": {factr: 2}}, {"mine>Halve": {factor: 0}}]}\n'
    assert [code for code, *_ in codes(document)] == ["SC102", "SC105"]


def test_class_that_breaks_is_a_finding() -> None:
    found = config.validate(b"Sequential: {layers: [mine>Breaks]}\n", "a.yaml").findings
    assert [f.code for f in found] == ["SC399"]
    assert "ZeroDivisionError: it\\x0abroke \\x1b[31m" in found[0].message


def test_shape_rule_that_breaks_is_a_finding() -> None:
    document = "Sequential: {input_shape: [9, 4], layers: [mine>BreaksOnShapes]}\n"
    assert [code for code, *_ in codes(document)] == ["SC311"]


def test_object_of_another_kind_is_refused() -> None:
    assert codes(f"{CONV}, activation: mine>Halve}}\n")[0][0] == "SC399"
    assert codes("Sequential: {layers: [mine>Plain]}\n")[0][0] == "SC399"


def test_unknown_name_in_a_known_package_is_suggested() -> None:
    found = config.validate(f"{CONV}, activation: mine>sqare}}\n".encode(), "a.yaml").findings
    assert [(f.code, f.help) for f in found] == [("SC201", "did you mean `mine>square`?")]
