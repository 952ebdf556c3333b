"""Nodes that change nothing, taken out of a graph: what comes behind them is found more easily."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.onnx.incoming.source import DTYPES, Node

Array = NDArray[Any]
_BOOL = ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or")


def without_idle(
    nodes: Sequence[Node],
    dtypes: dict[str, str],
    constants: Mapping[str, Array],
    readers: Counter[str],
) -> tuple[list[Node], dict[str, str]]:
    """Return nodes without those that return their input, and of two transposes in a row one.

    Arguments:
        dtypes: of the inputs and the constants, by name.

    Returns:
        The nodes, and for each output that is not made any more the tensor that it is.
    """
    same: dict[str, str] = {}
    transposed: dict[str, tuple[str, list[int]]] = {}
    kept: list[Node] = []
    for told in nodes:
        node = told._replace(inputs=tuple(same.get(name, name) for name in told.inputs))
        dtypes.update(dict.fromkeys(node.outputs, _dtype(node, dtypes)))
        perm = node.attributes.get("perm")
        if not any(node.inputs[:1]):  # a constant, or not what it should be
            kept.append(node)
            continue
        if node.kind == "Transpose" and perm:
            first, before = transposed.get(node.inputs[0], (node.inputs[0], [*range(len(perm))]))
            if len(before) == len(perm) and sorted(perm) == [*range(len(perm))]:
                perm = [before[axis] for axis in perm]
                node = node._replace(inputs=(first,), attributes={"perm": perm})
                transposed[node.output] = first, perm
        if _is_idle(node, dtypes, constants, readers):
            same[node.output] = node.inputs[0]
        else:
            kept.append(node)
    return kept, same


def _is_idle(
    node: Node, dtypes: dict[str, str], constants: Mapping[str, Array], readers: Counter[str]
) -> bool:
    if any(readers[name] for name in node.outputs[1:]):
        return False
    if node.kind == "Cast":
        return DTYPES.get(node.attributes.get("to") or 0) == dtypes[node.inputs[0]] != ""
    if node.kind == "Transpose":
        perm = node.attributes.get("perm")
        return perm is not None and perm == [*range(len(perm))]
    if node.kind == "Dropout":
        training = constants.get(node.inputs[2]) if len(node.inputs) > 2 else np.array(False)
        return training is not None and not training.any()
    return node.kind == "Identity"


def _dtype(node: Node, dtypes: dict[str, str]) -> str:
    """Return the dtype of what a node makes; "" where it is not known."""
    if node.kind == "Cast":
        return DTYPES.get(node.attributes.get("to") or 0, "")
    if node.kind == "Shape":
        return "int64"
    if node.kind in _BOOL:
        return "bool"
    if node.kind in ("Constant", "ConstantOfShape"):
        value = node.attributes.get("value")
        return value.dtype.name if isinstance(value, np.ndarray) else ""
    given = node.inputs[1:] if node.kind == "Where" else node.inputs
    return next((dtypes.get(name, "") for name in given), "")
