"""Initializers whose variance follows the number of inputs and outputs of a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.initializers.base import Shape, checked, registry
from sepconv.initializers.sampled import RandomInitializer, seed_argument
from sepconv.rules import Choice, Integer, List, Nullable, Number

# The standard deviation of a unit normal that is cut at ±2.
CUT_STDDEV = 0.87962566103423978


def _axes(direction: str) -> Any:
    return argument(
        Nullable(List(Integer(-64, 63))),
        default=None,
        doc=f"the axes whose sizes multiply to the number of {direction}; needs the other list too",
    )


def compute_fans(
    shape: Shape,
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Return how many inputs an output sums, and how many outputs an input feeds.

    Arguments:
        shape: of the weight; of a kernel: taps, then inputs, then outputs.
        input_axes, output_axes: when both are given, the axes to multiply instead.

    >>> compute_fans((4, 3, 2))
    (12, 8)
    """
    if input_axes is not None and output_axes is not None:
        try:
            inputs, outputs = ([shape[axis] for axis in axes] for axes in (input_axes, output_axes))
        except IndexError:
            raise ValidationError(
                f"`input_axes`={input_axes} and `output_axes`={output_axes} must be axes of the "
                f"weight, whose shape is {tuple(shape)}"
            ) from None
        return math.prod(inputs), math.prod(outputs)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    taps = math.prod(shape[:-2])
    return taps * shape[-2], taps * shape[-1]


class Distribution(Choice):
    """The name of a distribution; "normal" is Keras's other name for the truncated one."""

    def __init__(self) -> None:
        super().__init__(
            "truncated_normal", "untruncated_normal", "uniform", "normal", any_case=True
        )

    def normalise(self, value: Any, name: str) -> str:
        text = super().normalise(value, name)
        return "truncated_normal" if text == "normal" else text


@registry.register("VarianceScaling", "variance_scaling")
class VarianceScaling(RandomInitializer):
    """Values of variance scale / n, as `keras.initializers.VarianceScaling`.

    n is the fan of `mode`, at least 1. truncated_normal: σ = √(scale/n) / 0.8796, cut at ±2σ;
    untruncated_normal: σ = √(scale/n); uniform: ±√(3·scale/n).

    >>> VarianceScaling(mode="fan_out", seed=1)((3, 4, 2)).shape
    (3, 4, 2)
    """

    scale: Argument[float, float] = argument(
        Number(above=0, maximum=1e100), default=1.0, doc="variance times fan"
    )
    mode: Argument[str, str] = argument(
        Choice("fan_in", "fan_out", "fan_avg"), default="fan_in", doc="which fan divides the scale"
    )
    distribution: Argument[str, str] = argument(
        Distribution(), default="truncated_normal", doc="the distribution of the values"
    )
    seed: Argument[int | None, int | None] = seed_argument()
    input_axes: Argument[Sequence[int] | None, list[int] | None] = _axes("inputs")
    output_axes: Argument[Sequence[int] | None, list[int] | None] = _axes("outputs")

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        fans = compute_fans(checked(shape), self.input_axes, self.output_axes)
        return _scaled(self, shape, dtype, fans, (self.scale, self.mode, self.distribution))


class NamedScaling(RandomInitializer):
    """A variance scaling that is known by a name: `law` is its scale, mode and distribution."""

    law: ClassVar[tuple[float, str, str]]
    seed: Argument[int | None, int | None] = seed_argument()
    input_axes: Argument[Sequence[int] | None, list[int] | None] = _axes("inputs")
    output_axes: Argument[Sequence[int] | None, list[int] | None] = _axes("outputs")

    def __call__(self, shape: Shape, dtype: Any = "float32") -> NDArray[Any]:
        fans = compute_fans(checked(shape), self.input_axes, self.output_axes)
        return _scaled(self, shape, dtype, fans, self.law)


@registry.register("GlorotUniform", "glorot_uniform")
class GlorotUniform(NamedScaling):
    """Uniform in ±√(6 / (fan_in + fan_out)), as Keras. Glorot and Bengio, 2010.

    >>> bool(abs(GlorotUniform(seed=1)((3, 4, 2))).max() <= (6 / 18) ** 0.5)
    True
    """

    law = 1.0, "fan_avg", "uniform"


@registry.register("GlorotNormal", "glorot_normal")
class GlorotNormal(NamedScaling):
    """Truncated normal, σ² = 2 / (fan_in + fan_out), as Keras. Glorot and Bengio, 2010.

    >>> GlorotNormal(seed=1)((3, 4, 2)).shape
    (3, 4, 2)
    """

    law = 1.0, "fan_avg", "truncated_normal"


@registry.register("HeUniform", "he_uniform")
class HeUniform(NamedScaling):
    """Uniform in ±√(6 / fan_in), as Keras. He et al., 2015, https://arxiv.org/abs/1502.01852.

    >>> bool(abs(HeUniform(seed=1)((3, 4, 2))).max() <= (6 / 12) ** 0.5)
    True
    """

    law = 2.0, "fan_in", "uniform"


@registry.register("HeNormal", "he_normal")
class HeNormal(NamedScaling):
    """Truncated normal, σ² = 2 / fan_in, as Keras. He et al., 2015.

    >>> HeNormal(seed=1)((3, 4, 2)).shape
    (3, 4, 2)
    """

    law = 2.0, "fan_in", "truncated_normal"


@registry.register("LecunUniform", "lecun_uniform")
class LecunUniform(NamedScaling):
    """Uniform in ±√(3 / fan_in), as Keras. LeCun et al., Efficient BackProp, 1998.

    >>> bool(abs(LecunUniform(seed=1)((3, 4, 2))).max() <= (3 / 12) ** 0.5)
    True
    """

    law = 1.0, "fan_in", "uniform"


@registry.register("LecunNormal", "lecun_normal")
class LecunNormal(NamedScaling):
    """Truncated normal, σ² = 1 / fan_in, as Keras. LeCun et al., Efficient BackProp, 1998.

    >>> LecunNormal(seed=1)((3, 4, 2)).shape
    (3, 4, 2)
    """

    law = 1.0, "fan_in", "truncated_normal"


def _scaled(
    initializer: RandomInitializer,
    shape: Shape,
    dtype: Any,
    fans: tuple[int, int],
    law: tuple[float, str, str],
) -> NDArray[Any]:
    scale, mode, distribution = law
    fan = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[mode]
    variance = scale / max(1.0, fan)
    shape = checked(shape)
    if distribution == "truncated_normal":
        values = initializer.truncated_normal(shape, 0.0, math.sqrt(variance) / CUT_STDDEV)
    elif distribution == "untruncated_normal":
        values = initializer.generator().normal(0.0, math.sqrt(variance), shape)
    else:
        limit = math.sqrt(3.0 * variance)
        values = initializer.generator().uniform(-limit, limit, shape)
    return np.asarray(values).astype(float_dtype(dtype))
