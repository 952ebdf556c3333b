"""Network: what Sequential and Functional have in common."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from os import PathLike
from typing import Any

import numpy as np

from sepconv.errors import ValidationError, suggestion
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.rules import standardize_shape
from sepconv.layers.structure import flat, mapped, packed
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.program import Program
from sepconv.rules import Count
from sepconv.training.trainer import Trainer


class Network(Trainer, Layer):
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

    def predict(
        self,
        x: Any,
        batch_size: int = 32,
        progress: Callable[[int, int], object] | None = None,
    ) -> Any:
        """Return the outputs for `x`, computed `batch_size` samples at a time.

        Beside the outputs it takes memory for one batch; `x` may be memory-mapped.

        Arguments:
            x: array of (samples, ...); a list or dict of them for several inputs.
            batch_size: samples at a time.
            progress: called with (samples done, samples in all) after each batch.

        Raises:
            ValidationError: the inputs have different numbers of samples.
        """
        batch_size = Count().normalise(batch_size, "batch_size")
        given = mapped(_array, self._arranged(x))
        samples = _samples(flat(given))
        if not samples:
            return mapped(np.asarray, self(given, training=False))
        outputs: Any = None
        for start in range(0, samples, batch_size):
            part = slice(start, start + batch_size)
            batch = self(mapped(itemgetter(part), given), training=False)
            if outputs is None:
                outputs = mapped(lambda y: np.empty((samples, *y.shape[1:]), y.dtype), batch)
            for whole, piece in zip(flat(outputs), flat(batch), strict=True):
                whole[part] = piece
            if progress is not None:
                progress(min(start + batch_size, samples), samples)
        return outputs

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

    def save(self, path: str | PathLike[str], example: Any = None) -> None:
        """Write the network with its weights to one file, in one step.

        Arguments:
            path: ends with .keras, which Keras reads, or .safetensors.
            example: inputs to store with the outputs that the network has for them;
                `sepconv.load(path, verify=True)` compares.

        Raises:
            ValidationError: the network is not built, another suffix, or an object of the user's
                own that is not registered.
            OSError: the file cannot be written; one that was there before is unharmed.
        """
        from sepconv.models.saving import save

        save(self, path, example)

    def summary(self, print_fn: Callable[[str], object] = print, line_length: int = 88) -> None:
        """Print a table of the layers: output shapes, parameters, MACs and receptive fields.

        Arguments:
            print_fn: called with the table as text.
            line_length: columns at most.
        """
        from sepconv.models.summary import rendered

        print_fn(rendered(self, line_length))

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw the graph of the layers into an SVG file, whose name ends in .svg."""
        from sepconv.models.plotting import plot

        plot(self, path)


def _array(x: Any) -> Any:
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def _samples(arrays: list[Any]) -> int:
    """Return the number of samples, which all arrays must have."""
    counts = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(counts)) > 1:
        raise ValidationError(
            f"all inputs must have the same number of samples, got {', '.join(map(str, counts))}"
        )
    return counts[0]


def _symbols(shape: Any) -> Any:
    """Return symbolic tensors of a shape, or of each in a list or dict of shapes."""
    if isinstance(shape, dict):
        return {key: _symbols(one) for key, one in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple)):
        return [_symbols(one) for one in shape]
    return SymbolicTensor(standardize_shape(shape))


def _alone(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
