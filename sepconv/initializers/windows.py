"""Windows of a short-time Fourier transform, by name or by value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import ValidationError, shown
from sepconv.rules import List, Number

# Harris, "On the use of windows for harmonic analysis", 1978; Nuttall, 1981; flat top: D'Antona
# and Ferrero, 2006. w(φ) = Σ a_k cos(kφ), φ from -π to π: all signs are positive.
COSINE_SUMS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
NAMES = (*COSINE_SUMS, "bartlett", "cosine")


class Window:
    """The name of a window, or the list of its values."""

    values = List(Number())

    def normalise(self, value: Any, name: str) -> str | list[float]:
        if isinstance(value, str) and value in NAMES:
            return value
        if isinstance(value, (list, tuple, np.ndarray)):
            return self.values.normalise(list(value), name)
        raise ValidationError(
            f"`{name}` must be one of {', '.join(NAMES)}, or a list of numbers (such as another "
            f"window of `scipy.signal`); got {shown(value)}"
        )

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "array"], "examples": list(NAMES)}

    def to_config(self, value: str | list[float]) -> Any:
        return list(value) if isinstance(value, list) else value


WINDOWS = Window()


def window_values(window: str | list[float], steps: int, periodic: bool) -> NDArray[np.float64]:
    """Return the float64 values of a window of `steps` steps.

    Arguments:
        window: a name, or the values.
        steps: how many values are needed.
        periodic: whether the value after the last would be the first; else both ends agree.

    >>> window_values("hann", 4, periodic=True)
    array([0. , 0.5, 1. , 0.5])
    """
    if isinstance(window, list):
        if len(window) != steps:
            raise ValidationError(
                "The shape of `window` must be equal to [frame_length]."
                f"Received: window shape=({len(window)},), frame_length={steps}"
            )
        return np.array(window, np.float64)
    if steps <= 1:
        return np.ones(steps)
    points = steps + 1 if periodic else steps
    return np.asarray(_symmetric(window, points)[:steps])


def _symmetric(name: str, points: int) -> Any:
    if name == "bartlett":
        return 1 - np.abs(np.linspace(-1, 1, points))
    if name == "cosine":
        return np.sin(math.pi / points * (np.arange(points) + 0.5))
    phase = np.linspace(-math.pi, math.pi, points)
    return np.sum([a * np.cos(k * phase) for k, a in enumerate(COSINE_SUMS[name])], axis=0)
