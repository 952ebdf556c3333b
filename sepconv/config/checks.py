"""The third pass: what a schema cannot say, about one object at a time."""

from __future__ import annotations

import warnings
from typing import Any

from sepconv.config.findings import Findings
from sepconv.config.keras_form import to_config
from sepconv.config.kinds import LAYERS, OF_EVERY_LAYER, object_kind
from sepconv.config.limits import MAX_FINDINGS
from sepconv.config.sketching import weights
from sepconv.config.specs import Spec
from sepconv.config.words import name_of
from sepconv.declaration import REQUIRED, Rule
from sepconv.errors import ValidationError, nearest
from sepconv.registry import registered


def check_object(spec: Spec, findings: Findings) -> Any:
    """Add what is wrong with an object, and return it; None when it cannot be built.

    Arguments that are refused are left out, so that the others are checked all the same.
    """
    inner = {name: check_object(item, findings) for name, item in spec.inner.items()}
    for items in spec.listed.values():
        _check_list(items, findings)
    if not spec.is_known:
        if ">" in spec.name:
            _report_unregistered(spec, findings)
        elif not findings.spoils(spec.path):
            message = f"unknown {spec.registry.kind} `{name_of(spec.name)}`"
            findings.add("SC101", message, spec.span, spec.path)
        return None
    _check_missing(spec, findings)
    if spec.registry is LAYERS and spec.name in LAYERS:
        _check_layer(spec, inner, findings)
    spec.made = _build(spec, findings)
    return spec.made


def _check_list(items: list[Any], findings: Findings) -> None:
    for item in items:
        if isinstance(item, list):
            _check_list(item, findings)
        elif item is not None:
            check_object(item, findings)


def value(spec: Spec, name: str) -> Any:
    """Return the kept value of an argument that is no object; None if it is refused."""
    argument = spec.declared[name]
    given = spec.arguments.get(name)
    try:
        return argument.rule.normalise(given.value.data() if given else argument.default, name)
    except (ValidationError, TypeError):
        return None


def is_sound(spec: Spec, findings: Findings) -> bool:
    """Tell whether nothing was refused that could change the shape of the object's outputs."""
    return not {spec.path, spec.config_path} & findings.refused and not any(
        findings.spoils(given.path)
        for name, given in spec.arguments.items()
        if not (name in spec.declared and _is_idle(name, spec.declared[name].rule))
    )


def _is_idle(name: str, rule: Rule) -> bool:
    """Tell whether an argument has no part in shapes: objects, and what every layer has."""
    return name in OF_EVERY_LAYER or name == "use_bias" or object_kind(rule) is not None


def _report_unregistered(spec: Spec, findings: Findings) -> None:
    guess = nearest(spec.name, registered)
    findings.add(
        "SC201",
        f"{spec.registry.kind} `{name_of(spec.name)}` is not registered",
        spec.span,
        spec.path,
        help=f"did you mean `{guess}`?"
        if guess
        else "register it in Python, or name its file: --register my_objects.py",
    )


def _check_missing(spec: Spec, findings: Findings) -> None:
    if spec.config_path in findings.refused:
        return
    declared = spec.declared
    misspelt = [key for key in spec.arguments if key not in declared]
    # Of unknown arguments, each has been reported, and the one it was meant to be as the remedy.
    remedies = {nearest(key, declared) for key in misspelt[:MAX_FINDINGS]}
    for name in _required(spec):
        path = (*spec.path, name)
        if name in spec.arguments or path in findings.refused or name in remedies:
            continue
        findings.add(
            "SC103",
            f"`{name}` of {spec.name} is missing",
            spec.span,
            path,
            help=declared[name].doc[:1].lower() + declared[name].doc[1:].rstrip("."),
        )


def _required(spec: Spec) -> list[str]:
    """Return the arguments that an object must be given."""
    required = [name for name, argument in spec.declared.items() if argument.default is REQUIRED]
    if spec.name == "InputLayer" and not {"batch_shape", "batch_input_shape"} & {*spec.arguments}:
        required.append("shape")
    return required


def _build(spec: Spec, findings: Findings) -> Any:
    """Return the object; what its class refuses although nothing here did is a finding."""
    refused = {given.path for given in spec.arguments.values() if findings.spoils(given.path)}
    missing = [
        name
        for name in _required(spec)
        if name not in spec.arguments or spec.arguments[name].path in refused
    ]
    config = to_config(spec, refused)
    if missing:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keys of Keras 2 have been reported
            return spec.registry.deserialize(config)
    except Exception as error:  # a registered class may raise anything
        _report_refusal(spec, error, findings)
        return None


