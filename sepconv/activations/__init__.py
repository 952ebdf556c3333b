"""Functions of a layer's outputs: Keras's 30, by name, as objects with parameters.

>>> relu([-1.0, 2.0], negative_slope=0.5)
array([-0.5, 2. ], dtype=float32)
>>> get({"class_name": "relu", "config": {"max_value": 1.0}})([-1.0, 2.0])
array([0., 1.], dtype=float32)
>>> serialize(get("swish"))
'silu'
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from sepconv.activations.axiswise import Glu, LogSoftmax, Softmax, Sparsemax
from sepconv.activations.base import LAYERS, Activation, Function, registry
from sepconv.activations.piecewise import (
    HardShrink,
    HardSigmoid,
    HardSilu,
    HardTanh,
    LeakyRelu,
    Linear,
    Relu,
    Relu6,
    SoftShrink,
    SparsePlus,
    SparseSigmoid,
    Threshold,
)
from sepconv.activations.smooth import (
    Celu,
    Elu,
    Exponential,
    Gelu,
    LogSigmoid,
    Mish,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Squareplus,
    Tanh,
    TanhShrink,
)

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

celu = Celu()
elu = Elu()
exponential = Exponential()
gelu = Gelu()
glu = Glu()
hard_shrink = HardShrink()
hard_sigmoid = HardSigmoid()
hard_silu = hard_swish = HardSilu()
hard_tanh = HardTanh()
leaky_relu = LeakyRelu()
linear = Linear()
log_sigmoid = LogSigmoid()
log_softmax = LogSoftmax()
mish = Mish()
relu = Relu()
relu6 = Relu6()
selu = Selu()
sigmoid = Sigmoid()
silu = swish = Silu()
soft_shrink = SoftShrink()
softmax = Softmax()
softplus = Softplus()
softsign = Softsign()
sparse_plus = SparsePlus()
sparse_sigmoid = SparseSigmoid()
sparsemax = Sparsemax()
squareplus = Squareplus()
tanh = Tanh()
tanh_shrink = TanhShrink()


def threshold(x: Any, threshold: float, default_value: float) -> NDArray[Any]:
    """Return x above `threshold`, `default_value` elsewhere.

    A layer takes `Threshold(threshold, default_value)`: there are no defaults.

    >>> threshold([0.5, 2.0], 1.0, -5.0)
    array([-5., 2.], dtype=float32)
    """
    return Threshold(threshold, default_value)(x)


__all__ = [
    "LAYERS",
    "Activation",
    "Celu",
    "Elu",
    "Exponential",
    "Function",
    "Gelu",
    "Glu",
    "HardShrink",
    "HardSigmoid",
    "HardSilu",
    "HardTanh",
    "LeakyRelu",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "Relu",
    "Relu6",
    "Selu",
    "Sigmoid",
    "Silu",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "Squareplus",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "registry",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
