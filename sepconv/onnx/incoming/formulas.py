"""Activations found by their values: the operators of a formula are run, whatever their order.

Exporters write GELU, SiLU and others as formulas, each in another way, and so does ours. Instead
of looking for each of these ways, a group of operators of one input is tried at some points, and
what computes the same there is what the group is.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sepconv.activations import Activation, axiswise, piecewise, smooth
from sepconv.errors import SepconvError, WeightsError
from sepconv.onnx import activations
from sepconv.onnx.incoming.arithmetic import ELEMENTWISE, EVALUATED, evaluated
from sepconv.onnx.incoming.source import MOST_AXES, Node, Source

Array = NDArray[Any]
SAME = ("Identity", "Cast")
MOST = 32  # operators in a formula
MOST_NUMBERS = 6  # that are tried as arguments
POINTS = np.concatenate([np.linspace(-12, 12, 401) + 0.003, [-40, -0.0, 0, 40]])
PRECISION = 1e-5  # of formulas in float32, at these points
IN_16_BITS = 4e-3

# Activations by their numbers: all that a formula holds are tried as these.
_ARGUMENTS: dict[type[Activation], tuple[str, ...]] = {
    piecewise.LeakyRelu: ("negative_slope",),
    smooth.Elu: ("alpha",),
    smooth.Celu: ("alpha",),
    smooth.Squareplus: ("b",),
    piecewise.SoftShrink: ("threshold",),
    piecewise.HardShrink: ("threshold",),
    piecewise.Threshold: ("threshold", "default_value"),
    piecewise.Relu: ("negative_slope", "max_value", "threshold"),
}

# Numbers that operators have without saying so, where an activation has another one.
_UNSAID = {"LeakyRelu": 0.01, "ThresholdedRelu": 1.0}


class Normalised(NamedTuple):
    """What LayerNormalization does before it scales, over axes as the file counts them."""

    axes: tuple[int, ...]
    epsilon: float

    def __call__(self, x: Array) -> Array:
        centred = x - x.mean(self.axes, keepdims=True)
        variance = (centred * centred).mean(self.axes, keepdims=True)
        with np.errstate(all="ignore"):  # of an epsilon below 0
            return np.asarray(centred / np.sqrt(variance + self.epsilon))


class Formula(NamedTuple):
    """A group of nodes that computes one function of one tensor."""

    source: str
    function: Any  # an Activation, or Normalised
    is_inner: bool  # whether no other node reads the tensor
    rank: int  # of its constants: one of fewer axes becomes larger


def found(source: Source, node: Node) -> Formula | None:
    """Return the largest formula that ends with a node, within one scope."""
    groups = [] if node.kind in SAME else list(_groups(source, node))
    for x, group in reversed(groups):
        plain = all(one.kind in ELEMENTWISE for one in group)
        function = (_elementwise if plain else _axiswise)(source, x, group)
        if function is not None:
            inside = sum(one.inputs.count(x) for one in group)
            held = [source.constants.get(name) for one in group for name in one.inputs]
            rank = max((c.ndim for c in held if c is not None and plain), default=0)
            return Formula(x, function, inside == source.readers[x], rank)
    return None


def _groups(source: Source, end: Node) -> Iterator[tuple[str, list[Node]]]:
    """Yield groups of nodes up to `end` that read one tensor, from the smallest on."""
    group = {end.number: end}
    reads = {name for name in end.inputs if name and name not in source.constants}
    while len(group) <= MOST:
        if len(reads) == 1:
            yield next(iter(reads)), [group[number] for number in sorted(group)]
        makers = [source.makers[name] for name in reads if name in source.makers]
        latest = max(makers, key=lambda node: node.number, default=None)
        if latest is None or latest.kind not in EVALUATED:
            return
        if latest.scope != end.scope:
            return
        group[latest.number] = latest
        reads = {
            name
            for node in group.values()
            for name in node.inputs
            if name and name not in source.constants
        } - {name for node in group.values() for name in node.outputs}


def _run(source: Source, x: str, group: Sequence[Node], points: Array) -> Array | None:
    values: dict[str, Any] = {x: points, "": None}
    try:
        for node in group:
            arrays = [values.get(name, source.constants.get(name)) for name in node.inputs]
            made = evaluated(node, arrays, room=2**20)
            values.update(zip(node.outputs, made, strict=False))
    except WeightsError:
        return None
    return np.asarray(values[group[-1].output])


def _numbers(source: Source, group: Sequence[Node]) -> list[float]:
    """Return the numbers in a formula, as people write them."""
    found = [
        value for node in group for value in node.attributes.values() if isinstance(value, float)
    ]
    for node in group:
        if node.kind in _UNSAID and not node.attributes:
            found.append(_UNSAID[node.kind])
        for name in node.inputs:
            array = source.constants.get(name)
            if array is not None and array.size == 1 and array.dtype.kind not in "iub":
                found.append(float(array.reshape(())))
    return [*dict.fromkeys(map(rounded, found))]


def rounded(value: float) -> float:
    """Return the shortest number that is the same in float32.

    >>> rounded(0.20000000298023224)
    0.2
    """
    return float(str(np.float32(value)))


def _precision(source: Source, group: Sequence[Node]) -> float:
    constants = [source.constants.get(name) for node in group for name in node.inputs]
    narrow = any(c is not None and c.dtype.itemsize < 4 and c.dtype.kind != "b" for c in constants)
    return IN_16_BITS if narrow else PRECISION


def _nearest(y: Array, tried: Iterator[tuple[Any, Array]], precision: float) -> Any:
    best, least = None, precision
    for function, expected in tried:
        if expected.shape != y.shape:
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.where(y == expected, 0, np.abs(y - expected) / (1 + np.abs(expected)))
        if (most := float(np.max(off, initial=0))) < least:
            best, least = function, most
    return best


# --- of each value -------------------------------------------------------------------------------


def _elementwise(source: Source, x: str, group: Sequence[Node]) -> Activation | None:
    y = _run(source, x, group, POINTS)
    if y is None or y.size != POINTS.size:
        return None
    y, precision = y.reshape(-1), _precision(source, group)
    if np.array_equal(y, POINTS):
        return None
    numbers = _numbers(source, group)
    function = _nearest(y, iter(_plain()), precision)
    if function is None:
        function = _nearest(y, _with_numbers(numbers[:MOST_NUMBERS]), precision)
    # Beyond the points, too, where a number makes a difference.
    edges = np.outer([n for n in numbers if np.isfinite(n)], [-2, -1.01, -0.99, 0.99, 1.01, 2])
    y = _run(source, x, group, edges.reshape(-1))
    if function is None or y is None:
        return None
    expected = function(edges.reshape(-1))
    return _nearest(y, iter([(function, expected)]), precision)  # type: ignore[no-any-return]


@functools.cache
def _plain() -> list[tuple[Activation, Array]]:
    """Return the activations without arguments, each with its values at the points."""
    made: list[Activation] = [
        cls()
        for cls in (*activations.PLAIN, *activations.ELEMENTWISE)
        if cls not in (piecewise.Linear, *_ARGUMENTS)
    ]
    made += [piecewise.Relu(), smooth.Gelu(approximate=True)]
    return [(activation, activation(POINTS)) for activation in made]


def _with_numbers(numbers: Sequence[float]) -> Iterator[tuple[Activation, Array]]:
    for cls, names in _ARGUMENTS.items():
        for values in itertools.product([0.0, None, *numbers], repeat=len(names)):
            try:
                made = cls(**{n: v for n, v in zip(names, values, strict=True) if v is not None})
                yield made, made(POINTS)
            except (SepconvError, TypeError):  # a number that this argument cannot be
                continue


# --- along axes ----------------------------------------------------------------------------------


def _axiswise(source: Source, x: str, group: Sequence[Node]) -> Any:
    for shape in ((2, 6, 4), (2, 6, 4, 8), (6, 4)):  # an axis may be too many for the first
        points = np.random.default_rng(0).normal(scale=3, size=shape)
        y = _run(source, x, group, points)
        if y is not None:
            tried = _along(_axes(source, group), _numbers(source, group), points)
            return _nearest(y, tried, _precision(source, group))
    return None


def _axes(source: Source, group: Sequence[Node]) -> list[int]:
    """Return the whole numbers in a formula that may be axes."""
    found: dict[int, None] = {}
    for node in group:
        held = [source.constants.get(name) for name in node.inputs]
        for told in (node.attributes.get("axis"), node.attributes.get("axes"), *held):
            values = np.ravel([] if told is None else told)
            if values.dtype.kind == "i" and values.size <= MOST_AXES:
                found.update((int(v), None) for v in values if -MOST_AXES <= v < MOST_AXES)
    return [*found]


def _along(axes: list[int], numbers: Sequence[float], points: Array) -> Iterator[tuple[Any, Array]]:
    classes: tuple[type[Activation], ...] = (
        axiswise.LogSoftmax, axiswise.Sparsemax, axiswise.Glu,
    )  # fmt: skip
    sets = [(axis,) for axis in axes] + ([tuple(axes)] if len(axes) > 1 else [])
    for over in sets:
        tried: list[Any] = [functools.partial(axiswise.Softmax, list(over))]
        tried += [functools.partial(cls, over[0]) for cls in classes if len(over) == 1]
        tried += [functools.partial(Normalised, over, epsilon) for epsilon in numbers]
        for make in tried:
            try:
                made = make()
                yield made, np.asarray(made(points))
            except (SepconvError, ValueError, TypeError):
                continue
