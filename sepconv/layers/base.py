"""Layer: weights, and a call that they take part in."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, MutableMapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers import building, losses, weight_files
from sepconv.layers.folding import Folding
from sepconv.layers.gradients import Pull, Pullback
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.keras2 import without_keras2_keys
from sepconv.layers.module import Module
from sepconv.layers.rules import Shape, standardize_shape
from sepconv.layers.symbolic import SymbolicTensor, is_symbolic
from sepconv.rules import Flag


class Layer(Module):
    """The base of all layers.

    A subclass declares its arguments, makes its weights in `build(input_shape)` with
    `add_weight`, computes in `call(inputs)`, and tells shapes in
    `compute_output_shape(input_shape)`. What it derives from its weights for fast calls, it
    returns from `pack(*arrays)` and reads from `packed()`.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(name="scale", shape=(input_shape[-1],),
    ...                                      initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.scale.value
    ...     def compute_output_shape(self, input_shape):
    ...         return tuple(input_shape)
    >>> Scale()([[1.0, 2.0]])
    array([[1., 2.]], dtype=float32)
    """

    autocast: Argument[bool, bool] = argument(
        Flag(),
        default=True,
        kw_only=True,
        in_config=False,
        doc="Accepted as Keras does; inputs are always cast to the compute dtype.",
    )

    _takes_training: ClassVar[bool] = False
    _locks_state: ClassVar[bool] = True  # once built

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = building.once(cls.build)  # type: ignore[method-assign]
        cls._takes_training = "training" in inspect.signature(cls.call).parameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._input_shape_arg = building.pop_input_shape(kwargs, self.arguments)
        self._losses: list[Any] = []
        self._building = False
        self._build_shape: Any = None
        self.input_spec: InputSpec | None = None
        super().__init__(*args, **kwargs)
        self._activity_regularizer: Any = getattr(self, "activity_regularizer", None)

    # --- building ----------------------------------------------------------------------------

    @building.once
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`. Subclasses with weights override it."""

    # --- calling -----------------------------------------------------------------------------

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for arrays; symbolic outputs for symbolic tensors.

        The first call builds the layer. `training=` is accepted whether `call` takes it or not.
        """
        if kwargs and not self._takes_training:
            kwargs.pop("training", None)
        if type(inputs) is not np.ndarray and is_symbolic(inputs):
            return self._call_symbolically(inputs, *args, **kwargs)
        inputs = self.convert(inputs)
        self._prepare(inputs)
        gathered: list[Any] = []
        calls = losses.under_way.stack
        calls.append((self, gathered))
        try:
            outputs = self.call(inputs, *args, **kwargs)
        finally:
            calls.pop()
        if self._activity_regularizer is not None:
            gathered.append(losses.of_activity(self._activity_regularizer, outputs))
        self.__dict__["_losses"] = gathered
        return outputs

    def vjp(self, inputs: Any, *, training: bool = False) -> tuple[Any, Pullback]:
        """Return the outputs for arrays, and the pullback of this call.

        `dx, grads = pullback(dy)` are the gradients of sum(dy * outputs), plus the activity
        penalty of this call, by the inputs and by each trainable weight: {variable: array}.

        Arguments:
            inputs: as for a call.
            training: whether layers such as Dropout behave as in training.

        >>> class Double(Layer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
        ...     def call_vjp(self, inputs, training):
        ...         return self.call(inputs), lambda dy, input_gradient: (2 * dy, {})
        >>> y, pullback = Double().vjp([1.0, 3.0])
        >>> pullback([1.0, 0.5])
        (array([2., 1.], dtype=float32), {})
        """
        inputs = self.convert(inputs)
        self._prepare(inputs)
        gathered: list[Any] = []
        calls = losses.under_way.stack
        calls.append((self, gathered))
        try:
            outputs, pull = self.call_vjp(inputs, training)
        finally:
            calls.pop()
        if self._activity_regularizer is not None:
            gathered.append(losses.of_activity(self._activity_regularizer, outputs))
        self.__dict__["_losses"] = gathered
        return outputs, Pullback(self, outputs, pull, self._activity_regularizer)

    def call_vjp(self, inputs: Any, training: bool) -> tuple[Any, Pull]:
        """Return the outputs and a function (dy, input_gradient) -> (dx, {variable: gradient}).

        A subclass that can be trained overrides it. `dy` is C-contiguous, of the outputs' shape,
        in at least float32; dx may be None when `input_gradient` is false. 16-bit layers return dx
        and the gradients in float32.
        """
        raise NotImplementedError(
            f"Layer {type(self).__name__} has no gradients: define "
            f"`call_vjp(self, inputs, training)`, which returns the outputs and a function "
            f"(dy, input_gradient) -> (dx, {{variable: gradient}})"
        )

    def convert(self, inputs: Any) -> Any:
        """Return `inputs` as arrays of the compute dtype. Layers of several inputs override it."""
        if type(inputs) is np.ndarray and inputs.dtype is self._input_dtype and inputs.flags.carray:
            return inputs  # the usual case, without so much as an import statement
        from sepconv.ops import as_input

        return as_input(inputs, self._input_dtype)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the outputs for inputs of `input_shape`; None stays open."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `compute_output_shape` method "
            f"implemented. Should implement `def compute_output_shape(self, input_shape)`."
        )

    def compute_output_spec(self, inputs: Any, **kwargs: Any) -> SymbolicTensor:
        """Return the symbolic output for a symbolic input, and record nothing."""
        shape = self.compute_output_shape(building.shape_of(inputs))
        return SymbolicTensor(shape, self.compute_dtype, f"{self.name}_output")

    def _call_symbolically(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self.input_spec is not None and not isinstance(inputs, SymbolicTensor):
            raise ValidationError(
                f'Layer "{self.name}" expects 1 input(s), but it received a '
                f"{type(inputs).__name__} of {len(inputs)} input tensors."
            )
        self._prepare(inputs)
        outputs = self.symbolic_call(inputs, *args, **kwargs)
        self._record(inputs, outputs, kwargs)
        return outputs

    def _prepare(self, inputs: Any) -> None:
        """Check the shape, and build the layer if nobody has."""
        if self.input_spec is not None:
            self.input_spec.check(inputs.shape, self)
        if self.built:
            return
        with self._lock:
            if not self.built:
                self.build(building.shape_of(inputs))
        if self.input_spec is not None:  # which building made stricter
            self.input_spec.check(inputs.shape, self)

    def _suitable(self, input_shape: Any) -> Shape:
        """Return `input_shape` as a tuple, if it suits `input_spec`."""
        shape = standardize_shape(input_shape)
        if self.input_spec is not None:
            self.input_spec.check(shape, self)
        return shape

    # --- costs -----------------------------------------------------------------------------------

    @property
    def window(self) -> tuple[int, int] | None:
        """Steps over time that one output step depends on, and steps from it to the next.

        (1, 1) where each step stands for itself; None where that is not defined.
        """
        return None

    def macs(self, output_shape: Shape) -> int | None:
        """Return the multiply-adds with kernels for one sample of outputs; None is unknown."""
        return None if any(variable.ndim > 1 for variable in self._tracked.variables) else 0

    # --- what networks ask in inference ----------------------------------------------------------

    def folding(self) -> Folding | None:
        """Return how a network may fold the layer and its neighbours into one, or None."""
        return None

    # Whether the inputs are ints that number rows.
    reads_numbers: ClassVar[bool] = False

    def core_operations(self) -> Sequence[Any] | None:
        """Return the core's operations that are a call in inference, one after the other, or None.

        The first of a layer of several inputs is done for two of them, then with each other one.
        """
        return None

    # --- losses --------------------------------------------------------------------------------

    @property
    def losses(self) -> list[Any]:
        """The losses of the last call, then the weights' penalties, computed anew."""
        found = [loss for layer in self._flatten() for loss in layer._losses]
        penalties = (variable.penalty() for variable in self.trainable_weights)
        return found + [penalty for penalty in penalties if penalty is not None]

    def add_loss(self, loss: ArrayLike | Sequence[ArrayLike]) -> None:
        """Add a scalar loss, or several, to those of the call under way."""
        added = list(loss) if isinstance(loss, (list, tuple)) else [loss]
        for value in added:
            if not isinstance(value, (float, int, np.generic, np.ndarray)) or np.ndim(value):
                raise ValidationError(
                    f"`add_loss()` takes scalar numbers. Received invalid value: {shown(value)}"
                )
        gathering = losses.of(self)
        (self._losses if gathering is None else gathering).extend(added)

    # --- stored weights ---------------------------------------------------------------------------

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put copies of the layer's own weights into `store` under "0", "1", ..."""
        weight_files.save_own_variables(self, store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the layer's own weights from `store`: all of them or none."""
        weight_files.load_own_variables(self, store)

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write all weights to `path` in one step.

        Arguments:
            path: ends with .npz, .safetensors, or .weights.h5 for Keras.

        Raises:
            ValidationError: the layer is not built, or another suffix.
            OSError: the file cannot be written; one that was there before is unharmed.
        """
        weight_files.save_weights(self, path)

    def load_weights(self, path: str | PathLike[str]) -> None:
        """Set all weights to those in `path`, or none when one does not fit.

        Arguments:
            path: ends with .npz, .safetensors, .weights.h5, .keras, or .h5 as of Keras 2.

        Raises:
            ValidationError: the layer is not built, or another suffix.
            WeightsError: the file is damaged, or holds anything but the weights of this layer.
            OSError: there is no such file.
        """
        weight_files.load_weights(self, path)

    # --- configs and copies --------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as JSON types, such that `from_config` makes an equal layer."""
        fields = {**self.__dict__, "dtype": self.dtype_policy}
        return {
            name: declared.rule.to_config(fields[name])
            for name, declared in self.arguments.items()
            if declared.in_config
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer that `config`, of sepconv, Keras 3 or Keras 2, declares."""
        return cls(**without_keras2_keys(cls, config))

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shape that the layer was built for, as Keras saves it, or None."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Build the layer for the shape in what `get_build_config` gave."""
        if "input_shape" in config and not self.built:
            self.build(building.as_shapes(config["input_shape"]))

    def __getstate__(self) -> dict[str, Any]:
        # A copy starts without a history of calls, and packs for itself.
        return {**self.__dict__, "_packed": None, "_inbound_nodes": [], "_losses": []}
