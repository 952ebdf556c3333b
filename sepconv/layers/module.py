"""Module: an operation that owns weights, and modules within it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv import constraints, dtypes, initializers, regularizers
from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers import deferral
from sepconv.layers.locks import LayerLock
from sepconv.layers.operation import Operation
from sepconv.layers.rules import Policy, Shape
from sepconv.layers.tracking import Tracker
from sepconv.layers.variable import Packed, Variable, frozen
from sepconv.rules import Flag


class Module(Operation):
    """The weights of a layer and of those within, in its dtypes: tracked, read and set as one.

    A weight, or another module, that is put into an attribute belongs to it from then on.
    """

    trainable: Argument[bool, bool] = argument(
        Flag(),
        default=True,
        kw_only=True,
        doc="Whether an optimizer updates the weights.",
    )
    dtype: Argument[Any, str] = argument(
        Policy(),
        default=None,
        kw_only=True,
        doc="Dtype policy: float16, bfloat16, float32, float64, mixed_float16, mixed_bfloat16.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = LayerLock()
        self._version: object | None = object()  # None while weights are being replaced
        self._packed: Packed | None = None
        self._tracked = Tracker()
        self.built = False
        super().__init__(*args, **kwargs)
        self._use_policy(self.__dict__["dtype"])

    def _use_policy(self, policy: dtypes.DTypePolicy) -> None:
        # As in Keras, `dtype` is the weights' dtype and the policy has its own attribute.
        self.dtype_policy = policy
        self.__dict__["dtype"] = policy.variable_dtype
        self._input_dtype = float_dtype(policy.compute_dtype)

    @property
    def path(self) -> str | None:
        """The layer's part of its weights' paths; None before it is built."""
        return self.name if self.built else None

    @property
    def compute_dtype(self) -> str:
        """The dtype of inputs and outputs."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype in which weights are stored."""
        return self.dtype_policy.variable_dtype

    # --- what is tracked -----------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable":
            self._set_trainable(value)
            return
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Variable):
                self._track(item)
            elif isinstance(item, Module):
                self._adopt(item)
        super().__setattr__(name, value)

    def _set_trainable(self, value: Any) -> None:
        self.__dict__["trainable"] = Flag().normalise(value, "trainable")
        for variable in self._tracked.variables[: self._tracked.trainable_count]:
            variable.trainable = self.trainable
        for layer in self._tracked.layers:
            layer.trainable = self.trainable

    def _track(self, variable: Variable) -> None:
        """Make `variable` one of the weights."""
        _check_begun(self)
        if self._tracked.track(variable) and variable.trainable:
            variable.trainable = self.trainable

    def _adopt(self, child: Module) -> None:
        """Make `child` a layer within. A name that nobody gave is made unique there."""
        _check_begun(self)
        _check_begun(child)
        if self._tracked.holds(child):
            return
        self._tracked.check_open()
        if any(inner is self for inner in child._flatten()):
            raise ValidationError(f"layer '{self.name}' cannot be a layer within itself")
        self._tracked.adopt(child, type(self).__name__)

    def _rename(self, name: str) -> None:
        self.__dict__["name"] = name
        for variable in self._tracked.variables:
            variable.path = f"{name}/{variable.name}"

    def _flatten(self) -> list[Any]:
        """Return this layer and those within, each once."""
        found: dict[int, Any] = {id(self): self}
        for layer in self._tracked.layers:
            found.update((id(inner), inner) for inner in layer._flatten())
        return list(found.values())

    # --- weights -------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str = "variable",
    ) -> Variable:
        """Make a weight, in `build` or `__init__`; it becomes one of `weights`.

        Raises:
            ValidationError: the initializer returns another shape, or the layer is built.
        """
        shape = tuple(shape)
        dtype = dtype or self.dtype
        initializer = "glorot_uniform" if initializer is None else initializer
        later = deferral.is_deferred()
        variable = Variable(
            0.0 if later else self._initial(initializer, shape, dtype, name),
            dtype,
            f"{self.name}/{name}",
            trainable=trainable,
            regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )
        if later:
            variable._value = deferral.placeholder(shape, float_dtype(dtype))
        self._track(variable)
        return variable

    def _initial(self, initializer: Any, shape: Shape, dtype: str, name: str) -> Any:
        make: Any = initializers.get(initializer)
        made = make(shape, float_dtype(dtype))
        if np.shape(made) != shape:
            raise ValidationError(
                f"the initializer of `{name}` in layer '{self.name}' must return "
                f"shape {shape}, got {np.shape(made)}: {shown(initializer, 80)}"
            )
        return made

    @property
    def weights(self) -> list[Variable]:
        """All weights: the trainable ones, the others, then those of the layers within."""
        if not self._tracked.layers:
            return self._tracked.variables.copy()
        inner = (variable for layer in self._tracked.layers for variable in layer.weights)
        every = (*self._tracked.variables, *inner)
        return list({id(variable): variable for variable in every}.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of the weights' values."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Set all weights, or none when one does not fit. A call sees the old or the new ones.

        Raises:
            ValidationError: another number of arrays, or another shape.
            InputTypeError: complex, text or object data.
        """
        set_values(self, self.weights, weights)

    def count_params(self) -> int:
        """Return the number of scalars in all weights.

        Raises:
            ValidationError: the layer is not built.
        """
        check_built(self, "count_params")
        return sum(math.prod(variable.shape) for variable in self.weights)

    # --- what is derived from weights ----------------------------------------------------------

    def pack(self, *arrays: NDArray[Any]) -> Any:
        """Return what calls need of the weights' values, given in the order of `weights`."""
        return arrays

    def packed(self) -> Any:
        """Return `pack` of the present weights; it runs again only after one was set."""
        packed = self._packed
        if packed is not None and packed.is_current():
            return packed.result
        with self._lock:  # so no `set_weights` is half done
            if not self.built:
                check_built(self, "call")
            arrays = [variable.value for variable in self._tracked.variables]
            result = self.pack(*arrays)
            sources = tuple(zip(self._tracked.variables, arrays, strict=True))
            self.__dict__["_packed"] = Packed(sources, result)
        return result


def _check_begun(module: Module) -> None:
    if "_tracked" not in module.__dict__:
        raise ValidationError(
            f"In layer '{type(module).__name__}', you forgot to call `super().__init__()` as the "
            f"first statement in the `__init__()` method. Go add it!"
        )


def check_built(module: Module, method: str) -> None:
    if not all(inner.built for inner in module._flatten()):
        raise ValidationError(
            f"You tried to call `{method}` on layer '{module.name}', but the layer isn't built. "
            f"You can build it manually via: `layer.build(input_shape)`."
        )


def set_values(module: Module, variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """Set `variables` of `module` to `values`: all, or none when one does not fit."""
    if len(variables) != len(values):
        raise ValidationError(
            f"You called `set_weights(weights)` on layer '{module.name}' with a weight list of "
            f"length {len(values)}, but the layer was expecting {len(variables)} weights."
        )
    for variable, value in zip(variables, values, strict=True):
        if variable.shape != np.shape(value):
            raise ValidationError(
                f"Layer {module.name} weight shape {variable.shape} is not compatible with "
                f"provided weight shape {np.shape(value)}."
            )
    arrays = [frozen(x, v.dtype) for v, x in zip(variables, values, strict=True)]
    replace_values(module, variables, arrays)


def replace_values(
    module: Module, variables: Sequence[Variable], arrays: Sequence[NDArray[Any]]
) -> None:
    """Give `variables` of `module` new, frozen values while no call can read half of them."""
    inside = module._flatten()
    with ExitStack() as stack:
        for inner in inside:
            stack.enter_context(inner._lock)
            inner.__dict__["_version"] = None
        try:
            for variable, array in zip(variables, arrays, strict=True):
                variable._value = array
        finally:
            for inner in inside:
                inner.__dict__["_version"] = object()
