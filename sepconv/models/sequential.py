"""Sequential: one layer after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np

from sepconv.errors import ValidationError, shown
from sepconv.layers import building
from sepconv.layers.base import Layer
from sepconv.layers.input_layer import InputLayer
from sepconv.layers.rules import standardize_shape
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.inputs import not_one_tensor
from sepconv.models.network import Network
from sepconv.models.program import Program
from sepconv.models.registry import deserialize, refuse_unknown, registry, serialize
from sepconv.models.steps import LayerCall

_CONFIG = ("name", "trainable", "dtype", "layers", "build_input_shape")


@registry.register()
class Sequential(Network):
    """A stack of layers, each of one input and one output.

    With an `Input` first, or once it was called, it is built as layers are added.

    Arguments:
        layers: the layers, from the input on; the first may be an `Input`.
        trainable: whether an optimizer updates the weights.
        name: of the network.

    >>> from sepconv import Input, SeparableConv1D
    >>> model = Sequential([Input((10, 12)), SeparableConv1D(4, 3), SeparableConv1D(2, 3)])
    >>> model.output_shape
    (None, 6, 2)
    >>> [layer.name for layer in model.layers]
    ['separable_conv1d', 'separable_conv1d_1']
    """

    def __init__(
        self,
        layers: Iterable[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._outputs: SymbolicTensor | None = None  # of the last layer
        self._chain: Program | None = None
        for layer in layers or ():
            self.add(layer)

    # --- the stack -------------------------------------------------------------------------------

    @property
    def _stack(self) -> list[Layer]:
        return self._tracked.layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the InputLayer."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer | SymbolicTensor) -> None:
        """Put a layer on top of the stack.

        Raises:
            ValidationError: not a layer, a name that is taken, or a second Input.
        """
        layer = _as_layer(layer)
        with self._lock:
            if not self._stack and layer._input_shape_arg is not None:
                self.add(InputLayer(layer._input_shape_arg))
            if isinstance(layer, InputLayer) and self._stack:
                raise ValidationError(self._second_input())
            if self._tracked.holds(layer):
                self._stack.append(layer)  # once more, with the same weights
            else:
                self._adopt(layer)
            try:
                self._connect(self._stack[-1:])
            except BaseException:
                self._tracked.pop()
                raise

    def pop(self) -> Layer:
        """Take the last layer off the stack and return it."""
        with self._lock:
            if not self._stack:
                raise ValidationError(f"Sequential model '{self.name}' has no layers to pop.")
            layer: Layer = self._tracked.pop()
            self._reconnect()
        return layer

    def build(self, input_shape: Any) -> None:
        """Build each layer for what the one below returns, from inputs of `input_shape`.

        Raises:
            ValidationError: no layers, another shape than the Input's, or one that does not suit.
        """
        shape = standardize_shape(input_shape)
        if not self._stack:
            raise ValidationError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                f"Call `model.add(layer)`."
            )
        first = self._stack[0]
        if not isinstance(first, InputLayer):
            first = InputLayer(batch_shape=shape, dtype=first.compute_dtype)
            self._adopt(first)
            self._stack.insert(0, self._stack.pop())
        elif first.batch_shape != shape:
            raise ValidationError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{first.batch_shape}. You cannot build it with input_shape {shape}"
            )
        with suppress(NotImplementedError):
            self.compute_output_shape(shape)  # refuses a bad shape before a layer is built for it
        self._reconnect()

    def _reconnect(self) -> None:
        self._outputs = None
        self.built = False
        self._connect(self._stack)

    def _connect(self, layers: Sequence[Layer]) -> None:
        """Call the topmost `layers` on the output so far, which builds them, if there is one."""
        self._chain = None
        for layer in layers:
            if isinstance(layer, InputLayer):
                self._outputs = layer.output
                self._build_shape = layer.batch_shape
            elif self._outputs is not None:
                try:
                    self._outputs = layer(self._outputs)
                except NotImplementedError:  # a layer of the user's own that tells no shapes:
                    self._outputs = None  # those from here on are built by the first call
                else:
                    self.built = True

    # --- calling -------------------------------------------------------------------------------

    def convert(self, inputs: Any) -> Any:
        """Return `inputs` as an array as the first layer takes it."""
        return self._stack[0].convert(inputs) if self._stack else super().convert(inputs)

    def _prepare(self, inputs: Any) -> None:
        if not self.built:
            with self._lock:
                if not self.built:
                    # Any number of samples, whatever the first call happens to have.
                    self.build((None, *building.shape_of(inputs)[1:]))
        super()._prepare(inputs)

    def _call_symbolically(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        given = inputs[0] if isinstance(inputs, (list, tuple)) and len(inputs) == 1 else inputs
        if not isinstance(given, SymbolicTensor):
            raise not_one_tensor(inputs, self.name)
        return super()._call_symbolically(given, *args, **kwargs)

    def _program(self) -> Program:
        program = self._chain
        if program is None:
            calls: list[LayerCall] = [
                (layer, slot, slot + 1, {}) for slot, layer in enumerate(self.layers)
            ]
            program = self._chain = Program(calls, [0], [len(calls)])
        return program

    def _starts(self) -> list[SymbolicTensor]:
        return [x.output for x in self._stack[:1] if isinstance(x, InputLayer)]

    def _arranged(self, inputs: Any) -> Any:
        return inputs if isinstance(inputs, (np.ndarray, SymbolicTensor)) else np.asarray(inputs)

    def _joined(self, outputs: list[Any]) -> Any:
        return outputs[0]

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic input."""
        self._known("inputs")
        found: SymbolicTensor = self._stack[0].output
        return found

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic output."""
        return self._known("outputs")

    def _known(self, what: str) -> SymbolicTensor:
        if not self.built or self._outputs is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return self._outputs

    # --- configs and copies ----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the network, as JSON types and in Keras's form."""
        config = super().get_config()
        config["layers"] = [serialize(layer) for layer in self._stack]
        if self.built:
            config["build_input_shape"] = self._stack[0].output.shape
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the network that `config`, of sepconv or Keras, declares.

        Raises:
            ValidationError: a layer that is refused, with its place in the list; an unknown key.
        """
        refuse_unknown(config, _CONFIG, cls.__name__)
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValidationError(
                f"A Sequential model configuration must be a dictionary containing the 'name' and "
                f"'layers' keys. Received: config={shown(dict(config))}"
            )
        model = cls(**{key: config[key] for key in _CONFIG[:3] if key in config})
        for number, layer in enumerate(layers):
            try:
                model.add(deserialize(layer))
            except ValidationError as error:
                raise ValidationError(f"layers[{number}]: {error}") from error
        shape = config.get("build_input_shape")
        if not model.built and isinstance(shape, (list, tuple)) and model.layers:
            model.build(shape)
        return model

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_outputs": None, "_chain": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reconnect()  # a copy has symbolic tensors of its own

    def _second_input(self) -> str:
        first = self._stack[0]
        if isinstance(first, InputLayer):
            return (
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{first.batch_shape}. You cannot add a different Input layer to it."
            )
        return f"Sequential model '{self.name}' has layers already: an Input must be the first"


def _as_layer(layer: Any) -> Layer:
    if isinstance(layer, SymbolicTensor) and layer.node is not None:
        layer = layer.node.operation  # what Input() returns
    if not isinstance(layer, Layer):
        raise ValidationError(
            f"Only instances of `sepconv.layers.Layer` can be added to a Sequential model. "
            f"Received: {shown(layer)} (of type {type(layer)})"
        )
    return layer
