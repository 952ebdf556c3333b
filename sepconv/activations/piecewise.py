"""Elementwise activations made of pieces of lines and parabolas."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from sepconv.activations.base import Elementwise, registry
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.rules import Nullable, Number


@registry.register("linear")
class Linear(Elementwise):
    """x.

    >>> Linear()([-1.0, 2.0])
    array([-1., 2.], dtype=float32)
    """

    name = "linear"

    def gradient(self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any]) -> NDArray[Any]:
        return dy


@registry.register("relu")
class Relu(Elementwise):
    """x above the threshold, negative_slope · (x - threshold) elsewhere; at most max_value.

    >>> Relu()([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    >>> Relu(negative_slope=0.5, max_value=1.0)([-1.0, 2.0])
    array([-0.5, 1. ], dtype=float32)
    """

    name = "relu"
    negative_slope: Argument[float, float] = argument(
        Number(), default=0.0, doc="slope below the threshold"
    )
    max_value: Argument[float | None, float | None] = argument(
        Nullable(Number(minimum=0)), default=None, doc="the largest output, or None"
    )
    threshold: Argument[float, float] = argument(
        Number(), default=0.0, doc="the input above which the output is the input"
    )

    def check(self) -> None:
        if self.max_value is not None and self.threshold < 0:
            raise ValidationError(
                f"`threshold` must be at least 0 with a `max_value`: Keras then cuts at 0 too; "
                f"got threshold={self.threshold}, max_value={self.max_value}"
            )

    @property
    def parameters(self) -> tuple[float, ...]:
        most = math.inf if self.max_value is None else float(self.max_value)
        return float(self.negative_slope), most, float(self.threshold)

    @property
    def keras_layer(self) -> str | None:
        return "ReLU" if min(self.negative_slope, self.threshold) >= 0 else None


@registry.register("leaky_relu")
class LeakyRelu(Elementwise):
    """x where x ≥ 0, negative_slope · x below. Maas et al., 2013.

    >>> LeakyRelu()([-1.0, 2.0])
    array([-0.2, 2. ], dtype=float32)
    """

    name = "leaky_relu"
    negative_slope: Argument[float, float] = argument(Number(), default=0.2, doc="slope below 0")

    @property
    def keras_layer(self) -> str | None:
        return "LeakyReLU" if self.negative_slope >= 0 else None


@registry.register("relu6")
class Relu6(Elementwise):
    """x cut to [0, 6].

    >>> Relu6()([-1.0, 2.0, 7.0])
    array([0., 2., 6.], dtype=float32)
    """

    name = "relu6"


@registry.register("hard_sigmoid")
class HardSigmoid(Elementwise):
    """x/6 + 1/2 cut to [0, 1].

    >>> HardSigmoid()([-3.0, 0.0, 3.0])
    array([0. , 0.5, 1. ], dtype=float32)
    """

    name = "hard_sigmoid"


@registry.register("hard_silu", "hard_swish")
class HardSilu(Elementwise):
    """x · hard_sigmoid(x). Howard et al., 2019, https://arxiv.org/abs/1905.02244.

    >>> HardSilu()([0.0, 3.0])
    array([0., 3.], dtype=float32)
    """

    name = "hard_silu"


@registry.register("hard_tanh")
class HardTanh(Elementwise):
    """x cut to [-1, 1].

    >>> HardTanh()([-2.0, 0.5])
    array([-1. , 0.5], dtype=float32)
    """

    name = "hard_tanh"


@registry.register("soft_shrink")
class SoftShrink(Elementwise):
    """x moved towards 0 by the threshold, and 0 within it.

    >>> SoftShrink()([-2.0, 0.25, 2.0])
    array([-1.5, 0. , 1.5], dtype=float32)
    """

    name = "soft_shrink"
    threshold: Argument[float, float] = argument(
        Number(minimum=0), default=0.5, doc="the largest |x| that gives 0"
    )


@registry.register("hard_shrink")
class HardShrink(Elementwise):
    """x where |x| is above the threshold, else 0.

    >>> HardShrink()([-2.0, 0.25, 2.0])
    array([-2., 0., 2.], dtype=float32)
    """

    name = "hard_shrink"
    threshold: Argument[float, float] = argument(
        Number(minimum=0), default=0.5, doc="the largest |x| that gives 0"
    )


@registry.register("threshold")
class Threshold(Elementwise):
    """x above the threshold, default_value elsewhere. Both must be given.

    >>> Threshold(1.0, -5.0)([0.5, 2.0])
    array([-5., 2.], dtype=float32)
    """

    name = "threshold"
    threshold: Argument[float, float] = argument(
        Number(), doc="the input above which the output is the input"
    )
    default_value: Argument[float, float] = argument(Number(), doc="the output elsewhere")


@registry.register("sparse_plus")
class SparsePlus(Elementwise):
    """0 up to -1, (x + 1)²/4 up to 1, x above. The integral of sparse_sigmoid.

    >>> SparsePlus()([-1.0, 0.0, 2.0])
    array([0. , 0.25, 2. ], dtype=float32)
    """

    name = "sparse_plus"


@registry.register("sparse_sigmoid")
class SparseSigmoid(Elementwise):
    """(x + 1)/2 cut to [0, 1]. Blondel et al., 2019, https://arxiv.org/abs/1901.02324.

    >>> SparseSigmoid()([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ], dtype=float32)
    """

    name = "sparse_sigmoid"
