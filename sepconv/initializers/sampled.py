"""Initializers that draw from a distribution of their own."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import compute_dtype, float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.initializers.base import Initializer, Shape, checked, registry
from sepconv.rules import MAX_SEED, Integer, Nullable, Number


def seed_argument() -> Any:
    return argument(
        Nullable(Integer(0, MAX_SEED)),
        default=None,
        doc="an int for the same values always; None draws one seed for this object",
    )


class RandomInitializer(Initializer):
    """An initializer with a seed. Without one it draws one, from `random` as Keras does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.__dict__["seed"]  # each subclass declares it, at its own place
        self._seed = random.randint(1, 10**9) if given is None else given

    def generator(self) -> np.random.Generator:
        """Return a new generator in the state that Keras's NumPy backend starts from."""
        return np.random.default_rng(np.array([self._seed, 0], np.uint32))

    def truncated_normal(self, shape: tuple[int, ...], mean: float, stddev: float) -> NDArray[Any]:
        """Return normal values, redrawn where they are more than two deviations off."""
        generator, size = self.generator(), math.prod(shape)
        kept: list[NDArray[np.float64]] = []
        missing = size
        while missing > 0:
            batch = generator.normal(mean, stddev, size)
            batch = batch[(batch >= mean - 2 * stddev) & (batch <= mean + 2 * stddev)]
            kept.append(batch[:missing])
            missing -= len(kept[-1])
        return np.concatenate([np.empty(0), *kept]).reshape(shape)


@registry.register("RandomNormal", "random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Normal values of this mean and deviation, as `keras.initializers.RandomNormal`.

    >>> RandomNormal(seed=1)((3,)).shape
    (3,)
    """

    mean: Argument[float, float] = argument(Number(), default=0.0, doc="mean of the values")
    stddev: Argument[float, float] = argument(
        Number(minimum=0), default=0.05, doc="standard deviation of the values"
    )
    seed: Argument[int | None, int | None] = seed_argument()

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        values = self.generator().normal(self.mean, self.stddev, checked(shape))
        return np.asarray(values).astype(float_dtype(dtype))


@registry.register("TruncatedNormal", "truncated_normal")
class TruncatedNormal(RandomInitializer):
    """Normal values within two deviations of the mean, as `keras.initializers.TruncatedNormal`.

    >>> bool(abs(TruncatedNormal(seed=1)((99,))).max() <= 0.1)
    True
    """

    mean: Argument[float, float] = argument(Number(), default=0.0, doc="mean of the values")
    stddev: Argument[float, float] = argument(
        Number(minimum=0), default=0.05, doc="standard deviation before the cut"
    )
    seed: Argument[int | None, int | None] = seed_argument()

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        values = self.truncated_normal(checked(shape), self.mean, self.stddev)
        return np.asarray(values.astype(float_dtype(dtype)))


@registry.register("RandomUniform", "random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Uniform values in [minval, maxval), as `keras.initializers.RandomUniform`.

    >>> bool(abs(RandomUniform(seed=1)((99,))).max() <= 0.05)
    True
    """

    minval: Argument[float, float] = argument(Number(), default=-0.05, doc="lower end")
    maxval: Argument[float, float] = argument(Number(), default=0.05, doc="upper end")
    seed: Argument[int | None, int | None] = seed_argument()

    def check(self) -> None:
        if not 0 <= self.maxval - self.minval < math.inf:
            raise ValidationError(
                f"`minval` must not be above `maxval`, nor infinitely far below: "
                f"minval={self.minval}, maxval={self.maxval}"
            )

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        values = self.generator().uniform(self.minval, self.maxval, checked(shape))
        return np.asarray(values).astype(float_dtype(dtype))


@registry.register("Orthogonal", "orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal rows or columns, as `keras.initializers.Orthogonal`.

    The Q of the QR decomposition of normal values, its signs made unique; shapes above rank 2 are
    taken as (prod(shape[:-1]), shape[-1]). float64 is float64 (Keras's NumPy backend returns
    float32), 16-bit dtypes are float32 rounded (Keras fails). Saxe et al., 2014,
    https://arxiv.org/abs/1312.6120.

    >>> q = Orthogonal(seed=1)((4, 2), "float64")
    >>> bool(np.allclose(q.T @ q, np.eye(2)))
    True
    """

    gain: Argument[float, float] = argument(Number(), default=1.0, doc="factor of the matrix")
    seed: Argument[int | None, int | None] = seed_argument()

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        shape = checked(shape)
        if len(shape) < 2:
            raise ValidationError(
                "The tensor to initialize must be at least two-dimensional. Received: "
                f"shape={shape} of rank {len(shape)}."
            )
        kept = float_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(self.generator().normal(size=tall).astype(compute_dtype(kept)))
        q = q * np.sign(np.diag(r))
        return (self.gain * (q.T if rows < columns else q).reshape(shape)).astype(kept)
