"""One case on both sides: what each did, and every difference with the reason we know for it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import sepconv
from parity.bounds import activated_bound, linear_and_bound
from parity.configs import Case


@dataclass(frozen=True)
class Difference:
    """One thing that differs; `reason` is None for what nobody has explained."""

    what: str
    ours: str
    keras: str
    reason: str | None


@dataclass
class Outcome:
    """How far a layer came: the layer, its outputs, or the error that ended it."""

    layer: Any = None
    outputs: Any = None
    error: Exception | None = None


# A refusal of ours that Keras has not: our text -> why.
STRICTER = {
    r"`strides > 1` not supported in conjunction": "the documentation forbids the combination",
    r"strictly positive integer": "counts are ints: no None, bool, float or str",
    r"must be a tuple of 1 integers": "sizes are ints: no float or str",
    r"cannot be OrthogonalRegularizer": "it takes rank 2 only, and is refused at construction",
    r"at least one channel": "no channels: refused by every method",
}
# A refusal of Keras that we have not: its text -> why.
LAXER = {
    r"Could not locate function '(hard_)?swish'": "aliases are read in the dict form too",
    r"geqrf_cpu": "16-bit weights are drawn wider; PyTorch has no QR for them",
    r"Calculated padded input size": "padding 'same' makes no steps of no steps",
}


class Comparison(NamedTuple):
    """What differs, and whether both refused the case, so that there were no values to compare."""

    found: list[Difference]
    refused: bool


def compare(case: Case, keras: Any) -> Comparison:
    """Compare sepconv's layer with Keras's on `case`."""
    ours = run(sepconv.SeparableConv1D, case, lambda layer: None)
    weights = ours.layer.get_weights() if ours.layer is not None and ours.layer.built else None
    theirs = run(keras.layers.SeparableConv1D, case, lambda layer: load(layer, weights))
    if ours.error or theirs.error:
        both = bool(ours.error and theirs.error)
        return Comparison(refusals(case, ours.error, theirs.error), both)
    found = list(shapes(case, ours, theirs))
    if ours.outputs.shape == theirs.outputs.shape:
        found += values(case, ours, theirs)
        found += losses(case, ours, theirs)
    return Comparison(found + configs(ours.layer, theirs.layer), False)


def run(cls: Any, case: Case, prepare: Callable[[Any], None]) -> Outcome:
    outcome = Outcome()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome.layer = cls(**case.arguments)
            outcome.layer.build(case.shape)
            prepare(outcome.layer)
            outcome.outputs = array(outcome.layer(case.inputs()))
    except Exception as error:
        outcome.error = error
    return outcome


def load(layer: Any, weights: Any) -> None:
    """Give Keras's layer our weights: unseeded initializers draw apart."""
    if weights is not None:
        layer.set_weights([np.asarray(w, np.float32) if w.itemsize == 2 else w for w in weights])


