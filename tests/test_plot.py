"""Drawings of networks: whole XML, a box for each call, nothing over anything else."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network_cases import GRAPHS, SEPCONV, Build

from sepconv import Input, Model, SeparableConv1D, Sequential
from sepconv.errors import ValidationError
from sepconv.layers import Layer
from sepconv.models.plotting import drawn

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    rects = ET.fromstring(svg).iter(f"{SVG}rect")
    return [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))  # type: ignore[misc]
        for rect in rects
    ]


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_each_call_has_a_box_apart_from_the_others(build: Build) -> None:
    model = build(SEPCONV)
    found = boxes(drawn(model))
    program = model._program()
    assert len(found) == len(program.inputs) + len(program.steps[None])
    for (ax, ay, aw, ah), (bx, by, bw, bh) in itertools.combinations(found, 2):
        assert ax + aw < bx or bx + bw < ax or ay + ah < by or by + bh < ay


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_everything_is_within_the_picture(build: Build) -> None:
    svg = drawn(build(SEPCONV))
    left, top, width, height = map(float, ET.fromstring(svg).attrib["viewBox"].split())
    for x, y, w, h in boxes(svg):
        assert left <= x <= x + w <= left + width
        assert top <= y <= y + h <= top + height


def skipping(k: int) -> Model:
    x = h = Input((10, 6), name="x")
    for _ in range(k):
        h = SeparableConv1D(6, 3, padding="same")(h)
    return Model(x, [h, SeparableConv1D(2, 3, name="late")(x)])


def test_names_classes_and_shapes_are_told() -> None:
    told = texts(drawn(skipping(2)))
    for part in ("x", "Input", "separable_conv1d_1", "SeparableConv1D", "(None, 8, 2)"):
        assert part in told


class Beside(Layer):
    def build(self, input_shape: Any) -> None:
        pass

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape[0])


def test_edge_over_several_ranks_passes_beside_the_boxes() -> None:
    x = h = Input((10, 6), name="x")
    for _ in range(3):
        h = SeparableConv1D(6, 3, padding="same")(h)
    both = SeparableConv1D(6, 2, padding="same", name="both")
    y = both(h)
    svg = drawn(Model(x, Beside(name="merge")([x, h, y])))
    passing = [path.attrib["d"] for path in ET.fromstring(svg).iter(f"{SVG}path")]
    straight = [re.findall(r"[\d.-]+", d) for d in passing if "V" in d]
    assert len(straight) == 5  # places in ranks 1 to 4 for x, one in rank 4 for h
    for *_, x_at, top, bottom in straight:
        for left, y_at, width, height in boxes(svg):
            apart = float(x_at) < left or float(x_at) > left + width
            assert apart or float(bottom) <= y_at or float(top) >= y_at + height


def test_text_is_escaped() -> None:
    x = Input((10, 6), name='<script>alert("x")</script>\x07'.replace("/", "|"))
    svg = drawn(Model(x, SeparableConv1D(2, 3, name="&amp;]]>")(x), name="<net>"))
    assert "<script" not in svg
    assert '<script>alert("x")<|script>\\x07' in texts(svg)
    assert "&amp;]]>" in texts(svg)


def test_unbuilt_network_is_drawn_without_shapes() -> None:
    assert texts(drawn(Sequential([SeparableConv1D(2, 3)]))).count("?") == 2


def test_deep_network_is_drawn() -> None:
    assert len(boxes(drawn(skipping(300)))) == 302


def test_plot_writes_the_file(tmp_path: Path) -> None:
    model = GRAPHS[0](SEPCONV)
    model.plot(tmp_path / "net.svg")
    assert (tmp_path / "net.svg").read_text() == drawn(model)
    with pytest.raises(ValidationError, match=r"must end in \.svg"):
        model.plot(tmp_path / "net.png")
    assert model(np.ones((1, 10, 6))).shape == (1, 6, 2)
