"""Normalisation of a network's inputs by numbers that no training changes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import InputTypeError, ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Pull
from sepconv.layers.module import replace_values
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape, standardize_shape
from sepconv.layers.variable import Variable, frozen
from sepconv.rules import Flag, Integer, Nullable, Values

Array = NDArray[Any]
LEAST = 1e-7  # of a standard deviation, as Keras's epsilon


class Axes:
    """An axis, several, or None for none; kept as a tuple."""

    one = Integer()

    def normalise(self, value: Any, name: str) -> tuple[int, ...]:
        if value is None:
            return ()
        values = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(self.one.normalise(axis, name) for axis in values)

    def schema(self) -> dict[str, Any]:
        one = self.one.schema()
        return {**one, "type": ["integer", "array", "null"], "items": one}

    def to_config(self, value: tuple[int, ...]) -> tuple[int, ...]:
        return value


class ListedValues(Values):
    """A finite number or an array of them, which a config holds as a list."""

    def to_config(self, value: float | Array) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else value


@registry.register()
class Normalization(Layer):
    """Inputs brought to mean 0 and variance 1 by a mean and variance that were found before.

        y = (x - mean) / max(sqrt(variance), 1e-7)        invert: y = mean + x * max(...)

    Either `mean` and `variance` are given, or `adapt(data)` finds them; they are weights then,
    which an optimizer leaves alone.

    Input and output: of one shape, of any rank.

    Raises:
        ValidationError: one of `mean` and `variance` without the other, or of other shapes.

    >>> layer = Normalization(axis=None)
    >>> layer.adapt(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    >>> layer(np.array([1.0, 2.0, 3.0])).round(4)
    array([-1.4142, -0.7071,  0.    ], dtype=float32)
    """

    axis: Argument[int | Sequence[int] | None, tuple[int, ...]] = argument(
        Axes(), default=-1, doc="Axes that have a mean and variance for each index; null: none."
    )
    mean: Argument[ArrayLike | None, Any] = argument(
        Nullable(ListedValues()), default=None, doc="The mean, if it is known."
    )
    variance: Argument[ArrayLike | None, Any] = argument(
        Nullable(ListedValues()), default=None, doc="The variance, if it is known."
    )
    invert: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Whether normalised inputs are brought back."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)

    def check(self) -> None:
        mean, variance = self.mean, self.variance
        if (mean is None) != (variance is None):
            raise ValidationError(
                f"When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={shown(mean)} and variance={shown(variance)}"
            )
        if np.shape(mean) != np.shape(variance):
            raise ValidationError(
                f"When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if np.ndim(mean) > len(self.axis):
            raise ValidationError(
                f"The rank of `mean` must be less than or equal to the number of axes "
                f"({len(self.axis)}). Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )

    def build(self, input_shape: Any) -> None:
        """Make the weights for what `adapt` finds, of the sizes of `axis`."""
        shape = standardize_shape(input_shape)
        ndim = len(shape)
        if any(not -ndim <= axis < ndim for axis in self.axis):
            raise ValidationError(
                f"All `axis` values must be in the range [-ndim, ndim). "
                f"Received inputs with ndim={ndim}, while axis={self.axis}"
            )
        self._kept = sorted({axis % ndim for axis in self.axis})
        for axis in self._kept:
            if shape[axis] is None:
                raise ValidationError(
                    f"All `axis` values to be kept must have a known shape. Received "
                    f"axis={self.axis}, inputs.shape={shape}, with unknown axis at index {axis}"
                )
        self._broadcast = [shape[axis] if axis in self._kept else 1 for axis in range(ndim)]
        if self.mean is not None:
            self._aligned(self.mean)  # refuses what cannot be broadcast
            return
        sizes = tuple(size for axis in self._kept if (size := shape[axis]) is not None)
        self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
        self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
        # Without use, but among the weights of every file that Keras writes.
        self.count = Variable(0, "int32", f"{self.name}/count", trainable=False)

    def adapt(self, data: Array | Iterable[Any]) -> None:
        """Set mean and variance to those of `data`, summed in float64.

        Arguments:
            data: an array of samples, or an iterable of batches: arrays, or tuples of which the
                first is the inputs.

        Raises:
            ValidationError: mean and variance were given, no batches, or another size of `axis`.
            InputTypeError: neither an array nor an iterable of arrays.
        """
        if self.mean is not None:
            raise ValidationError(
                f"layer '{self.name}' cannot adapt: its `mean` and `variance` were given"
            )
        batches = iter([data] if isinstance(data, np.ndarray) else _batches(data))
        first = next(batches, None)
        if first is None:
            raise ValidationError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. "
                "Pass a non-empty iterable of arrays, e.g. layer.adapt([x])."
            )
        if not self.built:
            self.build(first.shape)
        count, mean, variance = 0, np.zeros(()), np.zeros(())
        for batch in itertools.chain([first], batches):
            size, its_mean, its_variance = self._moments_of(batch)
            count += size
            # Of a part to the whole: T. Chan, G. Golub, R. LeVeque, "Updating Formulae" (1979).
            part, apart = size / max(count, 1), its_mean - mean
            variance = (1 - part) * variance + part * its_variance + part * (1 - part) * apart**2
            mean = mean + part * apart
        found = (self.adapt_mean, self.adapt_variance)
        arrays = [
            frozen(values, w.dtype) for w, values in zip(found, (mean, variance), strict=True)
        ]
        replace_values(self, found, arrays)

    def _moments_of(self, batch: Array) -> tuple[int, Array, Array]:
        """Return how many values each mean is of, the means and the variances."""
        shape = batch.shape
        if len(shape) != len(self._broadcast) or any(
            shape[axis] != self._broadcast[axis] for axis in self._kept
        ):
            raise ValidationError(
                f"The layer was built with input_shape={self._build_shape}, but adapt() is being "
                f"called with data with an incompatible shape, data.shape={shape}"
            )
        over = tuple(axis for axis in range(len(shape)) if axis not in self._kept)
        size = math.prod(shape[axis] for axis in over)
        if not size:
            return 0, np.zeros(()), np.zeros(())
        mean, variance = (f(batch, axis=over, dtype=np.float64) for f in (np.mean, np.var))
        return size, np.asarray(mean), np.asarray(variance)

    def _aligned(self, values: Any) -> Array:
        """Return given values such that they broadcast over an input: kept axes from the right."""
        values = np.asarray(values, self._working_dtype)
        shape = [1] * len(self._broadcast)
        for axis, size in zip(reversed(self._kept), reversed(values.shape), strict=False):
            shape[axis] = size
        try:
            return np.broadcast_to(values.reshape(shape), self._broadcast)  # type: ignore[arg-type]
        except ValueError:
            raise ValidationError(
                f"`mean` and `variance` of shape {values.shape} cannot be broadcast to the sizes "
                f"{tuple(self._broadcast[axis] for axis in self._kept)} of axis {self.axis}"
            ) from None

    def pack(self, *arrays: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation, such that they broadcast over an input."""
        given = arrays[:2] if arrays else (self.mean, self.variance)
        mean, variance = (self._aligned(values) for values in given)
        return mean, np.maximum(np.sqrt(variance), self._working_dtype.type(LEAST))

    def call(self, inputs: Array) -> Array:
        """Return the normalised inputs, or what they were before, with `invert`."""
        mean, deviation = self.packed()
        x = inputs.astype(self._working_dtype, copy=False)
        y = mean + x * deviation if self.invert else (x - mean) / deviation
        return np.asarray(y.astype(self._input_dtype, copy=False))

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        _, deviation = self.packed()
        return self.call(inputs), lambda dy, input_gradient: (
            (dy * deviation if self.invert else dy / deviation) if input_gradient else None,
            {},
        )

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        return standardize_shape(input_shape)


@registry.register()
class Rescaling(Layer):
    """inputs * scale + offset.

    Input and output: of one shape, of any rank.

    >>> Rescaling(0.5, offset=-1.0)([2.0, 4.0])
    array([0., 1.], dtype=float32)
    """

    scale: Argument[ArrayLike, Any] = argument(
        Values(), doc="Factor: a number, or an array that broadcasts over the inputs."
    )
    offset: Argument[ArrayLike, Any] = argument(
        Values(), default=0.0, doc="What is added: a number, or an array that broadcasts."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        working = float_dtype(self.dtype_policy.working_dtype)
        self._factor, self._added = (
            np.asarray(values, working) for values in (self.scale, self.offset)
        )

    def call(self, inputs: Array) -> Array:
        """Return inputs * scale + offset."""
        self._check_broadcast(inputs.shape)
        y = inputs.astype(self._factor.dtype, copy=False) * self._factor
        y += self._added
        return np.asarray(y, self._input_dtype)

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        return self.call(inputs), lambda dy, input_gradient: (
            dy * self._factor if input_gradient else None,
            {},
        )

    def _check_broadcast(self, shape: tuple[int, ...]) -> None:
        for name, values in (("scale", self._factor), ("offset", self._added)):
            try:
                np.broadcast_to(values, shape)
            except ValueError:
                raise ValidationError(
                    f"`{name}` of shape {values.shape} does not broadcast over inputs of shape "
                    f"{shape}"
                ) from None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        return standardize_shape(input_shape)


def _batches(data: Any) -> Iterable[Array]:
    """Yield the inputs of each batch."""
    if not hasattr(data, "__iter__"):
        raise InputTypeError(
            f"Unsupported data type: {type(data)}. `adapt` supports arrays and iterables of batches"
        )
    for batch in data:
        inputs = batch[0] if isinstance(batch, tuple) else batch
        if not hasattr(inputs, "shape"):
            raise InputTypeError(
                f"adapt() expects an iterable that yields arrays with a `.shape` attribute. "
                f"Got an element of type {type(inputs).__name__}."
            )
        yield np.asarray(inputs)
