"""An ONNX graph of 1-D convolutions rewritten with 2-D ones, over an axis of length 1."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.peers.form import Placement

OVER_TIME = ("Conv", "MaxPool", "AveragePool")
# What does the same with one axis more, if all of its inputs but constants have it.
INDIFFERENT = ("Add", "BatchNormalization", "Relu")


def lifted(model: Any, placement: Placement) -> Any:
    """Return the model, with the axis wherever a convolution or pooling needs it."""
    return _Lifting(model, placement).model


class _Lifting:
    def __init__(self, model: Any, placement: Placement) -> None:
        onnx = import_module("onnx")
        self._helper, self._arrays = onnx.helper, onnx.numpy_helper
        self._placement = placement
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        graph = self.model.graph
        del graph.value_info[:]
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._lifted: set[str] = set()  # tensors with the axis
        self._nodes: list[Any] = []
        axis = 2 if placement.extra_axis == -2 else 3
        graph.initializer.append(self._arrays.from_array(np.array([axis]), "extra_axis"))
        for node in list(graph.node):
            self._add(node)
        for output in graph.output:
            if output.name in self._lifted:
                self._end(output.name)
        del graph.node[:]
        graph.node.extend(self._nodes)

    def _add(self, node: Any) -> None:
        if node.op_type in OVER_TIME:
            node.input[0] = self._with_axis(node.input[0])
            for name in node.input[1:2]:
                kernel = self._constants[name]
                array = self._placement.lift(self._arrays.to_array(kernel))
                kernel.CopyFrom(self._arrays.from_array(array, name))
            self._lift_sizes(node)
            self._lifted.update(node.output)
        else:
            given = [name for name in node.input if name not in self._constants]
            if node.op_type in INDIFFERENT and self._lifted.issuperset(given):
                self._lifted.update(node.output)
            else:
                node.input[:] = [self._without_axis(name) for name in node.input]
        self._nodes.append(node)

    def _lift_sizes(self, node: Any) -> None:
        for attribute in node.attribute:
            sizes = list(attribute.ints)
            if attribute.name == "pads":
                (before, after), lift = sizes, self._placement.sizes
                attribute.ints[:] = lift(before, 0) + lift(after, 0)
            elif sizes:
                attribute.ints[:] = self._placement.sizes(sizes[0], 1)

    def _with_axis(self, name: str) -> str:
        return name if name in self._lifted else self._moved("Unsqueeze", name, f"{name}/lifted")

    def _without_axis(self, name: str) -> str:
        return self._moved("Squeeze", name, f"{name}/flat") if name in self._lifted else name

    def _moved(self, kind: str, name: str, made: str) -> str:
        if not any(made in node.output for node in self._nodes):
            self._nodes.append(self._helper.make_node(kind, [name, "extra_axis"], [made]))
            if kind == "Unsqueeze":
                self._lifted.add(made)
        return made

    def _end(self, output: str) -> None:
        """Give the graph's output without the axis its name."""
        inner = f"{output}/inner"
        for node in self._nodes:
            node.input[:] = [inner if name == output else name for name in node.input]
            node.output[:] = [inner if name == output else name for name in node.output]
        self._nodes.append(self._helper.make_node("Squeeze", [inner, "extra_axis"], [output]))
