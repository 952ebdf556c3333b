"""The update rules by name, with Keras's arguments, arithmetic and configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sepconv.declaration import Argument, argument
from sepconv.optimizers.base import DECAY, Optimizer
from sepconv.optimizers.learning_rate import LearningRate
from sepconv.registry import Registry
from sepconv.rules import Flag, Number


class OptimizerRegistry(Registry[Optimizer]):
    """Optimizers by name, whatever its case, as in Keras."""

    def __getitem__(self, name: str) -> type[Optimizer]:
        lower = name.lower()
        return super().__getitem__(lower if lower in self._classes else name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._classes


registry = OptimizerRegistry("optimizer", "keras.optimizers", Optimizer)


def _learning_rate(default: float) -> Any:
    return argument(LearningRate(), default=default, doc="A number, or a schedule.")


def _share(default: float, doc: str) -> Any:
    return argument(Number(minimum=0, maximum=1), default=default, doc=doc)


def _epsilon() -> Any:
    return argument(Number(minimum=0), default=1e-7, doc="Keeps a zero from dividing.")


@registry.register("sgd")
class SGD(Optimizer):
    """Gradient descent, w - rate · g, or with (Nesterov's) momentum, as `keras.optimizers.SGD`.

    m ← momentum · m - rate · g; w ← w + m, Nesterov: w + momentum · m - rate · g.

    >>> from sepconv.layers.variable import Variable
    >>> weight = Variable([1.0, 2.0], "float32", "toy/weight")
    >>> SGD(0.5).apply([np.array([1.0, -1.0])], [weight])
    >>> weight.numpy()
    array([0.5, 2.5], dtype=float32)
    """

    rule = "sgd"
    learning_rate: Argument[Any, Any] = _learning_rate(0.01)
    momentum: Argument[float, float] = _share(0.0, "Share of the last step in the next.")
    nesterov: Argument[bool, bool] = argument(Flag(), default=False, doc="Nesterov's momentum.")

    def slot_names(self) -> tuple[str | None, ...]:
        return ("momentum" if self.momentum else None,)

    def factors(self, rate: Any) -> tuple[float, ...]:
        return (self.momentum, float(self.nesterov))


class _Moments(Optimizer):
    """The update that Adam and AdamW have in common.

    m ← m + (1 - β₁)(g - m); v ← v + (1 - β₂)(g² - v);
    w ← w - rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), t = 1, 2, ...
    """

    rule = "adam"
    if TYPE_CHECKING:
        beta_1: Any = argument(Number(), default=0.9, doc="")
        beta_2: Any = argument(Number(), default=0.999, doc="")
        epsilon: Any = argument(Number(), default=1e-7, doc="")
        amsgrad: Any = argument(Flag(), default=False, doc="")

    def slot_names(self) -> tuple[str | None, ...]:
        return ("momentum", "velocity", "velocity_hat" if self.amsgrad else None)

    def _groups(self) -> list[tuple[str, ...]]:
        return [("momentum", "velocity"), *([("velocity_hat",)] if self.amsgrad else [])]

    def factors(self, rate: Any) -> tuple[float, ...]:
        # In the weights' own precision, as Keras: float32 has 1 - 0.999 to five digits alone.
        kind = type(rate)
        powers = [kind(beta) ** kind(self.iterations + 1) for beta in (self.beta_1, self.beta_2)]
        alpha = rate * np.sqrt(1 - powers[1]) / (1 - powers[0])
        return (float(alpha), 1 - self.beta_1, 1 - self.beta_2, self.epsilon)


@registry.register("adam")
class Adam(_Moments):
    """Adam, as `keras.optimizers.Adam`. Kingma & Ba, 2014, https://arxiv.org/abs/1412.6980.

    ε is added to √v before the biases are corrected ("epsilon hat" of the paper).

    >>> from sepconv.layers.variable import Variable
    >>> weight = Variable([1.0, 2.0], "float32", "toy/weight")
    >>> Adam(0.1).apply([np.array([1.0, -3.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.9, 2.1], dtype=float32)
    """

    learning_rate: Argument[Any, Any] = _learning_rate(0.001)
    beta_1: Argument[float, float] = _share(0.9, "Share of the old in the mean of gradients.")
    beta_2: Argument[float, float] = _share(0.999, "Share of the old in the mean of squares.")
    epsilon: Argument[float, float] = _epsilon()
    amsgrad: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to divide by the largest mean of squares so far."
    )


@registry.register("adamw")
class AdamW(_Moments):
    """Adam with decoupled weight decay, as `keras.optimizers.AdamW`.

    Before each update, w ← w - w · weight_decay · rate. Loshchilov & Hutter, 2019,
    https://arxiv.org/abs/1711.05101.

    >>> AdamW().weight_decay
    0.004
    """

    learning_rate: Argument[Any, Any] = _learning_rate(0.001)
    weight_decay: Argument[float, float] = argument(Number(minimum=0), default=0.004, doc=DECAY)
    beta_1: Argument[float, float] = _share(0.9, "Share of the old in the mean of gradients.")
    beta_2: Argument[float, float] = _share(0.999, "Share of the old in the mean of squares.")
    epsilon: Argument[float, float] = _epsilon()
    amsgrad: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to divide by the largest mean of squares so far."
    )


@registry.register("rmsprop")
class RMSprop(Optimizer):
    """Gradients by the root of their mean square, as `keras.optimizers.RMSprop`.

    v ← ρ v + (1 - ρ) g²; w ← w - rate · g / √(v + ε), centered: v less the squared mean of g.

    >>> from sepconv.layers.variable import Variable
    >>> weight = Variable([1.0, 2.0], "float32", "toy/weight")
    >>> RMSprop(0.1, rho=0.75).apply([np.array([1.0, -1.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.8, 2.2], dtype=float32)
    """

    rule = "rmsprop"
    learning_rate: Argument[Any, Any] = _learning_rate(0.001)
    rho: Argument[float, float] = _share(0.9, "Share of the old in the mean of squares.")
    momentum: Argument[float, float] = _share(0.0, "Share of the last step in the next.")
    epsilon: Argument[float, float] = _epsilon()
    centered: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to divide by the deviation, not the mean square."
    )

    def slot_names(self) -> tuple[str | None, ...]:
        return (
            "velocity",
            "momentum" if self.momentum else None,
            "average_gradient" if self.centered else None,
        )

    def factors(self, rate: Any) -> tuple[float, ...]:
        return (self.rho, 1 - self.rho, self.momentum, self.epsilon)
