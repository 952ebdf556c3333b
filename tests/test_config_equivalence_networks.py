"""Accepted by the validator ⇔ accepted by the constructors, for generated stacks and graphs."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

from sepconv import config, layers, models
from sepconv.config.findings import Findings
from sepconv.config.forms import document
from sepconv.config.keras_form import to_config
from sepconv.config.reading import read
from sepconv.errors import SepconvError

sizes = st.integers(1, 5)
rarely = st.integers(0, 19).map(lambda n: n == 0)  # so that most documents are sound far in
formats = st.sampled_from(["channels_last", "channels_last", "channels_last", "channels_first"])
paddings = st.sampled_from(["valid", "same"])
slopes = st.sampled_from([0, 0.5, -1])
PLAIN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "SeparableConv1D": {
        "filters": sizes, "kernel_size": sizes, "strides": sizes, "data_format": formats,
        "padding": paddings, "dilation_rate": st.sampled_from([1, 1, 2]),
        "activation": st.sampled_from(["relu", "softmax", "glu", None]),
    },
    "Conv1D": {
        "filters": sizes, "kernel_size": sizes, "groups": st.sampled_from([1, 1, 2]),
        "padding": st.sampled_from(["valid", "same", "causal"]), "data_format": formats,
    },
    "DepthwiseConv1D": {"kernel_size": sizes, "depth_multiplier": sizes},
    "Dense": {"units": sizes, "kernel_initializer": st.sampled_from(["zeros", "identity"])},
    "MaxPooling1D": {"pool_size": sizes, "padding": paddings},
    "AveragePooling1D": {"pool_size": sizes, "strides": sizes, "data_format": formats},
    "BatchNormalization": {"axis": st.sampled_from([-1, -1, 1, 3])},
    "LayerNormalization": {"axis": st.sampled_from([-1, 2, 3])},
    "Flatten": {},
    "GlobalAveragePooling1D": {},
    "GlobalMaxPooling1D": {"keepdims": st.booleans(), "data_format": formats},
    "Dropout": {"rate": st.sampled_from([0, 0.5, 2]), "noise_shape": st.sampled_from([None, [1]])},
    "SpatialDropout1D": {"rate": st.sampled_from([0, 0.5, 2])},
    "Normalization": {
        "axis": st.sampled_from([-1, 1, 3, None]), "mean": slopes, "variance": slopes,
    },
    "Rescaling": {"scale": slopes, "offset": slopes},
    "Activation": {"activation": st.sampled_from(["relu", "softmax", "glu", "tahn"])},
    "ELU": {"alpha": slopes},
    "LeakyReLU": {"negative_slope": slopes},
    "ReLU": {"max_value": slopes, "threshold": slopes},
    "Softmax": {"axis": st.sampled_from([-1, 1, 3, [1, 2]])},
    "PReLU": {"shared_axes": st.sampled_from([[1], None])},
    "Reshape": {"target_shape": st.sampled_from([[-1, 2], [4, 4], [-1]])},
    "Permute": {"dims": st.sampled_from([[2, 1], [1]])},
    "Cropping1D": {"cropping": sizes},
    "UpSampling1D": {"size": sizes},
    "ZeroPadding1D": {"padding": sizes, "data_format": formats},
    "Embedding": {"input_dim": sizes, "output_dim": sizes},
}  # fmt: skip
MERGES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    **{name: {} for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")},
    "Concatenate": {"axis": st.sampled_from([-1, -1, 1, 2, 3])},
}
REQUIRED = {"filters", "kernel_size", "units", "rate", "target_shape", "dims", "input_dim",
            "output_dim", "scale", "activation", "layers"}  # fmt: skip
shapes = st.lists(st.sampled_from([None, 1, 2, 4, 8, 9]), min_size=1, max_size=2)


@st.composite
def layer(draw: st.DrawFn, kinds: dict[str, Any]) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(kinds)))
    arguments = {
        key: draw(values)
        for key, values in kinds[name].items()
        if key in REQUIRED or draw(st.booleans())
    }
    if draw(rarely):
        arguments[draw(st.sampled_from(["filters", "kernal_size", "units", "axis"]))] = 2
    return {name: arguments}


KINDS = {**PLAIN, "Sequential": {"layers": st.lists(layer(PLAIN), min_size=1, max_size=2)}}


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, Any]:
    stack = draw(st.lists(layer(KINDS), min_size=1, max_size=4))
    return {"Sequential": {"input_shape": draw(shapes), "layers": stack}}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.sampled_from([["x"], ["x", "y"]]))
    inputs = {name: {"shape": draw(shapes)} for name in names}
    nodes: dict[str, Any] = {}
    for label in "abcd"[: draw(st.integers(1, 4))]:
        known = [*names, *nodes]
        if draw(rarely):
            known = ["a", "d", "e", "a/0", "a/1"]  # a cycle, nobody, a call
        one = st.sampled_from(known)
        match draw(st.integers(0, 4)):
            case 0 | 1:
                count = draw(st.sampled_from([2, 2, 2, 3]))
                node = draw(layer(MERGES))
                node["from"] = draw(st.lists(one, min_size=count, max_size=count))
            case 2:
                node = draw(layer(KINDS))
                node["from"] = [[draw(one)], [draw(one)]]
            case 3 if len(known) == 1 or nodes:
                node = draw(layer(KINDS))
            case _:
                node = draw(layer(KINDS))
                node["from"] = draw(one)
        nodes[label] = node
    several = {label for label, node in nodes.items() if str(node.get("from")).startswith("[[")}
    ends = [f"{label}/{draw(st.integers(0, 1))}" if label in several else label for label in nodes]
    outputs = draw(st.lists(st.sampled_from(ends), min_size=1, max_size=2))
    return {"Functional": {"inputs": inputs, "layers": nodes, "outputs": outputs}}


@st.composite
def keras_graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Return a graph in Keras's form, some calls with another list around their tensors, or none.

    Keras tells a tensor from a list of it; the short form does not.
    """
    network = keras_form(json.dumps(draw(graphs())).encode())
    for layer in network["config"]["layers"]:
        for call in layer["inbound_nodes"]:
            if draw(rarely):
                (given,) = call["args"]
                call["args"] = given[:1] if isinstance(given, list) else [[given]]
    return network


