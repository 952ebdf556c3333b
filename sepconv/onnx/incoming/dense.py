"""Gemm and MatMul as Dense, Gather as Embedding."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from sepconv import layers
from sepconv.onnx.incoming.building import Building, RefusedError, Tensor
from sepconv.onnx.incoming.kernels import Act, Array, Weights, activatable, bias_of, kernel_of
from sepconv.onnx.incoming.source import Node, Source
from sepconv.onnx.incoming.table import Found, finder


@finder("Gemm")
def _gemm(source: Source, node: Node) -> Found | None:
    return activatable(node, node.inputs[:1], _of_gemm, source, node)


def _of_gemm(source: Source, node: Node, act: Act, building: Building, x: Tensor) -> Tensor:
    told = node.attributes
    if told.get("transA"):
        raise RefusedError("multiplies the transposed input")
    kernel, bias = kernel_of(source, node.inputs[1]), bias_of(source, node)
    kernel = (kernel.T if told.get("transB") else kernel) * _factor(told, "alpha")
    bias = [(name, array.reshape(-1) * _factor(told, "beta")) for name, array in bias]
    name = f"{node.inputs[1]} {sorted(told.items())}"  # one array can be several kernels
    return _dense(building, x, (name, kernel), bias, act)


def _factor(told: dict[str, Any], name: str) -> Any:
    return np.float32(told.get(name, 1.0))


@finder("MatMul", "Add")
def _matmul(source: Source, node: Node) -> Found | None:
    added: list[str] = []
    product = node
    if node.kind == "Add":
        added = [name for name in node.inputs if name in source.constants]
        others = [name for name in node.inputs if name not in source.constants]
        inner = source.inner(others[0], node.scope) if len(others) == 1 else None
        if inner is None or inner.kind != "MatMul" or len(added) != 1:
            return None
        product = inner
    kernel = source.constants.get(product.inputs[1])
    if kernel is None or kernel.ndim != 2 or product.inputs[0] in source.constants:
        if node.kind == "Add":
            return None
        raise RefusedError("multiplies by what is no constant matrix")
    bias = [(name, source.constants[name]) for name in added]
    if any(b.size != kernel.shape[1] or b.shape[-1:] != (b.size,) for _, b in bias):
        return None
    return activatable(node, product.inputs[:1], _of_matmul, (product.inputs[1], kernel), bias)


def _of_matmul(
    kernel: tuple[str, Array], bias: Weights, act: Act, building: Building, x: Tensor
) -> Tensor:
    bias = [(name, array.reshape(-1)) for name, array in bias]
    return _dense(building, x, kernel, bias, act)


def _dense(
    building: Building, x: Tensor, kernel: tuple[str, Array], bias: Weights, act: Act
) -> Tensor:
    x = building.plain(x)
    units = kernel[1].shape[1]
    if bias and bias[0][1].shape == (1,) != (units,):
        bias = [(bias[0][0], np.repeat(bias[0][1], units))]
    return building.called(
        layers.Dense, act.last, x, [kernel, *bias],
        units=units, activation=act.function(x.axes), use_bias=bool(bias),
    )  # fmt: skip


@finder("Gather")
def _embedding(source: Source, node: Node) -> Found | None:
    rows = source.constants.get(node.inputs[0])
    if rows is None or rows.ndim != 2 or node.attributes.get("axis", 0) != 0:
        raise RefusedError("gathers from what is no constant table of rows")
    return Found(node.inputs[1:], functools.partial(_embedded, node, rows))


def _embedded(node: Node, rows: Array, building: Building, x: Any) -> Tensor:
    x = building.plain(replace(x, dtype=rows.dtype.name, rounded=None))
    made = building.called(
        layers.Embedding, node, x, [(node.inputs[0], rows)],
        input_dim=len(rows), output_dim=rows.shape[1],
    )  # fmt: skip
    return replace(made, axes=tuple(range(x.rank + 1)))
