"""What callbacks that watch a value of the logs have in common."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sepconv.callbacks.base import Callback, Logs
from sepconv.declaration import argument
from sepconv.errors import ValidationError
from sepconv.rules import Label


class Monitor(Callback):
    """The base of callbacks that compare a value of the logs with its best so far."""

    if TYPE_CHECKING:
        monitor: Any = argument(Label(), default="", kw_only=True, doc="")
        mode: Any = argument(Label(), default="", kw_only=True, doc="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.best: float | None = None

    def current(self, logs: Logs | None) -> float | None:
        """Return the watched value; without it, warn and return None."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches `{self.monitor}`, which is not available. "
                f"Available are: {', '.join(logs or {})}",
                stacklevel=2,
            )
        return value

    def improves(self, value: float, reference: float | None) -> bool:
        """Tell whether `value` is better than `reference` by more than min_delta."""
        if reference is None:
            return True
        delta = getattr(self, "min_delta", 0.0)
        return value - delta > reference if self._upwards() else value + delta < reference

    def _upwards(self) -> bool:
        if self.mode != "auto":
            return bool(self.mode == "max")
        name = self.monitor.removeprefix("val_")
        for label, metric in self.model.named_metrics():
            if label == name:
                return bool(metric.direction == "up")
        if name.endswith("loss"):
            return False
        raise ValidationError(
            f"{type(self).__name__} callback received monitor={self.monitor}, of which it is not "
            f"known whether more or less is better. Pass `mode='max'` or `mode='min'`."
        )

    def state(self) -> dict[str, NDArray[Any]]:
        return {"best": np.array(math.nan if self.best is None else self.best)}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        best = float(state["best"])
        self.best = None if math.isnan(best) else best
