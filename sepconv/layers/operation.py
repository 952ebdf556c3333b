"""Operation: a named computation that can also be called on symbolic tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sepconv.declaration import Argument, Declared, argument
from sepconv.layers.rules import Name
from sepconv.layers.symbolic import Node, SymbolicTensor
from sepconv.rules import Nullable


class Operation(Declared):
    """A computation with a name, a shape rule and a record of its symbolic calls."""

    name: Argument[str | None, str] = argument(
        Nullable(Name()),
        default=None,
        kw_only=True,
        doc="Name of the layer; by default its class in snake_case, made unique by a container.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A container may rename what the user did not name.
        self._named = self.__dict__["name"] is not None
        self.__dict__["name"] = self.__dict__["name"] or snake_case(type(self).__name__)
        self._inbound_nodes: list[Node] = []

    def call(self, inputs: Any) -> Any:
        """Return the outputs for `inputs`."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call` method implemented."
        )

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the symbolic outputs for symbolic `inputs`."""
        raise NotImplementedError(
            f"{type(self).__name__} does not have a `compute_output_spec` method implemented."
        )

    def symbolic_call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the symbolic outputs for symbolic `inputs`, and record nothing."""
        return self.compute_output_spec(inputs, **kwargs)

    @property
    def input(self) -> Any:
        """The symbolic input of the first call."""
        return _alone(self._first_call("input").inputs)

    @property
    def output(self) -> Any:
        """The symbolic output of the first call."""
        return _alone(self._first_call("output").outputs)

    def _first_call(self, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        return self._inbound_nodes[0]

    def _record(self, inputs: Any, outputs: Any, kwargs: Mapping[str, Any] | None = None) -> None:
        self._inbound_nodes.append(Node(self, inputs, outputs, kwargs))


def _alone(tensors: list[SymbolicTensor]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it for a layer.

    >>> snake_case("SeparableConv1D")
    'separable_conv1d'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
