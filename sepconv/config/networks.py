"""Names and shapes through a network, each shape with the place it comes from."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sepconv import models
from sepconv.config import wiring
from sepconv.config.checks import check_object
from sepconv.config.findings import Findings, Note
from sepconv.config.flows import (
    UNKNOWN,
    Flow,
    Flows,
    entering,
    fits_number,
    listed,
    of_input,
    through,
)
from sepconv.config.keras_form import to_config, unique_name
from sepconv.config.nodes import Span
from sepconv.config.specs import Spec, is_functional, is_network, is_sequential
from sepconv.config.words import name_of
from sepconv.errors import ValidationError
from sepconv.layers.operation import snake_case


def check_document(
    spec: Spec, findings: Findings, input_shape: Sequence[int | None] | None = None
) -> list[Flow]:
    """Add what is wrong with a layer or network and all in it, and return what leaves it.

    Arguments:
        input_shape: of one example; it stands above the document's own.
    """
    flow = UNKNOWN if input_shape is None else Flow(tuple(input_shape), "--input-shape")
    _check_parts(spec, findings)
    return flow_through(spec, flow, findings)


# --- the parts, each by itself -------------------------------------------------------------------


def _check_parts(spec: Spec, findings: Findings) -> None:
    if not is_network(spec):
        spec.made = check_object(spec, findings)
        return
    layers = spec.arguments.get("layers")
    if layers is None and not findings.spoils(spec.config_path):
        findings.add("SC103", f"`layers` of {spec.name} is missing", spec.span, spec.path)
    elif layers is not None and not _has_layers(spec) and not findings.spoils(layers.path):
        findings.add("SC321", f"{spec.name} has no layers", layers.key, layers.path)
    if is_sequential(spec):
        _check_inputs(spec, findings)
        _check_names(spec, findings)
    for layer in spec.layers:
        if layer.name:  # else the schema has refused it
            _check_parts(layer, findings)


def _has_layers(spec: Spec) -> bool:
    return any(is_sequential(spec) or layer.name != "InputLayer" for layer in spec.layers)


def _check_inputs(spec: Spec, findings: Findings) -> None:
    """A stack of layers has one input, and it comes first."""
    given = spec.arguments.get("input_shape")
    for index, layer in enumerate(spec.layers):
        if layer.name != "InputLayer":
            continue
        if index > 0:
            message = "`InputLayer` must be the first layer"
            findings.add("SC107", message, layer.span, layer.path, help="take it out")
        elif given is not None and given.value.data() is not None:
            findings.add(
                "SC107",
                "`input_shape` and `InputLayer` both declare the input",
                layer.span,
                layer.path,
                help="keep one of the two",
                notes=(Note("`input_shape` is here", given.key),),
            )


def _check_names(spec: Spec, findings: Findings) -> None:
    taken: dict[str, Span] = {}
    unnamed: Counter[str] = Counter()
    for layer in spec.layers:
        given = layer.arguments.get("name")
        name = given.value.data() if given else None
        if given is None or not isinstance(name, str):
            base = snake_case(layer.name.rpartition(">")[2])
            taken[unique_name(base, taken, unnamed[base])] = layer.span
            unnamed[base] += 1
            continue
        if name in taken:
            findings.add(
                "SC320",
                f"two layers are called `{name_of(name)}`",
                given.value.span,
                given.path,
                help="give each layer a name of its own",
                notes=(Note("the first one is here", taken[name]),),
            )
        taken.setdefault(name, given.value.span)


# --- shapes --------------------------------------------------------------------------------------


def flow_through(spec: Spec, given: Flows, findings: Findings) -> list[Flow]:
    """Return what leaves a layer or network, and add a finding where what reaches it is unfit."""
    if is_functional(spec):
        return wiring.flow_through(spec, given, findings, flow_through)
    if not is_sequential(spec):
        return [through(spec, given, findings)]
    (flow,) = listed(given) if fits_number(spec, given, findings) else [UNKNOWN]
    flow = entering(spec, flow, _declared_input(spec), findings)
    for layer in spec.layers:
        (flow, *others) = flow_through(layer, flow, findings) or [UNKNOWN]  # `outputs: []`
        if others:
            findings.add(
                "SC333",
                f"{layer.name} returns {1 + len(others)} outputs, and a Sequential hands on one",
                layer.span,
                layer.path,
            )
    if not findings.spoils(spec.path):
        _check_building(spec, findings)
    return [flow]


def _declared_input(spec: Spec) -> Flow:
    for name, skipped in (("input_shape", 0), ("build_input_shape", 1)):
        given = spec.arguments.get(name)
        shape = given.value.data() if given else None
        if given and isinstance(shape, list) and all(_is_size(size) for size in shape):
            return Flow(tuple(shape[skipped:]), f"`{name}`", given.key)
    first = spec.layers[0] if spec.layers else None
    return of_input(first) if first is not None and first.name == "InputLayer" else UNKNOWN


def _is_size(size: Any) -> bool:
    return size is None or (type(size) is int and size >= 0)


def _check_building(spec: Spec, findings: Findings) -> None:
    """Build the network without its input, which would make its weights."""
    if _holds_graph(spec):
        return
    config = _without_input(to_config(spec))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keys of Keras 2 have been reported
            models.deserialize(config)
    except ValidationError as error:
        findings.add("SC399", name_of(f"{spec.name}: {error}", 400), spec.span, spec.path)


def _holds_graph(spec: Spec) -> bool:
    return is_functional(spec) or any(_holds_graph(layer) for layer in spec.layers)


def _without_input(config: dict[str, Any]) -> dict[str, Any]:
    if config["class_name"] != "Sequential":
        return config
    inner = {k: v for k, v in config["config"].items() if k != "build_input_shape"}
    kept = [layer for layer in inner["layers"] if layer["class_name"] != "InputLayer"]
    inner["layers"] = [_without_input(layer) for layer in kept]
    return {**config, "config": inner}
