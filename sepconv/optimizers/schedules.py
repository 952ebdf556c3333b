"""Learning rates that change with the optimizer's step."""

from __future__ import annotations

import math
from typing import Any

from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError
from sepconv.registry import Registry
from sepconv.rules import MAX_SIZE, Flag, Integer, Label, List, Nullable, Number


class LearningRateSchedule(Declared):
    """Maps a step, an int from 0, to its learning rate. A subclass writes `__call__`.

    >>> class Warmup(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.01 * min(step / 100, 1)
    >>> Warmup()(50)
    0.005
    """

    def __call__(self, step: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")


registry: Registry[LearningRateSchedule] = Registry(
    "learning rate schedule", "keras.optimizers.schedules", LearningRateSchedule
)
get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


def _rate(doc: str, default: Any = ...) -> Any:
    if default is ...:
        return argument(Number(minimum=0), doc=doc)
    return argument(Number(minimum=0), default=default, doc=doc)


def _steps(doc: str) -> Any:
    return argument(Number(above=0), doc=doc)


def _name(name: str) -> Any:
    return argument(Label(), default=name, doc="Name of the schedule.")


@registry.register()
class ExponentialDecay(LearningRateSchedule):
    """initial · decay_rate^(step / decay_steps), as in Keras.

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20)
    0.025
    """

    initial_learning_rate: Argument[float, float] = _rate("Learning rate of step 0.")
    decay_steps: Argument[float, float] = _steps("Steps for one factor of `decay_rate`.")
    decay_rate: Argument[float, float] = _rate("Factor that `decay_steps` steps make.")
    staircase: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to decay after every `decay_steps` steps alone."
    )
    name: Argument[str, str] = _name("ExponentialDecay")

    def __call__(self, step: int) -> float:
        turns = step / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(turns) if self.staircase else turns
        )


@registry.register()
class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + decay_rate · step / decay_steps), as in Keras.

    >>> InverseTimeDecay(0.1, decay_steps=10, decay_rate=1.0)(10)
    0.05
    """

    initial_learning_rate: Argument[float, float] = _rate("Learning rate of step 0.")
    decay_steps: Argument[float, float] = _steps("How often to decay.")
    decay_rate: Argument[float, float] = _rate("Decay in `decay_steps` steps.")
    staircase: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to decay after every `decay_steps` steps alone."
    )
    name: Argument[str, str] = _name("InverseTimeDecay")

    def __call__(self, step: int) -> float:
        turns = step / self.decay_steps
        if self.staircase:
            turns = math.floor(turns)
        return self.initial_learning_rate / (1 + self.decay_rate * turns)


@registry.register()
class PolynomialDecay(LearningRateSchedule):
    """(initial - end) · (1 - step / decay_steps)^power + end, as in Keras.

    >>> PolynomialDecay(0.1, decay_steps=10, end_learning_rate=0.0)(5)
    0.05
    """

    initial_learning_rate: Argument[float, float] = _rate("Learning rate of step 0.")
    decay_steps: Argument[float, float] = _steps("Steps until the end is reached.")
    end_learning_rate: Argument[float, float] = _rate("The last learning rate.", 0.0001)
    power: Argument[float, float] = _rate("Power of the polynomial.", 1.0)
    cycle: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether to start over, over twice, thrice as many steps."
    )
    name: Argument[str, str] = _name("PolynomialDecay")

    def __call__(self, step: int) -> float:
        total = self.decay_steps
        if self.cycle and step:
            total *= math.ceil(step / self.decay_steps)
        done = min(step, total) / total
        end = self.end_learning_rate
        return (self.initial_learning_rate - end) * math.pow(1 - done, self.power) + end


@registry.register()
class CosineDecay(LearningRateSchedule):
    """A linear warmup, then half a cosine, as in Keras.

    initial → warmup_target in warmup_steps; then, from that (without a warmup from initial), times
    (1 - alpha) · (1 + cos(π · step / decay_steps)) / 2 + alpha. Loshchilov & Hutter, 2016,
    https://arxiv.org/abs/1608.03983.

    >>> CosineDecay(0.0, decay_steps=10, warmup_target=0.1, warmup_steps=5)(5)
    0.1
    """

    initial_learning_rate: Argument[float, float] = _rate("Learning rate of step 0.")
    decay_steps: Argument[float, float] = _steps("Steps of the cosine.")
    alpha: Argument[float, float] = _rate("The last rate, as a share of the highest.", 0.0)
    name: Argument[str, str] = _name("CosineDecay")
    warmup_target: Argument[float | None, float | None] = argument(
        Nullable(Number(minimum=0)), default=None, doc="Where the warmup ends; None: no warmup."
    )
    warmup_steps: Argument[int, int] = argument(
        Integer(0, MAX_SIZE), default=0, doc="Steps of the warmup."
    )

    def __call__(self, step: int) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return (self.warmup_target - start) * (step / self.warmup_steps) + start
            start, step = self.warmup_target, step - self.warmup_steps
        done = min(step, self.decay_steps) / self.decay_steps
        cosine = 0.5 * (1 + math.cos(math.pi * done))
        return start * ((1 - self.alpha) * cosine + self.alpha)


@registry.register()
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and with step boundaries[i], values[-1] after the last, as in Keras.

    >>> schedule = PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001])
    >>> schedule(10), schedule(11), schedule(21)
    (0.1, 0.01, 0.001)
    """

    boundaries: Argument[list[int], list[int]] = argument(
        List(Integer(0, MAX_SIZE)), doc="Last steps of all values but the last, ascending."
    )
    values: Argument[list[float], list[float]] = argument(
        List(Number(minimum=0)), doc="The learning rates, one more than boundaries."
    )
    name: Argument[str, str] = _name("PiecewiseConstant")

    def check(self) -> None:
        if len(self.boundaries) != len(self.values) - 1:
            raise ValidationError(
                f"The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={self.boundaries} of length {len(self.boundaries)}, and "
                f"values={self.values} of length {len(self.values)}."
            )
        if sorted(set(self.boundaries)) != self.boundaries:
            raise ValidationError(f"`boundaries` must be ascending, got {self.boundaries}")

    def __call__(self, step: int) -> float:
        passed = sum(step > boundary for boundary in self.boundaries)
        return self.values[passed]
