"""CoreLayer: a layer that is one call into the compiled core, and an activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from numpy.typing import NDArray

from sepconv.arrays import float_dtype
from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.folding import Folding, Kernels
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.packed_kernels import (
    PLAIN_RELU,
    Computation,
    CoreGradient,
    PackedKernels,
)
from sepconv.layers.rules import Shape


class CoreLayer(Layer):
    """The base of layers with kernels: their weights, rounding, activation and calls.

    A subclass declares `activation`, an initializer, a regularizer and a constraint for each of
    its weights, and returns from `plan` and `gradient` what computes.
    """

    # The parts that have a regularizer, and the ranks of their tensors; None is any.
    RANKS: ClassVar[dict[str, int | None]] = {}

    # How many of the last axes of the last kernel are the output channels.
    CHANNEL_AXES: ClassVar[int] = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._activation: Any = self.__dict__["activation"]  # which the subclass declares
        # Elementwise built-ins run in the core, tile by tile; others on its linear output.
        self._fused = self._activation.elementwise
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)
        name = self._activation.core_name if self._fused else "linear"
        parameters = self._activation.parameters if self._fused else ()
        self._is_linear = self._fused and name == "linear"
        self._is_relu = name == "relu" and parameters == PLAIN_RELU
        # What the core does besides: the arguments of `plan`.
        self._finish = {
            "activation": name,
            "parameters": parameters,
            "dtype": self._input_dtype if self._fused else self._working_dtype,
        }

    def check(self) -> None:
        for part, rank in self.RANKS.items():
            regularizer = getattr(self, f"{part}_regularizer")
            needed = getattr(regularizer, "rank", None)
            if None not in (needed, rank) and needed != rank:
                raise ValidationError(
                    f"`{part}_regularizer` cannot be {type(regularizer).__name__}: it takes "
                    f"tensors of rank {needed}, this one has rank {rank}; use L1, L2 or L1L2"
                )

    def macs(self, output_shape: Shape) -> int | None:
        channels = getattr(self, "_channel_axis", -1) % len(output_shape)
        places = [size for axis, size in enumerate(output_shape) if axis not in (0, channels)]
        kernels = sum(weight.value.size for weight in self._tracked.variables if weight.ndim > 1)
        known = [size for size in places if size is not None]
        return math.prod(known) * kernels if len(known) == len(places) else None

    def _weight(self, part: str, shape: tuple[int, ...], name: str = "") -> Any:
        return self.add_weight(
            shape,
            name=name or part,
            initializer=getattr(self, f"{part}_initializer"),
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
        )

    def plan(self, *weights: NDArray[Any], **arguments: Any) -> Computation:
        """Return what computes with these weights; `arguments` are the activation and dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define `plan`")

    def gradient(self, plan: Computation, *weights: NDArray[Any]) -> CoreGradient:
        """Return what computes the gradients for what `plan` returned for these weights."""
        raise NotImplementedError(f"{type(self).__name__} must define `gradient`")

    def pack(self, *arrays: NDArray[Any]) -> PackedKernels:
        weights = [self._rounded(array) for array in arrays]
        return PackedKernels(
            self.plan(*weights, **self._finish),
            partial(self.plan, *weights),
            lambda plan: self.gradient(plan, *weights),
        )

    def _rounded(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a weight in the dtype computed in; a mixed policy rounds it to that of inputs."""
        if array.dtype is self._input_dtype is self._working_dtype:
            return array
        return array.astype(self._input_dtype, copy=False).astype(self._working_dtype, copy=False)

    def folding(self) -> Folding | None:
        return Kernels(self.CHANNEL_AXES) if self._is_linear else None

    def core_operations(self) -> Sequence[Any] | None:
        convolution = self.packed().plan.operation()
        behind = [] if self._fused else self._activation.core_operations()
        return None if convolution is None or behind is None else [convolution, *behind]

    def check_input(self, inputs: NDArray[Any]) -> None:
        """Raise ValidationError for inputs that cannot be computed, whatever their channels."""

    def call(self, inputs: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the outputs for `inputs`, an array of the compute dtype.

        Arguments:
            inputs: of a shape that suits the layer.
            out: where to put the outputs: of their shape and dtype, C-contiguous.
        """
        self.check_input(inputs)
        plan = self.packed().plan
        if self._fused:
            direct: NDArray[Any] = plan(inputs, out)
            return direct
        outputs: NDArray[Any] = self._activation(
            plan(inputs.astype(self._working_dtype, copy=False))
        )
        if out is None:
            return outputs.astype(self._input_dtype, copy=False)
        from sepconv.ops import copied_to

        return copied_to(out, outputs, self._input_dtype)

    def call_vjp(self, inputs: NDArray[Any], training: bool) -> tuple[NDArray[Any], Pull]:
        self.check_input(inputs)
        packed: PackedKernels = self.packed()
        x = inputs.astype(self._working_dtype, copy=False)
        relu_output = None
        if self._is_linear or self._is_relu:
            outputs = packed.plan(inputs)
            pull_activation = None
            if self._is_relu:  # its gradient is a comparison with 0, made while dy is read
                relu_output = outputs.astype(self._working_dtype, copy=False)
        else:
            outputs, pull_activation = self._activation.vjp(packed.linear_plan()(x))
            outputs = outputs.astype(self._input_dtype, copy=False)

        def pull(dy: NDArray[Any], input_gradient: bool) -> tuple[Any, Gradients]:
            g = dy if pull_activation is None else pull_activation(dy)
            dx, *by_weights = packed.gradient()(
                x, g, relu_output=relu_output, input_gradient=input_gradient
            )
            return dx, dict(zip(self._tracked.variables, by_weights, strict=False))

        return outputs, pull
