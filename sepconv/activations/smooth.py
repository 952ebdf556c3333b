"""Elementwise activations made of exponentials and roots."""

from __future__ import annotations

from sepconv.activations.base import Elementwise, registry
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.rules import Flag, Number


@registry.register("elu")
class Elu(Elementwise):
    """x above 0, alpha · (eˣ - 1) below. Clevert et al., 2016, https://arxiv.org/abs/1511.07289.

    >>> Elu()([-1.0, 2.0])
    array([-0.632..., 2. ], dtype=float32)
    """

    name = "elu"
    alpha: Argument[float, float] = argument(Number(), default=1.0, doc="minus the limit at -∞")

    @property
    def keras_layer(self) -> str:
        return "ELU"


@registry.register("celu")
class Celu(Elementwise):
    """x above 0, alpha · (exp(x/alpha) - 1) below. Barron, 2017, https://arxiv.org/abs/1704.07483.

    >>> Celu(alpha=2.0)([-1.0, 2.0])
    array([-0.786..., 2. ], dtype=float32)
    """

    name = "celu"
    alpha: Argument[float, float] = argument(Number(), default=1.0, doc="minus the limit at -∞")

    def check(self) -> None:
        if self.alpha == 0:
            raise ValidationError("`alpha` of celu must not be 0: x is divided by it")


@registry.register("selu")
class Selu(Elementwise):
    """1.0507… · elu(x, 1.6732…). Klambauer et al., 2017, https://arxiv.org/abs/1706.02515.

    >>> Selu()([-1.0, 2.0])
    array([-1.111..., 2.101...], dtype=float32)
    """

    name = "selu"


@registry.register("gelu")
class Gelu(Elementwise):
    """x · Φ(x), Φ the normal distribution. Hendrycks, 2016, https://arxiv.org/abs/1606.08415.

    Φ(x) = (1 + erf(x/√2))/2, approximately (1 + tanh(√(2/π)·(x + 0.044715x³)))/2.

    >>> Gelu()([-1.0, 2.0])
    array([-0.158..., 1.954...], dtype=float32)
    """

    name = "gelu"
    approximate: Argument[bool, bool] = argument(
        Flag(), default=False, doc="whether the tanh form is used"
    )

    @property
    def core_name(self) -> str:
        return "gelu_tanh" if self.approximate else "gelu"

    @property
    def parameters(self) -> tuple[float, ...]:
        return ()


@registry.register("sigmoid")
class Sigmoid(Elementwise):
    """1 / (1 + e⁻ˣ).

    >>> Sigmoid()([0.0, 100.0])
    array([0.5, 1. ], dtype=float32)
    """

    name = "sigmoid"


@registry.register("silu", "swish")
class Silu(Elementwise):
    """x · sigmoid(x). Ramachandran et al., 2017, https://arxiv.org/abs/1710.05941.

    >>> Silu()([0.0, 2.0])
    array([0. , 1.761...], dtype=float32)
    """

    name = "silu"


@registry.register("mish")
class Mish(Elementwise):
    """x · tanh(softplus(x)). Misra, 2019, https://arxiv.org/abs/1908.08681.

    >>> Mish()([0.0, 2.0])
    array([0. , 1.943...], dtype=float32)
    """

    name = "mish"


@registry.register("tanh")
class Tanh(Elementwise):
    """(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).

    >>> Tanh()([-100.0, 100.0])
    array([-1.,  1.], dtype=float32)
    """

    name = "tanh"


@registry.register("tanh_shrink")
class TanhShrink(Elementwise):
    """x - tanh(x).

    >>> TanhShrink()([0.0, 100.0])
    array([ 0., 99.], dtype=float32)
    """

    name = "tanh_shrink"


@registry.register("softplus")
class Softplus(Elementwise):
    """log(1 + eˣ).

    >>> Softplus()([0.0, 100.0])
    array([ 0.693..., 100. ], dtype=float32)
    """

    name = "softplus"


@registry.register("softsign")
class Softsign(Elementwise):
    """x / (1 + |x|).

    >>> Softsign()([-1.0, 3.0])
    array([-0.5 , 0.75], dtype=float32)
    """

    name = "softsign"


@registry.register("exponential")
class Exponential(Elementwise):
    """eˣ.

    >>> Exponential()([0.0])
    array([1.], dtype=float32)
    """

    name = "exponential"


@registry.register("log_sigmoid")
class LogSigmoid(Elementwise):
    """log(sigmoid(x)) = -softplus(-x).

    >>> LogSigmoid()([-100.0])
    array([-100.], dtype=float32)
    """

    name = "log_sigmoid"


@registry.register("squareplus")
class Squareplus(Elementwise):
    """(x + √(x² + b)) / 2. Barron, 2021, https://arxiv.org/abs/2112.11687.

    >>> Squareplus()([0.0, 1.5])
    array([1., 2.], dtype=float32)
    """

    name = "squareplus"
    b: Argument[float, float] = argument(Number(minimum=0), default=4, doc="how smooth it is")
