"""Layers that make time longer or shorter: padding, cropping, repeating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers import arguments
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.registry import registry
from sepconv.layers.reshaping import Moving
from sepconv.layers.rules import Shape, sizes
from sepconv.rules import MAX_SIZE, Count, Kept, at_most, is_int


class Pair(Kept):
    """An int of at least 0, which stands for two, or a sequence of two; kept as a 2-tuple."""

    def normalise(self, value: Any, name: str) -> tuple[int, int]:
        told = (
            f"The `{name}` argument must be a tuple of 2 integers. Received {name}={shown(value)}"
        )
        values = (value, value) if is_int(value) else value
        if not isinstance(values, (list, tuple)) or len(values) != 2:
            raise ValidationError(told)
        for size in values:
            if not is_int(size):
                raise ValidationError(
                    f"{told}, including element {shown(size)} of type {type(size).__name__}"
                )
        wrong = {int(size) for size in values if size < 0}
        if wrong:
            raise ValidationError(
                f"{told}, including values {wrong} that do not satisfy `value >= 0`"
            )
        first, second = (at_most(int(size), MAX_SIZE, name) for size in values)
        return first, second

    def schema(self) -> dict[str, Any]:
        bounds = {"minimum": 0, "maximum": MAX_SIZE}
        one = {"type": "integer", **bounds}
        return {"type": ["integer", "array"], **bounds, "items": one, "minItems": 2, "maxItems": 2}


class _OverTime(Moving):
    """A layer that makes time longer or shorter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(ndim=3)


@registry.register()
class ZeroPadding1D(_OverTime):
    """Zeros before and after the steps of time.

    >>> ZeroPadding1D(1)([[[1.0], [2.0]]])[0, :, 0]
    array([0., 1., 2., 0.], dtype=float32)
    """

    padding: Argument[int | Sequence[int], tuple[int, int]] = argument(
        Pair(), default=1, doc="Zeros before and after: one int for both, or two."
    )
    data_format: Argument[str | None, str] = arguments.data_format()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._axis = 2 if self.data_format == "channels_first" else 1

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the padded inputs."""
        outputs = np.zeros(sizes(self.compute_output_shape(inputs.shape)), inputs.dtype)
        self._kept(outputs, inputs.shape)[...] = inputs
        return outputs

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return np.ascontiguousarray(self._kept(dy, shape))

    def _kept(self, outputs: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        kept = slice(self.padding[0], self.padding[0] + shape[self._axis])
        return outputs[:, :, kept] if self._axis == 2 else outputs[:, kept]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with `sum(padding)` steps more."""
        shape = list(self._suitable(input_shape))
        steps = shape[self._axis]
        shape[self._axis] = None if steps is None else steps + sum(self.padding)
        return tuple(shape)


@registry.register()
class Cropping1D(_OverTime):
    """The steps of time without the first and the last: (batch, time, channels).

    Raises:
        ValidationError: nothing is left.

    >>> Cropping1D((0, 1))([[[1.0], [2.0]]])
    array([[[1.]]], dtype=float32)
    """

    cropping: Argument[int | Sequence[int], tuple[int, int]] = argument(
        Pair(), default=(1, 1), doc="Steps to take off at the two ends: one int for both, or two."
    )

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the inputs without the cropped steps."""
        self.compute_output_shape(inputs.shape)  # refuses an input that is too short
        return np.ascontiguousarray(inputs[:, self._kept(inputs.shape)])

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        dx = np.zeros(shape, dy.dtype)
        dx[:, self._kept(shape)] = dy
        return dx

    def _kept(self, shape: tuple[int, ...]) -> slice:
        return slice(self.cropping[0], shape[1] - self.cropping[1])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with `sum(cropping)` steps less."""
        shape = self._suitable(input_shape)
        batch, steps, channels = shape
        if steps is not None and steps <= sum(self.cropping):
            raise ValidationError(
                f"`cropping` parameter of `Cropping1D` layer must be smaller than the input "
                f"length. Received: input_shape={shape}, cropping={self.cropping}"
            )
        return batch, None if steps is None else steps - sum(self.cropping), channels


@registry.register()
class UpSampling1D(_OverTime):
    """Each step of time several times over: (batch, time, channels).

    >>> UpSampling1D(2)([[[1.0], [2.0]]])[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)
    """

    size: Argument[int, int] = argument(Count(), default=2, doc="Output steps for each input step.")

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the repeated inputs."""
        return np.repeat(inputs, self.size, axis=1)

    def _back(self, dy: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        batch, steps, channels = shape
        repeats = dy.reshape(batch, steps, self.size, channels)
        return np.asarray(np.add.reduce(repeats, axis=2))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape with `size` times the steps."""
        shape = self._suitable(input_shape)
        batch, steps, channels = shape
        return batch, None if steps is None else steps * self.size, channels
