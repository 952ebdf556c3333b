"""What a layer does with shapes, and the weights it would make, without an array being made."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from typing import Any

from sepconv.config.kinds import LAYERS
from sepconv.declaration import REQUIRED
from sepconv.layers import Layer
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.layers.variable import Variable

Shape = tuple[int | None, ...]
PROBE = 8  # a size that suits most arguments


class Sketch(Variable):
    """A weight without its values."""

    def __init__(self, shape: Sequence[int], dtype: str, initializer: Any) -> None:
        self.dtype = dtype
        self.path = ""
        self.trainable = True
        self.initializer = initializer
        self._shape = tuple(shape)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def size(self) -> int:
        return math.prod(self._shape)


def sketched(layer: Layer) -> list[Sketch]:
    """Make `layer` build sketches of its weights; they are in the returned list once it is."""
    made: list[Sketch] = []

    def add_weight(
        shape: Sequence[int] = (), initializer: Any = None, dtype: str | None = None, **kwargs: Any
    ) -> Sketch:
        made.append(Sketch(shape, dtype or layer.dtype, initializer))
        return made[-1]

    layer.__dict__["add_weight"] = add_weight
    return made


@functools.cache
def weights(name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a built-in layer's usual weights, by the part of its arguments' names.

    Sizes that the layer's arguments give are 8.

    >>> weights("SeparableConv1D")["pointwise"]
    (1, 64, 8)
    """
    cls = LAYERS[name]
    arguments: dict[str, Any] = {
        key: PROBE for key, argument in cls.arguments.items() if argument.default is REQUIRED
    }
    if "depth_multiplier" in cls.arguments:
        arguments["depth_multiplier"] = PROBE
    for shape in ((None, 2 * PROBE, PROBE), (None, PROBE)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                layer = cls(**arguments)
                made = sketched(layer)
                layer(SymbolicTensor(shape))
        except Exception:
            continue
        return {
            part: sketch.shape
            for part in (key.removesuffix("_initializer") for key in cls.arguments)
            for sketch in made
            if sketch.initializer is getattr(layer, f"{part}_initializer", None) is not None
        }
    return {}
