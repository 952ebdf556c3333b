"""What a layer expects of its input's shape, in Keras's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sepconv.errors import ValidationError

if TYPE_CHECKING:
    from sepconv.layers.operation import Operation


class InputSpec:
    """The rank and the fixed axes of a layer's input.

    Arguments:
        ndim: the rank, or None for any.
        min_ndim: the smallest rank, or None.
        axes: axis -> size, for the axes of a fixed size.
    """

    def __init__(
        self,
        ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
    ) -> None:
        self.ndim = ndim
        self.min_ndim = min_ndim
        self.axes = dict(axes or {})

    def check(self, shape: tuple[int | None, ...], layer: Operation) -> None:
        """Raise ValidationError when an input of `shape` does not suit `layer`."""
        ndim = len(shape)
        if self.ndim is not None and ndim != self.ndim:
            self._refuse(
                layer, f"expected ndim={self.ndim}, found ndim={ndim}. Full shape received: {shape}"
            )
        if self.min_ndim is not None and ndim < self.min_ndim:
            self._refuse(
                layer,
                f"expected min_ndim={self.min_ndim}, found ndim={ndim}. "
                f"Full shape received: {shape}",
            )
        for axis, size in self.axes.items():
            if shape[axis] != size and size is not None and shape[axis] is not None:
                self._refuse(
                    layer,
                    f"expected axis {axis} of input shape to have value {size}, "
                    f"but received input with shape {shape}",
                )

    def _refuse(self, layer: Operation, reason: str) -> None:
        raise ValidationError(
            f"Input 0 with name 'None' of layer '{layer.name}' is incompatible with the layer: "
            f"{reason}"
        )

    def __repr__(self) -> str:
        parts = vars(self)
        return f"InputSpec({', '.join(f'{key}={v}' for key, v in parts.items() if v)})"
