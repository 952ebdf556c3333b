"""The objects that custom_object.yaml names."""

from typing import Any

import numpy as np

import sepconv
from sepconv.declaration import Argument, argument
from sepconv.initializers import Initializer
from sepconv.rules import Number


@sepconv.register(package="example")
class Smoother(Initializer):
    """Each channel starts as a bell curve over time that sums to 1."""

    width: Argument[float, float] = argument(
        Number(above=0), default=1.0, doc="standard deviation of the bell, in steps"
    )

    def __call__(self, shape: Any, dtype: Any = "float32") -> Any:
        steps = np.arange(shape[0]) - (shape[0] - 1) / 2
        bell = np.exp(-0.5 * (steps / self.width) ** 2)
        kernel = (bell / bell.sum()).reshape(-1, *[1] * (len(shape) - 1))
        return np.broadcast_to(kernel, shape).astype(dtype)


@sepconv.register(package="example")
def square(x: Any) -> Any:
    """The energy of a signal."""
    return x * x
