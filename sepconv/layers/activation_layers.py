"""Activations as layers of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import activations, constraints, initializers, regularizers
from sepconv.activations.base import with_negative_slope
from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.folding import Elementwise, Folding
from sepconv.layers.gradients import Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.registry import registry
from sepconv.layers.rules import ObjectOrElse, Shape, sizes, standardize_shape
from sepconv.rules import Axes, Integer, ListOf, Nullable, Number, ObjectOf, is_real


class NotNegative(Number):
    """A finite number ≥ 0; one below, or none, is refused in Keras's words."""

    def __init__(self, told: str) -> None:
        super().__init__(minimum=0)
        self.told = told

    def normalise(self, value: Any, name: str) -> float:
        if value is None or (is_real(value) and value < 0):
            raise ValidationError(f"{self.told} Received: {name}={shown(value)}")
        return super().normalise(value, name)


class SharedAxes(ListOf):
    """Axes of the input by number, the batch being axis 0; kept as a list."""

    def __init__(self) -> None:
        super().__init__(Integer(1, 63))

    def normalise(self, value: Any, name: str) -> list[int]:
        axes = super().normalise(value, name)
        return axes if isinstance(axes, list) else [axes]


class _Activating(Layer):
    """The base of these layers: what `_function` gives, in the dtype of the inputs."""

    @cached_property
    def _function(self) -> activations.Activation:
        raise NotImplementedError

    def folding(self) -> Folding | None:
        return Elementwise(self._function) if self._function.elementwise else None

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of `inputs`."""
        return np.asarray(self._function(inputs)).astype(self._input_dtype, copy=False)

    def core_operations(self) -> Sequence[Any] | None:
        return self._function.core_operations()

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        outputs, pull = self._function.vjp(inputs)
        return outputs.astype(self._input_dtype, copy=False), lambda dy, input_gradient: (
            pull(dy) if input_gradient else None,
            {},
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the inputs, or what the activation makes of it."""
        return tuple(self._function.output_shape(standardize_shape(input_shape)))


@registry.register()
class Activation(_Activating):
    """An activation of the inputs, each by itself or along an axis, as `activation` does.

    Input and output: any shape.

    >>> Activation("relu")([-3.0, -1.0, 0.0, 2.0])
    array([0., 0., 0., 2.], dtype=float32)
    """

    activation: Argument[Any, activations.Activation] = argument(
        ObjectOf(activations.registry), doc="What is applied to the inputs; null is linear."
    )

    @cached_property
    def _function(self) -> activations.Activation:
        return self.activation


@registry.register()
class ReLU(_Activating):
    """x above the threshold, negative_slope · (x - threshold) elsewhere; at most max_value.

    >>> ReLU(max_value=10, negative_slope=0.5)([-10.0, -5.0, 0.0, 5.0, 20.0])
    array([-5. , -2.5,  0. ,  5. , 10. ], dtype=float32)
    """

    max_value: Argument[float | None, float | None] = argument(
        Nullable(NotNegative("max_value of a ReLU layer cannot be a negative value.")),
        default=None,
        doc="The largest output, or null.",
    )
    negative_slope: Argument[float, float] = argument(
        NotNegative("negative_slope of a ReLU layer cannot be None or a negative value."),
        default=0.0,
        doc="Slope below the threshold.",
    )
    threshold: Argument[float, float] = argument(
        NotNegative("threshold of a ReLU layer cannot be None or a negative value."),
        default=0.0,
        doc="The input above which the output is the input.",
    )

    @cached_property
    def _function(self) -> activations.Activation:
        return activations.Relu(self.negative_slope, self.max_value, self.threshold)


@registry.register()
class LeakyReLU(_Activating):
    """x where x ≥ 0, negative_slope · x below. Maas et al., 2013.

    >>> LeakyReLU(negative_slope=0.5)([-10.0, 5.0])
    array([-5.,  5.], dtype=float32)
    """

    negative_slope: Argument[float, float] = argument(
        NotNegative(
            "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
            "Expected a float."
        ),
        default=0.3,
        doc="Slope below 0.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            warnings.warn(
                "Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=2
            )
        super().__init__(*args, **with_negative_slope(kwargs))

    @cached_property
    def _function(self) -> activations.Activation:
        return activations.LeakyRelu(self.negative_slope)


@registry.register()
class ELU(_Activating):
    """x above 0, alpha · (eˣ - 1) below. Clevert et al., 2016, https://arxiv.org/abs/1511.07289.

    >>> ELU()([-1.0, 2.0])
    array([-0.632..., 2. ], dtype=float32)
    """

    alpha: Argument[float, float] = argument(
        Number(), default=1.0, doc="Minus the limit for large negative inputs."
    )

    @cached_property
    def _function(self) -> activations.Activation:
        return activations.Elu(self.alpha)


