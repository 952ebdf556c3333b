"""Dropout: in training, some values become 0 and the others grow to make up for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import kept_where
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape
from sepconv.rules import MAX_SEED, MAX_SIZE, Integer, Kept, Nullable, Number, is_int, is_real

Array = NDArray[Any]


class Rate(Number):
    """A number from 0 to 1, as Keras words it."""

    def __init__(self) -> None:
        super().__init__(minimum=0, maximum=1)

    def normalise(self, value: Any, name: str) -> float:
        if not is_real(value) or not 0 <= value <= 1:
            raise ValidationError(
                f"Invalid value received for argument `{name}`. Expected a float value between 0 "
                f"and 1. Received: {name}={shown(value)}"
            )
        return super().normalise(value, name)


class NoiseShape(Kept):
    """A shape: positive ints, and None for the input's own size; kept as a tuple."""

    def normalise(self, value: Any, name: str) -> tuple[int | None, ...]:
        told = f"Invalid value received for argument `{name}`. Expected"
        if not isinstance(value, (list, tuple)):
            raise ValidationError(
                f"{told} an iterable of integers (e.g., a tuple or list). "
                f"Received: {name}={shown(value)}"
            )
        for index, size in enumerate(value):
            if size is not None and not is_int(size):
                raise ValidationError(
                    f"{told} all elements to be integers or None. Received element at index "
                    f"{index}: {shown(size)} (type: {type(size).__name__})"
                )
            if size is not None and not 0 < size <= MAX_SIZE:
                raise ValidationError(
                    f"{told} all dimensions to be positive integers or None. "
                    f"Received negative or zero value at index {index}: {shown(size)}"
                )
        return tuple(None if size is None else int(size) for size in value)

    def schema(self) -> dict[str, Any]:
        size = {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_SIZE}
        return {"type": "array", "items": size}


class _Dropping(Layer):
    """The base of the two: `_noise_shape` tells which values are dropped together."""

    rate: Argument[float, float] = argument(Rate(), doc="Share of the values that is dropped.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.__dict__["seed"]
        self._seed = int(np.random.SeedSequence().generate_state(1)[0]) if given is None else given
        self._calls = 0  # in training; each draws from a generator of its own

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: Array, training: bool = False) -> Array:
        """Return `inputs` themselves in inference; in training, with values dropped."""
        return self.call_vjp(inputs, training)[0]

    def core_operations(self) -> Sequence[Any]:
        return []

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        if not training or not self.rate:
            return inputs, lambda dy, input_gradient: (dy if input_gradient else None, {})
        kept = self._kept(inputs.shape)

        def pull(dy: Array, input_gradient: bool) -> tuple[Array | None, Any]:
            return (self._thinned(dy, kept) if input_gradient else None), {}

        return self._thinned(inputs, kept), pull

    def _kept(self, shape: tuple[int, ...]) -> Array:
        """Draw which values of this call are kept; it broadcasts over `shape`."""
        noise_shape = self._noise_shape(shape)
        with self._lock:
            number, self._calls = self._calls, self._calls + 1
        generator = np.random.Generator(np.random.SFC64([self._seed, number]))
        # 32 random bits a value.
        bits = np.frombuffer(generator.bytes(4 * int(np.prod(noise_shape))), "<u4")
        return (bits >= self.rate * 2**32).reshape(noise_shape)

    def _thinned(self, values: Array, kept: Array) -> Array:
        if self.rate == 1:
            return np.zeros_like(values)
        # Not a product with the mask: what is dropped may be inf or NaN.
        return kept_where(np.asarray(values / values.dtype.type(1 - self.rate)), kept)

    def _noise_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        return self._suitable(input_shape)


_SEED = argument(
    Nullable(Integer(0, MAX_SEED)),
    default=None,
    doc="Makes the same sequence of calls drop the same values; null is another one each time.",
)


@registry.register()
class Dropout(_Dropping):
    """Each value becomes 0 with probability `rate` in training, and x / (1 - rate) else.

    In inference the outputs are the inputs. Every training call draws anew; a layer of the same
    seed draws the same sequence. Keras's own random bits are not reproduced: they differ from
    backend to backend. (N. Srivastava et al., JMLR 15, 2014.)

    Input and output: of one shape, of any rank.

    Raises:
        ValidationError: a rate outside of 0 to 1; a noise shape that does not fit.

    >>> Dropout(0.5, seed=0)(np.ones(8), training=True)
    array([2., 2., 0., 0., 2., 0., 0., 0.], dtype=float32)
    """

    noise_shape: Argument[Sequence[int | None] | None, Any] = argument(
        Nullable(NoiseShape()),
        default=None,
        doc="Shape that is drawn, and broadcast over the inputs; null is the inputs' own.",
    )
    seed: Argument[int | None, int | None] = _SEED

    def _noise_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        sizes: Sequence[int | None] = self.noise_shape
        try:
            drawn = tuple(
                own if size is None else size for size, own in zip(sizes, shape, strict=True)
            )
            np.broadcast_to(np.empty(drawn, bool), shape)
        except ValueError:
            raise ValidationError(
                f"`noise_shape={sizes}` of layer '{self.name}' does not broadcast over inputs of "
                f"shape {shape}"
            ) from None
        return drawn


@registry.register()
class SpatialDropout1D(_Dropping):
    """Whole channels of a sample become 0 with probability `rate` in training.

    The others are x / (1 - rate); see Dropout. (J. Tompson et al., arXiv:1411.4280.)

    Input and output: (batch, time, channels).

    Raises:
        ValidationError: a rate outside of 0 to 1; not of rank 3.

    >>> SpatialDropout1D(0.5, seed=0)(np.ones((1, 2, 4)), training=True)
    array([[[2., 2., 0., 0.],
            [2., 2., 0., 0.]]], dtype=float32)
    """

    seed: Argument[int | None, int | None] = _SEED

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _noise_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[0], 1, shape[2]

    def get_config(self) -> dict[str, Any]:
        """Return the four arguments that Keras's layer takes; `dtype` is the policy's name."""
        given = super().get_config()
        return {key: given[key] for key in ("rate", "seed", "name")} | {
            "dtype": self.dtype_policy.name
        }
