"""The third pass: what a schema cannot say, about one object at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from sepconv.config.findings import Findings
from sepconv.config.forms import Spec
from sepconv.config.keras_form import to_config
from sepconv.config.limits import MAX_FINDINGS
from sepconv.config.words import name_of
from sepconv.declaration import REQUIRED
from sepconv.errors import ValidationError, nearest
from sepconv.registry import registered

# The number of axes of each weight of SeparableConv1D.
_RANKS = {"depthwise": 3, "pointwise": 3, "bias": 1}


def check_object(spec: Spec, findings: Findings) -> Any:
    """Add what is wrong with an object, and return it; None when it cannot be built.

    Arguments that are refused are left out, so that the others are checked all the same.
    """
    inner = {name: check_object(item, findings) for name, item in spec.inner.items()}
    if not spec.is_known:
        if ">" in spec.name:
            _report_unregistered(spec, findings)
        elif not findings.spoils(spec.path):
            message = f"unknown {spec.registry.kind} `{name_of(spec.name)}`"
            findings.add("SC101", message, spec.span, spec.path)
        return None
    _check_missing(spec, findings)
    special = _SPECIAL.get(spec.name)
    if special is not None:
        special(spec, inner, findings)
    return _build(spec, findings)


def value(spec: Spec, name: str) -> Any:
    """Return the kept value of an argument that is no object; None if it is refused."""
    argument = spec.declared[name]
    given = spec.arguments.get(name)
    try:
        return argument.rule.normalise(given.value.data() if given else argument.default, name)
    except (ValidationError, TypeError):
        return None


def is_sound(spec: Spec, findings: Findings) -> bool:
    """Tell whether nothing was refused in the object or its arguments."""
    return not findings.spoils(spec.path) and not any(
        findings.spoils(given.path) for given in spec.arguments.values()
    )


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
    misspelt = [key for key in spec.arguments if key not in spec.declared]
    # Of unknown arguments, each has been reported, and the one it was meant to be as the remedy.
    remedies = {nearest(key, spec.declared) for key in misspelt[:MAX_FINDINGS]}
    for name, argument in spec.declared.items():
        path = (*spec.path, name)
        if argument.default is not REQUIRED or name in spec.arguments or path in findings.refused:
            continue
        if name in remedies:
            continue
        findings.add(
            "SC103",
            f"`{name}` of {spec.name} is missing",
            spec.span,
            path,
            help=argument.doc[:1].lower() + argument.doc[1:].rstrip("."),
        )


def _build(spec: Spec, findings: Findings) -> Any:
    """Return the object; what its class refuses although nothing here did is a finding."""
    refused = {given.path for given in spec.arguments.values() if findings.spoils(given.path)}
    missing = [
        name
        for name, argument in spec.declared.items()
        if argument.default is REQUIRED
        and (name not in spec.arguments or spec.arguments[name].path in refused)
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


def _check_separable_conv1d(spec: Spec, inner: dict[str, Any], findings: Findings) -> None:
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
    for part, rank in _RANKS.items():
        _check_regularizer(spec, f"{part}_regularizer", rank, inner, findings)
        _check_constraint(spec, part, rank, inner, findings)
        _check_initializer(spec, part, rank, findings)
    _check_regularizer(spec, "activity_regularizer", 3, inner, findings)
    _check_activation(spec, inner.get("activation"), findings)


def _check_activation(spec: Spec, activation: Any, findings: Findings) -> None:
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
    spec: Spec, part: str, rank: int, inner: dict[str, Any], findings: Findings
) -> None:
    name = f"{part}_constraint"
    axis = getattr(inner.get(name), "axis", None)
    axes = [axis] if isinstance(axis, int) else list(axis or ())
    inside = spec.inner[name].arguments.get("axis") if name in spec.inner else None
    span, path = (inside.key, inside.path) if inside else spec.place(name)
    wrong = [a for a in axes if not -rank <= a < rank]
    if wrong:
        findings.add(
            "SC304",
            f"`axis` of {type(inner[name]).__name__} is {wrong[0]}, and the {part} "
            f"{'kernel' if rank > 1 else 'vector'} has the axes 0 to {rank - 1}",
            span,
            path,
        )
    elif part == "pointwise" and axes and all(a in (0, -3) for a in axes):
        findings.add(
            "SC303",
            f"`{name}` takes norms over axis 0 of the pointwise kernel, which has length 1: "
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
    if made == "Identity" or (made == "Orthogonal" and rank < 2):
        takes = "makes matrices alone" if made == "Identity" else "needs two axes at least"
        span, path = spec.place(name)
        findings.add(
            "SC306",
            f"`{name}` cannot be {made}: it {takes}, and this weight has "
            f"{rank} {'axes' if rank > 1 else 'axis'}",
            span,
            path,
        )


_SPECIAL: dict[str, Callable[[Spec, dict[str, Any], Findings], None]] = {
    "SeparableConv1D": _check_separable_conv1d,
}
