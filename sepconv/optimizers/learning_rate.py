"""The rule of an optimizer's learning rate: a number or a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepconv.errors import ValidationError, shown
from sepconv.optimizers import schedules
from sepconv.optimizers.schedules import LearningRateSchedule
from sepconv.rules import Number, is_real


class LearningRate:
    """A number of at least 0, or a schedule."""

    number = Number(minimum=0)
    registry = schedules.registry

    def normalise(self, value: Any, name: str) -> float | LearningRateSchedule:
        if is_real(value):
            return float(self.number.normalise(value, name))
        if not isinstance(value, (LearningRateSchedule, Mapping)):
            raise ValidationError(
                f"Argument `{name}` should be float, or an instance of LearningRateSchedule. "
                f"Received instead: {name}={shown(value)}"
            )
        return schedules.get(value) or 0.0

    def schema(self) -> dict[str, Any]:
        return {
            "type": ["number", "object"],
            "minimum": 0,
            "if": {"type": "object"},
            "then": {"$ref": "schedules.schema.json"},
        }

    def to_config(self, value: float | LearningRateSchedule) -> Any:
        return schedules.serialize(value) if isinstance(value, LearningRateSchedule) else value
