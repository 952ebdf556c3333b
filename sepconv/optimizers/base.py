"""Optimizer: what all update rules have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import compute_dtype
from sepconv.declaration import Declared, Rule, argument
from sepconv.errors import ValidationError
from sepconv.layers.operation import snake_case
from sepconv.layers.variable import Variable, widened
from sepconv.optimizers.learning_rate import LearningRate
from sepconv.optimizers.schedules import LearningRateSchedule
from sepconv.rules import Label, Nullable, Number, Only, is_real

Arrays = list[NDArray[Any]]
Slots = tuple[NDArray[Any] | None, ...]

_OFF = "Off; Keras has more."
_NORM = Nullable(Number(above=0))
DECAY = "Share of each weight, times the learning rate, that a step takes off first."

# What all optimizers take, after arguments of their own, in Keras's order: rule, default, doc.
COMMON: Mapping[str, tuple[Rule, Any, str]] = {
    "weight_decay": (Nullable(Number(minimum=0)), None, DECAY),
    "clipnorm": (_NORM, None, "Largest norm of the gradient of one weight array."),
    "clipvalue": (_NORM, None, "Largest absolute value in a gradient."),
    "global_clipnorm": (_NORM, None, "Largest norm of all gradients together."),
    "use_ema": (Only(False), False, _OFF),
    "ema_momentum": (Number(minimum=0, maximum=1), 0.99, "Of no effect without `use_ema`."),
    "ema_overwrite_frequency": (Only(None), None, _OFF),
    "loss_scale_factor": (Only(None), None, _OFF),
    "gradient_accumulation_steps": (Only(None), None, _OFF),
    "name": (Nullable(Label()), None, "Name; by default the class in snake_case."),
}


class Optimizer(Declared):
    """The base of optimizers: clips gradients, decays and updates weights, constrains them.

    A subclass declares its arguments, the first of them `learning_rate`, names its slots in
    `slot_names` and writes `factors`; `rule` is the core's name of the update.

    16-bit weights have slots in float32, in which they are updated, too; then they are rounded.
    """

    rule: ClassVar[str]
    if TYPE_CHECKING:  # declared in each subclass, to stand after its own
        learning_rate: Any = argument(LearningRate(), default=0.01, doc="")
        weight_decay: Any = argument(Number(), default=None, kw_only=True, doc="")
        clipnorm: Any = argument(Number(), default=None, kw_only=True, doc="")
        clipvalue: Any = argument(Number(), default=None, kw_only=True, doc="")
        global_clipnorm: Any = argument(Number(), default=None, kw_only=True, doc="")
        name: Any = argument(Label(), default=None, kw_only=True, doc="")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "learning_rate" in vars(cls):
            for name, (rule, default, doc) in COMMON.items():
                if name not in vars(cls):
                    declared = argument(rule, default=default, doc=doc)
                    declared.__set_name__(cls, name)
                    setattr(cls, name, declared)
        super().__init_subclass__(**kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["name"] = self.name or snake_case(type(self).__name__)
        self.iterations = 0
        self.built = False
        self._slots: dict[Variable, Slots] = {}  # in the order of `slot_names`

    def check(self) -> None:
        given = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue}
        given["global_clipnorm"] = self.global_clipnorm
        if sum(value is not None for value in given.values()) > 1:
            told = ", ".join(f"{name}={value}" for name, value in given.items())
            raise ValidationError(
                f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: {told}."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            if isinstance(self.learning_rate, LearningRateSchedule) and is_real(value):
                raise TypeError(
                    "This optimizer was created with a `LearningRateSchedule` object as its "
                    "`learning_rate` constructor argument, hence its learning rate is not "
                    "settable. If you need the learning rate to be settable, you should "
                    "instantiate the optimizer with a float `learning_rate` argument."
                )
            self.__dict__[name] = LearningRate().normalise(value, name)
        else:
            super().__setattr__(name, value)

    # --- the subclass's part -------------------------------------------------------------------

    def slot_names(self) -> tuple[str | None, ...]:
        """Return the names of the slots in the core's order; None for one that is not used."""
        raise NotImplementedError(f"{type(self).__name__} must define slot_names(self)")

    def factors(self, rate: Any) -> tuple[float, ...]:
        """Return the core's factors for the step to come, as floats of the type of `rate`."""
        raise NotImplementedError(f"{type(self).__name__} must define factors(self, rate)")

    # --- updating ------------------------------------------------------------------------------

    @property
    def current_learning_rate(self) -> float:
        """The learning rate of the step to come, which Keras keeps in float32."""
        rate = self.learning_rate
        return float(
            np.float32(rate(self.iterations) if isinstance(rate, LearningRateSchedule) else rate)
        )

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots for `variables`, those of a model that are trainable."""
        if self.built:
            return
        names = self.slot_names()
        self._slots = {
            variable: tuple(None if name is None else _zeros_like(variable) for name in names)
            for variable in variables
        }
        self.built = True

    def apply(
        self, grads: Sequence[NDArray[Any]], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """Update `trainable_variables` along `grads`, one array each.

        Raises:
            ValidationError: another number of arrays, or variables that are not those of `build`.
        """
        variables = list(self._slots) if trainable_variables is None else list(trainable_variables)
        for variable, value in zip(variables, self.updated(grads, variables), strict=True):
            variable._value = value

    def updated(
        self, grads: Sequence[NDArray[Any]], variables: Sequence[Variable]
    ) -> list[NDArray[Any]]:
        """Return the new values of `variables`, frozen; the slots and `iterations` move on."""
        from sepconv.core import updated_weights

        if not self.built:
            self.build(variables)
        self._check_known(grads, variables)
        if not len(variables):
            return []
        grads = self._clipped(grads)
        rate = self.current_learning_rate
        factors: dict[Any, tuple[float, ...]] = {}
        updates = []
        for gradient, variable in zip(grads, variables, strict=True):
            weights = widened(variable.value)
            dtype = weights.dtype
            if dtype not in factors:
                factors[dtype] = self.factors(dtype.type(rate))
            slopes = np.ascontiguousarray(gradient, dtype).reshape(weights.shape)
            updates.append((weights, slopes, self._slots[variable], factors[dtype]))
        values = updated_weights(self.rule, updates, (rate, self.weight_decay or 0.0))
        self.iterations += 1
        return [_kept(value, variable) for value, variable in zip(values, variables, strict=True)]

    def _check_known(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        if len(grads) != len(variables):
            raise ValidationError(
                f"there must be one gradient a variable: got {len(grads)} gradients and "
                f"{len(variables)} variables"
            )
        for variable in variables:
            if variable not in self._slots:
                raise ValidationError(
                    f"Unknown variable: {variable.path}. The optimizer was built for other "
                    f"variables; use a new optimizer, or compile the model again"
                )

    def _clipped(self, grads: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        if self.clipvalue is self.clipnorm is self.global_clipnorm is None:
            return grads
        grads = [np.asarray(gradient) for gradient in grads]
        if self.clipvalue is not None:
            return [np.clip(gradient, -self.clipvalue, self.clipvalue) for gradient in grads]
        if self.clipnorm is not None:
            return [_scaled(g, self.clipnorm / max(_norm_of([g]), self.clipnorm)) for g in grads]
        norm = _norm_of(grads)
        scale = self.global_clipnorm / max(norm, self.global_clipnorm) + (norm - norm)
        return [_scaled(gradient, scale) for gradient in grads]

    # --- state -----------------------------------------------------------------------------------

    @property
    def variables(self) -> list[NDArray[Any]]:
        """The state in Keras's order: iterations, learning rate unless scheduled, the slots."""
        return list(self.state().values())

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the state by name, in Keras's order."""
        found: dict[str, NDArray[Any]] = {"iteration": np.array(self.iterations, np.int64)}
        if not isinstance(self.learning_rate, LearningRateSchedule):
            found["learning_rate"] = np.array(self.learning_rate, np.float64)
        for variable, name, slot in self._named_slots():
            found[f"{variable.path.replace('/', '_')}_{name}"] = slot.copy()
        return found

    def set_state(self, values: Sequence[Any]) -> None:
        """Set the state to arrays in the order of `variables`: all of them or none.

        Raises:
            ValidationError: another number of arrays, or another shape.
        """
        state = self.state()
        values = [np.asarray(value) for value in values]
        if len(values) != len(state):
            raise ValidationError(
                f"optimizer '{self.name}' has {len(state)} variables, got {len(values)}; build it "
                f"on the model's weights first"
            )
        for (name, held), value in zip(state.items(), values, strict=True):
            if held.shape != value.shape:
                raise ValidationError(
                    f"Optimizer variable {name} has shape {held.shape} not compatible with "
                    f"provided weight shape {value.shape}."
                )
        given = dict(zip(state, values, strict=True))
        self.iterations = int(given.pop("iteration"))
        if "learning_rate" in given:
            self.learning_rate = float(given.pop("learning_rate"))
        for (_, _, slot), value in zip(self._named_slots(), given.values(), strict=True):
            slot[...] = value

    def _named_slots(self) -> Iterator[tuple[Variable, str, NDArray[Any]]]:
        """Give the slots in Keras's order."""
        for group in self._groups():
            for variable, slots in self._slots.items():
                for name, slot in zip(self.slot_names(), slots, strict=True):
                    if name in group and name is not None and slot is not None:
                        yield variable, name, slot

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the state into `store` under "0", "1", ..., as Keras does."""
        store.update({str(i): value for i, value in enumerate(self.variables)})

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the state from what `save_own_variables`, of Keras too, stored."""
        self.set_state([store[key] for key in sorted(store, key=int)])

    def _groups(self) -> list[tuple[str, ...]]:
        """Return the slots' names such that those of one group stand together by variable."""
        return [(name,) for name in self.slot_names() if name is not None]


def _kept(value: NDArray[Any], variable: Variable) -> NDArray[Any]:
    """Return the new value as `variable` keeps it: within its constraint, rounded, read-only."""
    dtype = variable.value.dtype
    if variable.constraint is not None or value.dtype != dtype:
        constrained = value if variable.constraint is None else variable.constraint(value)
        value = np.ascontiguousarray(constrained, dtype).reshape(variable.shape)
    value.flags.writeable = False
    return value


def _zeros_like(variable: Variable) -> NDArray[Any]:
    return np.zeros(variable.shape, compute_dtype(variable.value.dtype))


def _norm_of(grads: Sequence[NDArray[Any]]) -> float:
    return math.sqrt(math.fsum(float(np.sum(np.square(g, dtype=np.float64))) for g in grads))


def _scaled(gradient: NDArray[Any], scale: float) -> NDArray[Any]:
    return np.asarray(gradient * gradient.dtype.type(scale))
