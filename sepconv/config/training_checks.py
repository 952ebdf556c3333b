"""What a `training` section says that does not go with its network, or with itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sepconv import losses
from sepconv.config.checks import check_object, value
from sepconv.config.findings import Findings, Note
from sepconv.config.flows import Flow
from sepconv.config.specs import Ref, Spec, is_functional, is_sequential, refs_in
from sepconv.config.words import did_you_mean, name_of

PROBABILITIES = ("sigmoid", "softmax")
_SHAPING = ("Flatten", "Reshape")  # the values stay as they are
_SPARSE = "integer labels"
_ONE_HOT = "one-hot targets"
_TARGETS = {  # what a loss or metric takes
    "SparseCategoricalCrossentropy": _SPARSE,
    "SparseCategoricalAccuracy": _SPARSE,
    "SparseTopKCategoricalAccuracy": _SPARSE,
    "CategoricalCrossentropy": _ONE_HOT,
    "CategoricalAccuracy": _ONE_HOT,
    "TopKCategoricalAccuracy": _ONE_HOT,
}
_LOSSES = (
    losses.BinaryCrossentropy,
    losses.CategoricalCrossentropy,
    losses.SparseCategoricalCrossentropy,
)


def check_plan(plan: Spec, network: Spec | None, outputs: list[Flow], findings: Findings) -> None:
    """Add what is wrong with a `training` section."""
    check_object(plan, findings)
    _check_validation(plan, findings)
    counts = len(outputs) if network is not None else None
    if counts is not None and not _fits_outputs(plan, counts, findings):
        return
    found = _per_output(plan, "loss", len(outputs))
    last = list(_last_layers(network)) if network is not None else []
    for index, loss in enumerate(found):
        layer = last[index] if len(last) == len(found) else None
        if loss is not None and loss.made is not None:
            flow = outputs[index] if index < len(outputs) else Flow()
            _check_loss(loss, layer, flow, findings)
            for metric in _metrics(plan, index, len(outputs)):
                _check_targets(loss, metric, findings)
    _check_monitors(plan, len(outputs), findings)


def _check_validation(plan: Spec, findings: Findings) -> None:
    split = value(plan, "validation_split")
    given = plan.arguments.get("validation_split")
    if split and given is not None and _has_validation_file(plan):
        findings.add(
            "SC404",
            "`validation_split` has no effect: `data` names a file to validate with",
            given.key,
            given.path,
            help="keep one of the two",
        )


def _has_validation_file(plan: Spec) -> bool:
    data = value(plan, "data")
    return isinstance(data, dict) and "validation" in data


# --- one for each output -------------------------------------------------------------------------


def _fits_outputs(plan: Spec, count: int, findings: Findings) -> bool:
    """Tell whether lists have an item for each output."""
    fits = True
    for name in ("loss", "loss_weights", "metrics"):
        given = plan.arguments.get(name)
        listed = plan.listed.get(name) if name != "loss_weights" else value(plan, name)
        if given is None or listed is None or (name == "metrics" and not _is_nested(listed)):
            continue
        if len(listed) != count:
            findings.add(
                "SC403",
                f"`{name}` has {len(listed)} item{'' if len(listed) == 1 else 's'}, and the "
                f"network has {count} output{'' if count == 1 else 's'}",
                given.key,
                given.path,
                help="write one for each output, in their order",
            )
            fits = False
    return fits


def _is_nested(listed: list[Any]) -> bool:
    return any(isinstance(item, list) for item in listed)


def _per_output(plan: Spec, name: str, count: int) -> list[Spec | None]:
    listed = plan.listed.get(name)
    if listed is None:
        return [plan.inner.get(name)] * max(count, 1)
    return [item if isinstance(item, Spec) else None for item in listed]  # a list was refused


def _metrics(plan: Spec, index: int, count: int) -> list[Spec]:
    listed = plan.listed.get("metrics", [])
    if _is_nested(listed):
        listed = listed[index] if index < len(listed) else []
        listed = listed if isinstance(listed, list) else [listed]
    elif count > 1:
        listed = listed[index : index + 1]
    return [metric for metric in listed if isinstance(metric, Spec)]


# --- losses --------------------------------------------------------------------------------------


def _last_layers(network: Spec) -> Iterator[Spec | None]:
    """Yield the layer that makes each output of a network; None where it is not known."""
    if is_sequential(network):
        others = [layer for layer in network.layers if layer.name not in _SHAPING]
        if others:
            yield from _last_layers(others[-1])
    elif is_functional(network) and network.graph is not None:
        labels = {layer.label: layer for layer in network.layers}
        for ref in refs_in(network.graph.outputs):
            yield _made_by(labels.get(ref.name), ref)
    else:
        yield network


def _made_by(layer: Spec | None, ref: Ref) -> Spec | None:
    inner = [] if layer is None else list(_last_layers(layer))
    output = ref.output or 0
    return inner[output] if output < len(inner) else None


def _activation(layer: Spec | None) -> str | None:
    """Return the name of the function that ends a layer; None if there may be another."""
    if layer is None or layer.made is None or layer.name == "PReLU":
        return None
    if layer.name == "Softmax":
        return "softmax"
    found = getattr(layer.made, "activation", None)
    return getattr(found, "name", None)


def _check_loss(loss: Spec, layer: Spec | None, flow: Flow, findings: Findings) -> None:
    made = loss.made
    if not isinstance(made, _LOSSES):
        return
    activation = _activation(layer)
    notes = (
        (Note(f"`{name_of(layer.name)}` makes this output", layer.span),)
        if layer is not None
        else ()
    )
    if made.from_logits and activation in PROBABILITIES:
        findings.add(
            "SC401",
            f"{type(made).__name__} has `from_logits: true`, and the output went through "
            f"{activation}",
            loss.span,
            loss.path,
            help="take `from_logits` out, or the activation",
            notes=notes,
        )
    elif not made.from_logits and activation == "linear":
        findings.add(
            "SC401",
            f"{type(made).__name__} takes probabilities, and nothing bounds the output",
            loss.span,
            loss.path,
            help=f"write `{{{type(made).__name__}: {{from_logits: true}}}}`, or give the layer "
            f"the activation {_suited(made)}",
            notes=notes,
        )
    size = flow.shape[-1] if flow.shape else None
    of_classes = not isinstance(made, losses.BinaryCrossentropy)
    if size == 1 and (of_classes or activation == "softmax"):
        what = (
            f"{type(made).__name__} compares classes" if of_classes else "softmax compares classes"
        )
        findings.add(
            "SC402",
            f"{what}, and the output has one alone, whose probability is always 1",
            loss.span,
            loss.path,
            help="take BinaryCrossentropy and the activation sigmoid",
            notes=notes,
        )


def _suited(loss: Any) -> str:
    return "sigmoid" if isinstance(loss, losses.BinaryCrossentropy) else "softmax"


def _check_targets(loss: Spec, metric: Spec, findings: Findings) -> None:
    of_loss, of_metric = _TARGETS.get(_class(loss)), _TARGETS.get(_class(metric))
    if None not in (of_loss, of_metric) and of_loss != of_metric:
        findings.add(
            "SC405",
            f"{_class(metric)} takes {of_metric}, and the loss {_class(loss)} takes {of_loss}",
            metric.span,
            metric.path,
            help="write `accuracy`, which fits itself to the targets",
            notes=(Note("the loss is here", loss.span),),
        )


def _class(spec: Spec) -> str:
    return type(spec.made).__name__


# --- callbacks -----------------------------------------------------------------------------------


def _check_monitors(plan: Spec, outputs: int, findings: Findings) -> None:
    """Add a finding for each callback that watches what no log will hold."""
    is_validated = bool(value(plan, "validation_split")) or _has_validation_file(plan)
    if findings.spoils(("training", "metrics")) or findings.spoils(("training", "data")):
        return
    names = ["loss", *(_log_name(metric) for metric in _metrics(plan, 0, 1))]
    for callback in plan.listed.get("callbacks", []):
        watched = getattr(getattr(callback, "made", None), "monitor", None)
        if not isinstance(watched, str):
            continue
        given = callback.arguments.get("monitor")
        span, path = (given.value.span, given.path) if given else (callback.span, callback.path)
        is_val = watched.startswith("val_")
        if is_val and not is_validated:
            findings.add(
                "SC406",
                f"{callback.name} watches `{name_of(watched)}`, and there is nothing to validate "
                f"with",
                span,
                path,
                help="give `data: {validation: ...}` or `validation_split`, or watch `loss`",
            )
        elif outputs == 1 and watched.removeprefix("val_") not in names:
            known = [f"val_{name}" for name in names] if is_val else names
            findings.add(
                "SC406",
                f"{callback.name} watches `{name_of(watched)}`, which is not measured",
                span,
                path,
                help=did_you_mean(watched, known, "measured values"),
            )


def _log_name(metric: Spec) -> str:
    """Return the name of a metric in the logs."""
    given = getattr(metric.made, "name", metric.name)
    return metric.name if metric.name in ("accuracy", "acc") else str(given)
