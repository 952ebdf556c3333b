"""Shapes and names through a network, each shape with the place it comes from."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sepconv import models
from sepconv.config.checks import check_object, is_sound
from sepconv.config.findings import Findings, Note
from sepconv.config.forms import Spec, is_network
from sepconv.config.keras_form import to_config, unique_name
from sepconv.config.nodes import Span
from sepconv.config.words import name_of
from sepconv.errors import ValidationError
from sepconv.layers.geometry import span as kernel_span
from sepconv.layers.operation import snake_case

Shape = tuple[int | None, ...]
LARGE = 2**32  # bytes of weights that are probably a slip of the keyboard


@dataclass(frozen=True)
class Flow:
    """The shape of what reaches a layer, the batch left out; None where nothing is known."""

    shape: Shape | None = None
    source: str = ""  # what made it
    span: Span | None = None

    def note(self, size: int | None) -> tuple[Note, ...]:
        what = "it comes" if size is None else f"{size} steps come"
        return (Note(f"{what} from {self.source}", self.span),) if self.source else ()


def check_document(
    spec: Spec, findings: Findings, input_shape: Sequence[int | None] | None = None
) -> None:
    """Add what is wrong with a layer or network and all in it.

    Arguments:
        input_shape: of one example; it stands above the document's own.
    """
    flow = Flow(tuple(input_shape), "--input-shape") if input_shape is not None else Flow()
    _check(spec, flow, findings)


def _check(spec: Spec, flow: Flow, findings: Findings) -> Flow:
    if is_network(spec):
        return _check_network(spec, flow, findings)
    layer = check_object(spec, findings)
    if spec.name == "InputLayer":
        given = getattr(layer, "batch_shape", None)
        own = Flow(tuple(given[1:]), "`InputLayer`", spec.span) if given else Flow()
        return flow if flow.shape is not None else own
    return _through(spec, layer, flow, findings)


def _check_network(spec: Spec, flow: Flow, findings: Findings) -> Flow:
    layers = spec.arguments.get("layers")
    if layers is None and not findings.spoils(spec.config_path):
        findings.add("SC103", f"`layers` of {spec.name} is missing", spec.span, spec.path)
    elif layers is not None and not spec.layers and not findings.spoils(layers.path):
        findings.add("SC321", f"{spec.name} has no layers", layers.key, layers.path)
    if flow.shape is None:
        flow = _declared_input(spec)
    _check_inputs(spec, findings)
    _check_names(spec, findings)
    for layer in spec.layers:
        flow = _check(layer, flow, findings)
    if not findings.spoils(spec.path):
        _check_building(spec, findings)
    return flow


def _check_inputs(spec: Spec, findings: Findings) -> None:
    """A network has one input, and it comes first."""
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


def _check_building(spec: Spec, findings: Findings) -> None:
    """Build the network without its input, which would make its weights."""
    config = to_config(spec)
    inner = config["config"]
    inner.pop("build_input_shape", None)
    inner["layers"] = [layer for layer in inner["layers"] if layer["class_name"] != "InputLayer"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keys of Keras 2 have been reported
            models.deserialize(config)
    except ValidationError as error:
        findings.add("SC399", name_of(f"{spec.name}: {error}", 400), spec.span, spec.path)


def _declared_input(spec: Spec) -> Flow:
    for name, skipped in (("input_shape", 0), ("build_input_shape", 1)):
        given = spec.arguments.get(name)
        shape = given.value.data() if given else None
        if given and isinstance(shape, list) and all(_is_size(size) for size in shape):
            return Flow(tuple(shape[skipped:]), f"`{name}`", given.key)
    return Flow()


def _is_size(size: Any) -> bool:
    return size is None or (type(size) is int and size >= 0)


def _check_names(spec: Spec, findings: Findings) -> None:
    taken: dict[str, Span] = {}
    for layer in spec.layers:
        given = layer.arguments.get("name")
        name = given.value.data() if given else None
        if given is None or not isinstance(name, str):
            taken[unique_name(snake_case(layer.name.rpartition(">")[2]), taken)] = layer.span
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


def _through(spec: Spec, layer: Any, flow: Flow, findings: Findings) -> Flow:
    """Return what leaves a layer, and add a finding when what reaches it does not fit."""
    if layer is None or not is_sound(spec, findings):
        return Flow()
    shape: Shape | None = flow.shape
    if spec.name == "SeparableConv1D":
        if shape is not None and not _fits_separable_conv1d(spec, layer, shape, flow, findings):
            return Flow()
        shape = shape or (None, None)  # what it returns does not depend on its input's channels
    if shape is None:
        return Flow()
    try:
        out = layer.compute_output_shape((None, *shape))
    except NotImplementedError:
        return Flow()
    except Exception as error:  # a registered class may raise anything
        message = name_of(f"{spec.name}: {error}", 400)
        findings.add("SC311", message, spec.span, spec.path, notes=flow.note(shape[0]))
        return Flow()
    return Flow(tuple(out[1:]), f"`{spec.name}`", spec.span)


def _fits_separable_conv1d(
    spec: Spec, layer: Any, shape: Shape, flow: Flow, findings: Findings
) -> bool:
    if len(shape) != 2:
        message = f"{spec.name} takes (time, channels), and {_shape(shape)} reaches it"
        findings.add("SC311", message, spec.span, spec.path, notes=flow.note(None))
        return False
    steps, channels = shape if layer.data_format == "channels_last" else shape[::-1]
    if channels is None:
        findings.add(
            "SC311",
            f"{spec.name} needs to know the number of channels, and {_shape(shape)} reaches it",
            spec.span,
            spec.path,
            help=f"give {flow.source} a number of channels",
        )
    else:
        _check_size(spec, layer, channels, findings)
    return not _is_too_short(spec, layer, steps, flow, findings)


def _check_size(spec: Spec, layer: Any, channels: int, findings: Findings) -> None:
    expanded = channels * layer.depth_multiplier
    size = 4 * expanded * (layer.kernel_size[0] + layer.filters)
    if size > LARGE:
        span, path = spec.place("filters")
        message = f"the weights of {spec.name} take {size / 2**30:,.0f} GiB in float32"
        findings.add("SC312", message, span, path)


def _is_too_short(
    spec: Spec, layer: Any, steps: int | None, flow: Flow, findings: Findings
) -> bool:
    (taps,), (dilation,) = layer.kernel_size, layer.dilation_rate
    span = kernel_span(taps, dilation)
    if layer.padding != "valid" or steps is None or span <= steps:
        return False
    how = f" (=({taps}-1)·{dilation}+1)" if dilation > 1 else ""
    at, path = spec.place("kernel_size")
    findings.add(
        "SC310",
        f"kernel spans {span} steps{how}, input has {steps}, padding=valid",
        at,
        path,
        help="shorten the kernel, or write `padding: same`",
        notes=flow.note(steps),
    )
    return True


def _shape(shape: Shape) -> str:
    return f"[{', '.join('null' if size is None else str(size) for size in shape)}]"