@registry.register()
class Softmax(_Activating):
    """eˣ / Σeˣ along an axis, or several. Keras's `mask` in calls is not supported.

    >>> Softmax()([[1.0, 1.0]])
    array([[0.5, 0.5]], dtype=float32)
    """

    axis: Argument[int | Sequence[int], int | list[int]] = argument(
        Axes(), default=-1, doc="The axis, or the list of axes, along which the outputs sum to 1."
    )

    @cached_property
    def _function(self) -> activations.Activation:
        return activations.Softmax(self.axis)


@registry.register()
class PReLU(Layer):
    """x where x ≥ 0, alpha · x below, with a learned alpha. He et al., 2015.

    https://arxiv.org/abs/1502.01852. There is one alpha for each value of a sample, but for the
    axes in `shared_axes`: (batch, time, channels) with `shared_axes=[1]` has one a channel.

    Input and output: any shape whose axes are known, apart from the batch and the shared ones.

    >>> PReLU(initializers.Constant(0.5))([[-2.0, 3.0]])
    array([[-1.,  3.]], dtype=float32)
    """

    alpha_initializer: Argument[Any, Any] = argument(
        ObjectOrElse(initializers.registry, "zeros"),
        default="Zeros",
        doc="First values of alpha; null is zeros.",
    )
    alpha_regularizer: Argument[Any, Any] = argument(
        ObjectOf(regularizers.registry), default=None, doc="Penalty on alpha."
    )
    alpha_constraint: Argument[Any, Any] = argument(
        ObjectOf(constraints.registry),
        default=None,
        doc="Projection of alpha after an optimizer's update.",
    )
    shared_axes: Argument[int | Sequence[int] | None, list[int] | None] = argument(
        Nullable(SharedAxes()),
        default=None,
        doc="Axes along which alpha is one number; 1 is the first after the batch.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)

    def build(self, input_shape: Any) -> None:
        """Make alpha for inputs of `input_shape`.

        Raises:
            ValidationError: `shared_axes` names an axis that is not there, or another axis but
                the batch is open.
        """
        shape = standardize_shape(input_shape)
        shared = self.shared_axes or []
        if max(shared, default=0) >= len(shape):
            raise ValidationError(
                f"`shared_axes` of layer '{self.name}' is {shown(shared)}, but its input has the "
                f"axes 0 to {len(shape) - 1}: shape {shape}"
            )
        own = {axis: size for axis, size in enumerate(shape) if axis and axis not in shared}
        unknown = [axis for axis, size in own.items() if size is None]
        if unknown:
            raise ValidationError(
                f"axis {unknown[0]} of the input of layer '{self.name}' must be known to build "
                f"it, got shape {shape}; or share alpha along it: "
                f"`shared_axes={sorted([*shared, unknown[0]])}`"
            )
        self.alpha = self.add_weight(
            sizes([own.get(axis, 1) for axis in range(1, len(shape))]),
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        self.input_spec = InputSpec(ndim=len(shape), axes=own)

    def pack(self, *arrays: NDArray[Any]) -> Any:
        # A mixed policy rounds alpha to the compute dtype; the arithmetic is never 16-bit.
        (alpha,) = arrays
        return alpha.astype(self._input_dtype, copy=False).astype(self._working_dtype, copy=False)

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def macs(self, output_shape: Shape) -> int:
        return 0  # alpha is no kernel

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return `inputs`, those below 0 times alpha."""
        return self._activated(inputs.astype(self._working_dtype, copy=False), self.packed())

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        x, alpha = inputs.astype(self._working_dtype, copy=False), self.packed()
        summed = (0, *(axis + 1 for axis, size in enumerate(alpha.shape) if size == 1))

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[Any, dict[Any, NDArray[Any]]]:
            with np.errstate(over="ignore", invalid="ignore"):
                total = np.sum(np.minimum(x, 0) * dy, axis=summed, dtype=np.float64)
                gradients = {self.alpha: total.reshape(alpha.shape).astype(x.dtype)}
                if not input_gradient:
                    return None, gradients
                # At 0 both halves are flat, as in Keras on JAX.
                slopes = np.where(x > 0, x.dtype.type(1), np.where(x < 0, alpha, x))
                return dy * slopes, gradients

        return self._activated(x, alpha), pull

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the inputs."""
        return self._suitable(input_shape)

    def _activated(self, x: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(x > 0, x, alpha * x).astype(self._input_dtype, copy=False)
