"""Costs of networks: receptive fields found with impulses, multiply-adds counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from network_cases import GRAPHS, SEPCONV

import sepconv
from sepconv import Input, Model, SeparableConv1D, Sequential
from sepconv.layers import Layer
from sepconv.models.costs import measured


def seen(network: Any, steps: int) -> int:
    """Return how many steps of the input the first output step depends on, by trying each."""
    impulses = np.eye(steps, dtype=np.float32)[:, :, np.newaxis]
    found = np.flatnonzero(network(impulses)[:, 0, 0])
    return int(found[-1] - found[0] + 1)


def conv(taps: int, stride: int, dilation: int) -> Layer:
    return SeparableConv1D(
        *(1, taps, stride),
        dilation_rate=1 if stride > 1 else dilation,
        depthwise_initializer="ones",
        pointwise_initializer="ones",
    )


layers = st.one_of(
    st.builds(conv, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)),
    st.builds(sepconv.AveragePooling1D, st.integers(1, 3), st.integers(1, 3)),
    st.builds(sepconv.Activation, st.just("linear")),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(layers, min_size=1, max_size=4))
def test_receptive_field_is_what_an_output_depends_on(chain: list[Layer]) -> None:
    network = Sequential([Input((250, 1)), *chain])
    assert measured(network)[-1].field == seen(network, 250)


def test_layer_over_all_of_time_has_no_receptive_field_nor_has_what_follows() -> None:
    network = Sequential([Input((8, 2)), sepconv.Flatten(), sepconv.Activation("relu")])
    assert [row.field for row in measured(network)] == [None, None]


def test_macs_are_those_of_all_calls() -> None:
    x = Input((10, 6))
    layer = SeparableConv1D(6, 3, padding="same")
    (_, row) = measured(Model(x, layer(layer(x))))
    assert row.macs == 2 * 10 * (3 * 6 + 6 * 6)
    assert row.parameters == 3 * 6 + 6 * 6 + 6
    assert row.inputs == ["input_layer", "separable_conv1d"]


def test_network_within_costs_what_its_layers_do() -> None:
    row = measured(GRAPHS[7](SEPCONV))[1]
    assert row.macs == 8 * (3 * 6 + 6 * 4)
    assert [inner.macs for inner in row.inner] == [row.macs]
    assert row.field == 3


def test_costs_follow_the_given_length() -> None:
    network = Sequential([Input((None, 6)), SeparableConv1D(4, 3)])
    assert measured(network)[0].macs is None
    assert measured(network, (None, 10, 6))[0].macs == 8 * (3 * 6 + 6 * 4)


def test_own_layer_that_tells_no_shape_leaves_the_rest_open() -> None:
    class Silent(Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

    network = Sequential([Input((10, 6)), SeparableConv1D(4, 3), Silent(), SeparableConv1D(4, 3)])
    assert [row.output for row in measured(network)] == [(None, 8, 4), None, None]


def test_own_layer_with_a_kernel_leaves_the_macs_open() -> None:
    class Mix(Layer):
        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight((input_shape[-1], 2), name="kernel")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (*input_shape[:-1], 2)

    assert measured(Sequential([Input((10, 6)), Mix()]))[0].macs is None


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_summary_tells_each_layer_within_its_width(build: Any) -> None:
    model = build(SEPCONV)
    told: list[str] = []
    model.summary(told.append, line_length=100)
    assert max(map(len, told[0].splitlines())) <= 100
    for layer in model.layers:
        assert layer.name in told[0]
    assert f"{model.count_params():,} (" in told[0]
    assert "MACs for one sample" in told[0]


def test_summary_tells_what_a_layer_reads() -> None:
    told: list[str] = []
    GRAPHS[6](SEPCONV).summary(told.append, line_length=140)
    assert "a, between, b" in told[0]
