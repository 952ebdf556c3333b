"""Dense: a matrix product along the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers import arguments
from sepconv.layers.core_layer import CoreLayer
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.kernel_gradients import MatrixGradient
from sepconv.layers.packed_kernels import Computation, CoreGradient
from sepconv.layers.registry import registry
from sepconv.layers.rules import Absent, Shape
from sepconv.rules import Count

if TYPE_CHECKING:
    from sepconv.core import ConvolutionPlan, Operation

LARGEST_IN_CHAIN = 1 << 20  # bytes: half of the L2 of today's servers


@registry.register()
class Dense(CoreLayer):
    """Matrix product of the last axis with the kernel.

        y[..., f] = activation(sum over c of x[..., c] * kernel[c, f] + bias[f])

    Input: (batch, ..., channels), of rank 2 or more. Output: (batch, ..., units).

    Raises:
        ValidationError: an argument that breaks its rule.

    >>> import numpy as np
    >>> Dense(8, activation="relu")(np.random.default_rng(0).random((4, 12))).shape
    (4, 8)
    """

    RANKS: ClassVar[dict[str, int | None]] = {"kernel": 2, "bias": 1, "activity": None}

    units: Argument[int, int] = argument(Count(), doc="Number of output channels.")
    activation: Argument[Any, Any] = arguments.activation()
    use_bias: Argument[bool, bool] = arguments.use_bias()
    kernel_initializer: Argument[Any, Any] = arguments.initializer("kernel")
    bias_initializer: Argument[Any, Any] = arguments.bias_initializer()
    kernel_regularizer: Argument[Any, Any] = arguments.regularizer("kernel")
    bias_regularizer: Argument[Any, Any] = arguments.regularizer("bias")
    activity_regularizer: Argument[Any, Any] = arguments.activity_regularizer()
    kernel_constraint: Argument[Any, Any] = arguments.constraint("kernel")
    bias_constraint: Argument[Any, Any] = arguments.constraint("bias")
    lora_rank: Argument[None, None] = argument(
        Absent(),
        default=None,
        kw_only=True,
        in_config=False,
        doc="Accepted as null: kernels have no low-rank part here.",
    )
    lora_alpha: Argument[None, None] = argument(
        Absent(),
        default=None,
        kw_only=True,
        in_config=False,
        doc="Accepted as null: kernels have no low-rank part here.",
    )
    quantization_config: Argument[None, None] = argument(
        Absent(),
        default=None,
        kw_only=True,
        doc="Accepted as null: weights are not quantized here.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(min_ndim=2)

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of `input_shape`, of which only the last size must be known.

        Raises:
            ValidationError: of rank 1, or a last size that is unknown or 0.
        """
        channels = self._suitable(input_shape)[-1]
        if not channels:
            raise ValidationError(
                f"The last size of the input of layer '{self.name}' must be known and at least 1, "
                f"got input shape {tuple(input_shape)}"
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: channels})
        self.kernel = self._weight("kernel", (channels, self.units))
        self.bias = self._weight("bias", (self.units,)) if self.use_bias else None

    def plan(self, *weights: NDArray[Any], **arguments: Any) -> Computation:
        from sepconv.core import ConvolutionPlan

        kernel, bias = weights[0], weights[1] if self.use_bias else None
        plan = ConvolutionPlan(
            kernel[None], bias, padding="same", channels_first=False, rows=True, **arguments
        )
        return _Rows(plan, self.units)

    def gradient(self, plan: Computation, *weights: NDArray[Any]) -> CoreGradient:
        assert isinstance(plan, _Rows)
        return MatrixGradient(plan.plan, weights[0])

    def core_operations(self) -> Sequence[Any] | None:
        # A chain would read a large kernel anew for each few samples.
        in_cache = self.kernel.value.nbytes <= LARGEST_IN_CHAIN
        return super().core_operations() if in_cache else None

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if config["activity_regularizer"] is None:  # which Keras's Dense leaves out
            del config["activity_regularizer"]
        return config

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (batch, ..., units); None stays None.

        Raises:
            ValidationError: of rank 1, or of another last size than the layer was built for.
        """
        shape = self._suitable(input_shape)
        return tuple(self.activation.output_shape((*shape[:-1], self.units)))


class _Rows:
    """A convolution of one tap over all rows of x, whatever its axes."""

    def __init__(self, plan: ConvolutionPlan, filters: int) -> None:
        self.plan = plan
        self.filters = filters

    def __call__(self, x: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        shape = (*x.shape[:-1], self.filters)
        fits = isinstance(out, np.ndarray) and out.shape == shape and out.flags.c_contiguous
        if out is not None and not fits:
            raise ValidationError(f"`out` must be a C-contiguous array of shape {shape}")
        if not x.size:  # rows of no known number
            return np.empty(shape, x.dtype) if out is None else out
        rows = x.reshape(1, -1, x.shape[-1])
        if out is None:
            return self.plan(rows).reshape(shape)
        self.plan(rows, out.reshape(1, -1, self.filters))
        return out

    def operation(self) -> Operation | None:
        return self.plan.operation()
