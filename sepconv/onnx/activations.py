"""Activations as operators of ONNX, or formulas of them where it has none."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sepconv.activations import axiswise, base, piecewise, smooth
from sepconv.onnx.graph import Graph, Term, Value, place

# What is a node without attributes.
PLAIN: dict[type[base.Activation], str] = {
    smooth.Sigmoid: "Sigmoid",
    smooth.Tanh: "Tanh",
    smooth.Softplus: "Softplus",
    smooth.Softsign: "Softsign",
    smooth.Exponential: "Exp",
    smooth.Selu: "Selu",
    smooth.Mish: "Mish",
}


def _plain(kind: str, a: Any, x: Term) -> Term:
    return x.op(kind)


def _relu(a: Any, x: Term) -> Term:
    if a.threshold:
        x = x.where(x > a.threshold, (x - a.threshold) * a.negative_slope)
    else:
        x = x.op("LeakyRelu", alpha=a.negative_slope) if a.negative_slope else x.op("Relu")
    return x if a.max_value is None else x.op("Min", a.max_value)


def _hard_sigmoid(x: Term) -> Term:
    return x.op("HardSigmoid", alpha=1 / 6, beta=0.5)


def _sparse_plus(x: Term) -> Term:
    rising = x.op("Max", -1.0) + 1.0
    return x.where(x > 1.0, rising * rising * 0.25)


def _gelu(x: Term) -> Term:
    return x * ((x * math.sqrt(0.5)).op("Erf") + 1.0) * 0.5


def _gelu_tanh(x: Term) -> Term:
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * (inner.op("Tanh") + 1.0) * 0.5


ELEMENTWISE: dict[type[base.Activation], Callable[[Any, Term], Term]] = {
    piecewise.Linear: lambda _, x: x,
    piecewise.Relu: _relu,
    piecewise.LeakyRelu: lambda a, x: x.op("LeakyRelu", alpha=a.negative_slope),
    piecewise.Relu6: lambda _, x: x.op("Clip", 0.0, 6.0),
    piecewise.HardSigmoid: lambda _, x: _hard_sigmoid(x),
    piecewise.HardSilu: lambda _, x: x * _hard_sigmoid(x),
    piecewise.HardTanh: lambda _, x: x.op("Clip", -1.0, 1.0),
    piecewise.SoftShrink: lambda a, x: x.op("Shrink", lambd=a.threshold, bias=a.threshold),
    piecewise.HardShrink: lambda a, x: x.op("Shrink", lambd=a.threshold, bias=0.0),
    piecewise.Threshold: lambda a, x: x.where(x > a.threshold, a.default_value),
    piecewise.SparsePlus: lambda _, x: _sparse_plus(x),
    piecewise.SparseSigmoid: lambda _, x: (x * 0.5 + 0.5).op("Clip", 0.0, 1.0),
    smooth.Elu: lambda a, x: x.op("Elu", alpha=a.alpha),
    smooth.Celu: lambda a, x: x.where(x > 0.0, ((x / a.alpha).op("Exp") - 1.0) * a.alpha),
    smooth.Gelu: lambda a, x: _gelu_tanh(x) if a.approximate else _gelu(x),
    smooth.Silu: lambda _, x: x * x.op("Sigmoid"),
    smooth.TanhShrink: lambda _, x: x - x.op("Tanh"),
    smooth.LogSigmoid: lambda _, x: -(-x).op("Softplus"),
    smooth.Squareplus: lambda a, x: (x + (x * x + a.b).op("Sqrt")) * 0.5,
    **{cls: functools.partial(_plain, kind) for cls, kind in PLAIN.items()},
}


def _softmax(a: Any, x: Term, axes: list[int]) -> Term:
    if len(axes) == 1:
        return x.op("Softmax", axis=axes[0])
    largest = _over("ReduceMax", x, axes)
    powers = (x - largest).op("Exp")
    return powers / _over("ReduceSum", powers, axes)


def _log_softmax(a: Any, x: Term, axes: list[int]) -> Term:
    return x.op("LogSoftmax", axis=axes[0])


def _glu(a: Any, x: Term, axes: list[int]) -> Term:
    names = x.graph.outputs_of("Split", [x.name], 2, axis=axes[0], num_outputs=2)
    values, gates = (Term(x.graph, name, x.dtype) for name in names)
    return values * gates.op("Sigmoid")


def _sparsemax(a: Any, x: Term, axes: list[int]) -> Term:
    graph, axis = x.graph, axes[0]
    shape = graph.op("Shape", x.name)
    size = graph.op("Gather", shape, graph.ints(axis))
    falling = Term(graph, graph.outputs_of("TopK", [x.name, size], 2, axis=axis)[0], x.dtype)
    along = graph.constant(np.array(axis, np.int64), "axis")
    one = x.number(1.0)
    ones = Term(graph, graph.op("Expand", one.name, shape), x.dtype)
    sums, counts = (
        Term(graph, graph.op("CumSum", term.name, along), x.dtype) for term in (falling, ones)
    )
    inside = (falling - (sums - 1.0) / counts > 0.0).op("Or", x.number(1.5) > counts)
    support = _over("ReduceSum", one.where(inside, 0.0), axes)
    tau = (_over("ReduceSum", sums.where(inside, 0.0), axes) - 1.0) / support
    return (x - tau).op("Max", 0.0)


AXISWISE: dict[type[base.Activation], Callable[[Any, Term, list[int]], Term]] = {
    axiswise.Softmax: _softmax,
    axiswise.LogSoftmax: _log_softmax,
    axiswise.Sparsemax: _sparsemax,
    axiswise.Glu: _glu,
}


def is_known(activation: base.Activation) -> bool:
    """Tell whether an activation has an ONNX form."""
    return type(activation) in ELEMENTWISE or type(activation) in AXISWISE


def activated(graph: Graph, activation: Any, x: Value) -> str:
    """Return the name of the activation of `x`, in the order of axes that `x` has."""
    swapped = x.swapped
    term = Term(graph, x.names[swapped], x.dtype)
    if type(activation) in ELEMENTWISE:
        return ELEMENTWISE[type(activation)](activation, term).name
    axes = activation.axis if isinstance(activation.axis, list) else [activation.axis]
    places = [place(axis, x.rank, swapped) for axis in axes]
    return AXISWISE[type(activation)](activation, term, places).name


def _over(kind: str, x: Term, axes: list[int]) -> Term:
    name = x.graph.op(kind, x.name, x.graph.ints(*axes), keepdims=1)
    return Term(x.graph, name, x.dtype)
