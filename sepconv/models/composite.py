"""Composite: layers that are called in a fixed order, as one layer."""

from __future__ import annotations

from typing import Any

from sepconv.errors import ValidationError, suggestion
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.rules import standardize_shape
from sepconv.layers.structure import flat, mapped, packed
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.program import Program


class Composite(Layer):
    """A layer made of layers that are called in a fixed order.

    A subclass gives `_program()`, and the structures of its inputs and outputs.
    """

    _locks_state = False

    def _program(self) -> Program:
        """Return the calls of the layers, in order."""
        raise NotImplementedError

    def _arranged(self, inputs: Any) -> Any:
        """Return `inputs` in the structure that the network takes."""
        raise NotImplementedError

    def _joined(self, outputs: list[Any]) -> Any:
        """Return the values of the outputs in the structure that the network returns."""
        raise NotImplementedError

    def _starts(self) -> list[SymbolicTensor]:
        """Return the symbolic inputs, or none as long as nobody knows their shapes."""
        raise NotImplementedError

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order of their weights."""
        return list(self._tracked.layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer of that name, or at that place in `layers`.

        Raises:
            ValidationError: no such layer, or not exactly one of the two is given.
        """
        layers = self.layers
        if index is not None and name is not None:
            raise ValidationError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValidationError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(layers)} layers."
                )
            return layers[index]
        if name is None:
            raise ValidationError("Provide either a layer name or layer index at `get_layer`.")
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ValidationError(
            f"No such layer: {name}. Existing layers are: {names}.{suggestion(name, names)}"
        )

    # --- calling ---------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs, computed with weights that were all set at one time.

        Arguments:
            inputs: arrays, in the structure that the network takes.
            training: whether layers such as Dropout behave as in training; None leaves it to
                what each layer was given when it was called on a symbolic tensor.
        """
        arrays = flat(self._arranged(inputs))
        version = self._version
        if version is not None and not training:
            outputs = self._program().run(arrays, training)
            if self._version is version:
                return self._joined(outputs)
        with self._lock:  # weights were replaced meanwhile: once more, without them changing
            return self._joined(self._program().run(arrays, training))

    def call_vjp(self, inputs: Any, training: bool) -> tuple[Any, Pull]:
        outputs, pull_all = self._program().vjp(flat(self._arranged(inputs)), training)

        def pull(dy: Any, input_gradient: bool) -> tuple[Any, Gradients]:
            dxs, gradients = pull_all(flat(dy), input_gradient)
            return (None if dxs is None else packed(inputs, dxs)), gradients

        return self._joined(outputs), pull

    # --- shapes ----------------------------------------------------------------------------------

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the symbolic outputs for symbolic inputs, and record nothing."""
        specs = self._program().specs(flat(self._arranged(inputs)))
        # New ones, for an output may be one of the inputs.
        return self._joined([SymbolicTensor(t.shape, t.dtype, t.name) for t in specs])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for inputs of `input_shape`."""
        spec = self.compute_output_spec(_symbols(input_shape))
        return mapped(lambda tensor: tensor.shape, spec)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, in a list."""
        return flat(self.input)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs, in a list."""
        return flat(self.output)

    @property
    def input_shape(self) -> Any:
        """The shape of the input; of several, a list."""
        return _alone([tensor.shape for tensor in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output; of several, a list."""
        return _alone([tensor.shape for tensor in self.outputs])


def _symbols(shape: Any) -> Any:
    """Return symbolic tensors of a shape, or of each in a list or dict of shapes."""
    if isinstance(shape, dict):
        return {key: _symbols(one) for key, one in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple)):
        return [_symbols(one) for one in shape]
    return SymbolicTensor(standardize_shape(shape))


def _alone(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
