"""Initializers without chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import compute_dtype, float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.initializers.base import Initializer, Shape, checked, registry
from sepconv.initializers.windows import WINDOWS, window_values
from sepconv.rules import Choice, Flag, Nullable, Number, Values


@registry.register("Zeros", "zeros", "zero")
class Zeros(Initializer):
    """All 0, as `keras.initializers.Zeros`.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        return np.zeros(checked(shape), float_dtype(dtype))


@registry.register("Ones", "ones", "one")
class Ones(Initializer):
    """All 1, as `keras.initializers.Ones`.

    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        return np.ones(checked(shape), float_dtype(dtype))


@registry.register("Constant", "constant")
class Constant(Initializer):
    """One number everywhere, or the values of an array of the very shape asked for.

    Keras fills by broadcasting; here an array of another shape is an error.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    value: Argument[Any, float | NDArray[Any]] = argument(
        Values(), default=0.0, doc="a number, or an array of the weight's shape"
    )

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        shape = checked(shape)
        if not isinstance(self.value, np.ndarray):
            return np.full(shape, self.value, float_dtype(dtype))
        if self.value.shape != shape:
            raise ValidationError(
                f"Expected `shape` to be {self.value.shape} for direct tensor as initializer. "
                f"Received shape={shape}"
            )
        return self.value.astype(float_dtype(dtype))


@registry.register("Identity", "identity", "IdentityInitializer")
class Identity(Initializer):
    """A matrix with `gain` on its diagonal, as `keras.initializers.Identity`. Rank 2 alone.

    >>> Identity(2.0)((2, 2))
    array([[2., 0.], [0., 2.]], dtype=float32)
    """

    gain: Argument[float, float] = argument(Number(), default=1.0, doc="factor of the matrix")

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        shape = checked(shape)
        if len(shape) != 2:
            raise ValidationError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        kept = float_dtype(dtype)
        return (self.gain * np.eye(*shape, dtype=compute_dtype(kept))).astype(kept)


@registry.register("STFT", "stft", "STFTInitializer")
class STFT(Initializer):
    """The kernels of a short-time Fourier transform, as `keras.initializers.STFT`.

    cos or sin of -2π·t·f/(2(F-1)), times the window, over the scale: shape (T, 1, F).

    >>> STFT(window=None)((2, 1, 2))
    array([[[ 1.,  1.]], [[ 1., -1.]]], dtype=float32)
    """

    side: Argument[str, str] = argument(
        Choice("real", "imag"), default="real", doc="the real (cos) or imaginary (sin) part"
    )
    window: Argument[Any, str | list[float] | None] = argument(
        Nullable(WINDOWS), default="hann", doc="a window by name or by its T values, or None"
    )
    scaling: Argument[str | None, str | None] = argument(
        Nullable(Choice("density", "spectrum")),
        default="density",
        doc="divide by √Σw² (density), by Σ|w| (spectrum), or by nothing",
    )
    periodic: Argument[bool, bool] = argument(
        Flag(), default=False, doc="whether the window is periodic"
    )

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        shape = checked(shape)
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ValidationError(
                f"STFT makes kernels of shape (T, 1, F) with F >= 2 alone; received shape={shape}"
            )
        kept = float_dtype(dtype)
        steps, _, bands = shape
        # In the weight's own precision and in Keras's order, so that float32 gives Keras's values.
        real = compute_dtype(kept)
        frequency = np.arange(bands, dtype=real).reshape(1, 1, bands) / real.type(2 * (bands - 1))
        time = np.arange(steps, dtype=real).reshape(steps, 1, 1)
        angle = real.type(-2) * time * frequency * np.arccos(real.type(-1))
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            window = window_values(self.window, steps, self.periodic).astype(real)
            kernel = kernel * window.reshape(steps, 1, 1) / self._scale(window)
        return np.asarray(kernel).astype(kept)

    def _scale(self, window: NDArray[Any]) -> Any:
        if self.scaling is None:
            return 1
        squared = self.scaling == "density"
        scale = np.sqrt(np.sum(np.square(window))) if squared else np.sum(np.abs(window))
        if scale == 0:
            raise ValidationError(
                f"the window {shown(self.window)} of {len(window)} steps is 0 everywhere: take a "
                f"longer kernel or `scaling=None`"
            )
        return scale
