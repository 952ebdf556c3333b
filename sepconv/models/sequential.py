"""Sequential: one layer after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.errors import ValidationError, shown
from sepconv.layers import building
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients, Pull, add_gradients
from sepconv.layers.input_layer import InputLayer
from sepconv.layers.rules import Shape, standardize_shape
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models.registry import deserialize, registry, serialize
from sepconv.rules import Count


@registry.register()
class Sequential(Layer):
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

    _locks_state = False

    def __init__(
        self,
        layers: Iterable[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._outputs: SymbolicTensor | None = None  # of the last layer
        for layer in layers or ():
            self.add(layer)

    # --- the stack -------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the InputLayer."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer | SymbolicTensor) -> None:
        """Put a layer on top of the stack.

        Raises:
            ValidationError: not a layer, a name that is taken, or a second Input.
        """
        layer = _as_layer(layer)
        with self._lock:
            if not self._layers and layer._input_shape_arg is not None:
                self.add(InputLayer(layer._input_shape_arg))
            if isinstance(layer, InputLayer) and self._layers:
                raise ValidationError(self._second_input())
            if any(known is layer for known in self._layers):
                self._layers.append(layer)  # once more, with the same weights
            else:
                building.adopt(self, layer)
            try:
                self._connect(self._layers[-1:])
            except BaseException:
                self._layers.pop()
                raise

    def pop(self) -> Layer:
        """Take the last layer off the stack and return it."""
        with self._lock:
            if not self._layers:
                raise ValidationError(f"Sequential model '{self.name}' has no layers to pop.")
            layer = self._layers.pop()
            self._reconnect()
        return layer

    def build(self, input_shape: Any) -> None:
        """Build each layer for what the one below returns, from inputs of `input_shape`.

        Raises:
            ValidationError: no layers, another shape than the Input's, or one that does not suit.
        """
        shape = standardize_shape(input_shape)
        if not self._layers:
            raise ValidationError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                f"Call `model.add(layer)`."
            )
        first = self._layers[0]
        if not isinstance(first, InputLayer):
            first = InputLayer(batch_shape=shape, dtype=first.compute_dtype)
            building.adopt(self, first)
            self._layers.insert(0, self._layers.pop())
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
        self._connect(self._layers)

    def _connect(self, layers: Sequence[Layer]) -> None:
        """Call the topmost `layers` on the output so far, which builds them, if there is one."""
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

    def _prepare(self, inputs: Any) -> None:
        if not self.built:
            with self._lock:
                if not self.built:
                    # Any number of samples, whatever the first call happens to have.
                    self.build((None, *building.shape_of(inputs)[1:]))
        super()._prepare(inputs)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the output of the last layer, with weights that were all set at one time."""
        version = self._version
        if version is not None:
            outputs = self._run(inputs, training)
            if self._version is version:
                return outputs
        with self._lock:  # weights were replaced meanwhile: once more, without them changing
            return self._run(inputs, training)

    def _run(self, inputs: Any, training: bool | None) -> Any:
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def call_vjp(self, inputs: Any, training: bool) -> tuple[Any, Pull]:
        pullbacks = []
        for layer in self.layers:
            inputs, pullback = layer.vjp(inputs, training=training)
            pullbacks.append(pullback)

        def pull(dy: Any, input_gradient: bool) -> tuple[Any, Gradients]:
            found: Gradients = {}
            for number in reversed(range(len(pullbacks))):
                dy, gradients = pullbacks[number](dy, input_gradient=number > 0 or input_gradient)
                add_gradients(found, gradients)
            return dy, found

        return inputs, pull

    def predict(
        self,
        x: ArrayLike,
        batch_size: int = 32,
        progress: Callable[[int, int], object] | None = None,
    ) -> NDArray[Any]:
        """Return the outputs for `x`, computed `batch_size` samples at a time.

        Beside the outputs it takes memory for one batch; `x` may be memory-mapped.

        Arguments:
            x: array of (samples, ...).
            batch_size: samples at a time.
            progress: called with (samples done, samples in all) after each batch.
        """
        batch_size = Count().normalise(batch_size, "batch_size")
        samples = x if isinstance(x, np.ndarray) else np.asarray(x)
        if samples.ndim == 0 or not len(samples):
            return np.asarray(self(samples))
        outputs: NDArray[Any] | None = None
        for start in range(0, len(samples), batch_size):
            batch = self(samples[start : start + batch_size])
            if outputs is None:
                outputs = np.empty((len(samples), *batch.shape[1:]), batch.dtype)
            outputs[start : start + len(batch)] = batch
            if progress is not None:
                progress(start + len(batch), len(samples))
        assert outputs is not None
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the last layer's output."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return standardize_shape(input_shape)

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic input, in a list."""
        self._known("inputs")
        return [self._layers[0].output]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic output, in a list."""
        return [self._known("outputs")]

    @property
    def input(self) -> SymbolicTensor:
        """The symbolic input."""
        return self.inputs[0]

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic output."""
        return self.outputs[0]

    @property
    def input_shape(self) -> Shape:
        self._known("input shape")
        return self.inputs[0].shape

    @property
    def output_shape(self) -> Shape:
        return self._known("output shape").shape

    def _known(self, what: str) -> SymbolicTensor:
        if not self.built or self._outputs is None:
            verb = "have" if what.endswith("s") else "has"
            raise AttributeError(f"Sequential model '{self.name}' {verb} no defined {what} yet.")
        return self._outputs

    def summary(self, print_fn: Callable[[str], object] = print, line_length: int = 88) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters."""
        from sepconv.models.summary import rendered

        print_fn(rendered(self, line_length))

    # --- configs and copies ----------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the network, as JSON types and in Keras's form."""
        config = super().get_config()
        config["layers"] = [serialize(layer) for layer in self._layers]
        if self.built:
            config["build_input_shape"] = self._layers[0].output.shape
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the network that `config`, of sepconv or Keras, declares.

        Raises:
            ValidationError: a layer that is refused, with its place in the list.
        """
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValidationError(
                f"A Sequential model configuration must be a dictionary containing the 'name' and "
                f"'layers' keys. Received: config={shown(dict(config))}"
            )
        ours = ("name", "trainable", "dtype")
        model = cls(**{key: config[key] for key in ours if key in config})
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
        return {**super().__getstate__(), "_outputs": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reconnect()  # a copy has symbolic tensors of its own

    def _second_input(self) -> str:
        first = self._layers[0]
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