def test_every_layer_is_drawn() -> None:
    assert {*PLAIN, *MERGES, "InputLayer"} == set(layers.registry)


def keras_form(raw: bytes) -> dict[str, Any]:
    (found,) = read(raw, "a.json")
    assert found.root is not None
    spec = document(found.root, Findings(""))
    assert spec is not None
    return to_config(spec)


def constructors_accept(raw: bytes) -> bool:
    """Tell whether the network can be made, weights and all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            models.deserialize(keras_form(raw))
        except (SepconvError, TypeError):
            return False
    return True


def check(given_document: dict[str, Any]) -> None:
    raw = json.dumps(given_document).encode()
    found = config.validate(raw, "a.json").findings
    errors = [finding for finding in found if finding.severity == "error"]
    event("sound" if not errors else f"{len(errors)} errors")
    # What no output depends on is left out by the constructor, so it may be as it likes; and
    # Keras's form, which the constructor reads, always says which call is meant.
    if not errors or not {"SC332", "SC335"} & {finding.code for finding in found}:
        assert (not errors) == constructors_accept(raw), [(f.code, f.message) for f in errors]


@given(stacks() | graphs() | keras_graphs())
@settings(max_examples=300, suppress_health_check=list(HealthCheck), deadline=None)
def test_validator_and_constructors_agree(given_document: dict[str, Any]) -> None:
    check(given_document)


@pytest.mark.fuzz
@given(stacks() | graphs() | keras_graphs())
@settings(
    max_examples=int(os.environ.get("SEPCONV_FUZZ", "20")),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
def test_validator_and_constructors_agree_on_many(given_document: dict[str, Any]) -> None:
    check(given_document)