def array(tensor: Any) -> Any:
    """Return a tensor as a NumPy array; 16-bit floats as float32, which holds them all."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach()
        tensor = tensor.float() if tensor.element_size() == 2 else tensor
    values = np.asarray(tensor)
    return values.astype(np.float32) if values.dtype.itemsize == 2 else values


def refusals(case: Case, ours: Exception | None, theirs: Exception | None) -> list[Difference]:
    if ours and not isinstance(ours, (ValueError, TypeError)):
        return [Difference("kind of error", repr(ours), repr(theirs), None)]
    if ours and theirs:
        return []
    reason = matching(STRICTER, ours) if ours else matching(LAXER, theirs)
    if theirs and case.input_dtype.startswith("int"):
        reason = "ints are cast to the compute dtype"
    return [Difference("refused", repr(ours), repr(theirs), reason)]


def matching(reasons: dict[str, str], error: Exception | None) -> str | None:
    return next((why for rule, why in reasons.items() if re.search(rule, str(error))), None)


def shapes(case: Case, ours: Outcome, theirs: Outcome) -> Iterator[Difference]:
    pairs = {
        "output shape": (ours.outputs.shape, theirs.outputs.shape),
        "weights": (
            [(v.name, tuple(v.shape), v.dtype) for v in ours.layer.weights],
            [(v.name, tuple(v.shape), v.dtype) for v in theirs.layer.weights],
        ),
        "trainable weights": (
            [v.name for v in ours.layer.trainable_weights],
            [v.name for v in theirs.layer.trainable_weights],
        ),
        "count_params": (ours.layer.count_params(), theirs.layer.count_params()),
        "compute dtype": (ours.layer.compute_dtype, theirs.layer.compute_dtype),
        "compute_output_shape": (
            ours.layer.compute_output_shape(case.shape),
            tuple(theirs.layer.compute_output_shape(case.shape)),
        ),
    }
    for what, (our, their) in pairs.items():
        if our != their:
            glu = what == "compute_output_shape" and ours.layer.activation.name == "glu"
            reason = "compute_output_shape tells that glu halves the last axis" if glu else None
            yield Difference(what, str(our), str(their), reason)


def values(case: Case, ours: Outcome, theirs: Outcome) -> Iterator[Difference]:
    layer = ours.layer
    x = array(layer.convert(case.inputs()))
    linear, bound = linear_and_bound(layer, x, layer.get_weights())
    allowed = activated_bound(layer.activation.name, linear, bound, layer.compute_dtype)
    with np.errstate(invalid="ignore"):
        apart = np.abs(ours.outputs - theirs.outputs)
    same = (ours.outputs == theirs.outputs) | (np.isnan(ours.outputs) & np.isnan(theirs.outputs))
    off = ~(same | (apart <= allowed))
    if off.any():
        worst = np.unravel_index(np.argmax(off), off.shape)
        our, their = repr(ours.outputs[worst]), repr(theirs.outputs[worst])
        yield Difference("values", our, their, value_reason(ours, theirs))


def losses(case: Case, ours: Outcome, theirs: Outcome) -> Iterator[Difference]:
    layer = ours.layer
    our = [float(loss) for loss in layer.losses]
    their = [float(array(loss)) for loss in theirs.layer.losses]
    # Sums of up to some thousand terms, of outputs that themselves are rounded. In float64 what
    # is left is that Keras keeps a regularizer's factor in float32.
    rough = {"float16": 0.05, "bfloat16": 0.2, "float32": 1e-4, "float64": 2e-7}
    tolerance = rough[layer.compute_dtype]
    if len(our) != len(their) or not np.allclose(our, their, rtol=tolerance, atol=tolerance):
        reason = value_reason(ours, theirs)
        if np.isinf(their).any() and np.isfinite(our).all() and layer.compute_dtype == "float16":
            reason = "penalties of 16-bit tensors are summed in float32"
        yield Difference("losses", str(our), str(their), reason)


def value_reason(ours: Outcome, theirs: Outcome) -> str | None:
    if theirs.outputs.dtype == np.float32 and ours.outputs.dtype == np.float64:
        return "an activation that Keras has as a layer computes in float32 there"
    return None


def configs(ours: Any, theirs: Any) -> list[Difference]:
    """Compare both configs, and each after a trip through the other side."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        our, their = ours.get_config(), theirs.get_config()
        there = type(theirs).from_config(as_json(our)).get_config()
        back = type(ours).from_config(as_json(their)).get_config()
    pairs = {
        "config": (our, their),
        "config read by Keras": (our, there),
        "config of Keras read": (our, back),
    }
    return [
        Difference(f"{what}: {path}", repr(a), repr(b), config_reason(path, a, b))
        for what, (one, other) in pairs.items()
        for path, a, b in unequal(as_json(one), as_json(other))
    ]


def as_json(config: Any) -> Any:
    return json.loads(json.dumps(config))


def unequal(a: Any, b: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the paths at which two JSON values differ, with what stands there."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            yield from unequal(a.get(key, "absent"), b.get(key, "absent"), f"{path}/{key}")
    elif a != b or type(a) is not type(b):
        yield path, a, b


def config_reason(path: str, ours: Any, theirs: Any) -> str | None:
    if re.fullmatch(r"/\w+_initializer", path) and theirs is None:
        return "an initializer of None is written as the one that is used"
    if re.fullmatch(r"/activation/config/(dtype|name|trainable)", path) and ours == "absent":
        return "an activation that Keras has as a layer keeps its parameters alone"
    floats = isinstance(ours, (int, float)) and isinstance(theirs, (int, float))
    if "regularizer" in path and floats and np.float32(ours) == np.float32(theirs):
        return "a regularizer's config returns the float that was given"
    return None