def _report_refusal(spec: Spec, error: Exception, findings: Findings) -> None:
    message = (
        str(error) if isinstance(error, ValidationError) else f"{type(error).__name__}: {error}"
    )
    named = [name for name in spec.arguments if f"`{name}`" in message or f"{name}=" in message]
    span, path = spec.place(named[0]) if named else (spec.span, spec.path)
    findings.add("SC399", name_of(f"{spec.name}: {message}", 400), span, path)


# --- one layer -----------------------------------------------------------------------------------


def _check_layer(spec: Spec, inner: dict[str, Any], findings: Findings) -> None:
    _check_strides(spec, findings)
    if inner:
        for part, shape in weights(spec.name).items():
            _check_regularizer(spec, f"{part}_regularizer", len(shape), inner, findings)
            _check_constraint(spec, part, shape, inner, findings)
            _check_initializer(spec, part, len(shape), findings)
    if "kernel_size" in spec.declared:  # it returns (batch, time, channels)
        _check_regularizer(spec, "activity_regularizer", 3, inner, findings)
    _check_activation(spec, inner.get("activation"), findings)


def _check_strides(spec: Spec, findings: Findings) -> None:
    if not {"strides", "dilation_rate"} <= set(spec.declared):
        return
    strides, dilation = value(spec, "strides"), value(spec, "dilation_rate")
    if strides and dilation and strides[0] > 1 and dilation[0] > 1:
        span, path = spec.place("strides")
        findings.add(
            "SC301",
            f"strides={strides[0]} and dilation_rate={dilation[0]} cannot be combined",
            span,
            path,
            help="set one of the two to 1",
        )


def _check_activation(spec: Spec, activation: Any, findings: Findings) -> None:
    if "data_format" not in spec.declared or "activation" not in spec.inner:
        return
    if value(spec, "data_format") != "channels_first" or getattr(activation, "axis", 1) == 1:
        return
    if activation.axis in (-1, 2):
        span, path = spec.place("activation")
        findings.add(
            "SC305",
            f"`{activation.name}` works along the last axis, which is time in channels_first",
            span,
            path,
            help=f"write `{{{activation.name}: {{axis: 1}}}}` to work along the channels",
        )


def _check_regularizer(
    spec: Spec, name: str, rank: int, inner: dict[str, Any], findings: Findings
) -> None:
    needed = getattr(inner.get(name), "rank", None)
    if needed not in (None, rank):
        span, path = spec.place(name)
        findings.add(
            "SC302",
            f"`{name}` cannot be {type(inner[name]).__name__}: it takes tensors of rank {needed}, "
            f"this one has rank {rank}",
            span,
            path,
            help="use L1, L2 or L1L2",
        )


def _check_constraint(
    spec: Spec, part: str, shape: tuple[int, ...], inner: dict[str, Any], findings: Findings
) -> None:
    name, rank = f"{part}_constraint", len(shape)
    axis = getattr(inner.get(name), "axis", None)
    axes = [axis] if isinstance(axis, int) else list(axis or ())
    inside = spec.inner[name].arguments.get("axis") if name in spec.inner else None
    span, path = (inside.key, inside.path) if inside else spec.place(name)
    wrong = [a for a in axes if not -rank <= a < rank]
    if wrong:
        findings.add(
            "SC304",
            f"`axis` of {type(inner[name]).__name__} is {wrong[0]}, and the {_called(part, rank)} "
            f"has the axes 0 to {rank - 1}",
            span,
            path,
        )
    elif shape[0] == 1 and axes and all(a in (0, -rank) for a in axes):
        findings.add(
            "SC303",
            f"`{name}` takes norms over axis 0 of the {_called(part, rank)}, which has length 1: "
            f"each weight by itself",
            span,
            path,
            help="axis: 1 takes the norm of all weights of a filter",
        )


def _check_initializer(spec: Spec, part: str, rank: int, findings: Findings) -> None:
    name = f"{part}_initializer"
    inner = spec.inner.get(name)
    if inner is None or not inner.is_known:
        return
    made = getattr(inner.registry[inner.name], "__name__", "")
    if (made == "Identity" and rank != 2) or (made == "Orthogonal" and rank < 2):
        takes = "makes matrices alone" if made == "Identity" else "needs two axes at least"
        span, path = spec.place(name)
        findings.add(
            "SC306",
            f"`{name}` cannot be {made}: it {takes}, and this weight has "
            f"{rank} {'axes' if rank > 1 else 'axis'}",
            span,
            path,
        )


def _called(part: str, rank: int) -> str:
    """Return what a weight is called: `depthwise_kernel` has the arguments `depthwise_...`."""
    if part == "kernel" or part.endswith("_kernel"):
        return part.replace("_", " ")
    return f"{part} {'kernel' if rank > 1 else 'vector'}"
