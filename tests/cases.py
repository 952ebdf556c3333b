"""Seeded geometries: what the core's tests run over, and the data for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar, TypeVar

import numpy as np
import reference
from hypothesis import strategies as st
from numpy.typing import NDArray

from sepconv._core import Gradient, Plan, TilePlan

FORMATS = (False, True)
PADDINGS = ("same", "valid")
DTYPES = ("float32", "float64")
EDGES = tuple(range(1, 41))
PARTITIONS = 64  # more sums than those that partitions of the steps are begun with and added up


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A layer over time and the input it is called on. Arrays here have time before channels."""

    GRADIENTS: ClassVar[tuple[str, ...]]

    batch: int = 2
    steps: int = 20
    channels: int = 5
    taps: int = 3
    stride: int = 1
    dilation: int = 1
    padding: str = "same"
    channels_first: bool = False
    dtype: str = "float32"
    use_bias: bool = True

    def fits(self) -> bool:
        return self.out_steps > 0

    @property
    def out_steps(self) -> int:
        return reference.output_steps(
            self.steps, self.taps, self.stride, self.dilation, self.padding
        )

    @property
    def out_channels(self) -> int:
        raise NotImplementedError

    def plan(self, weights: list[Any], **activation: Any) -> TilePlan:
        raise NotImplementedError

    def gradient(self, weights: list[Any]) -> Any:
        raise NotImplementedError

    @property
    def arguments(self) -> dict[str, Any]:
        """What every plan of the core takes."""
        return {
            "strides": self.stride,
            "padding": self.padding,
            "dilation_rate": self.dilation,
            "channels_first": self.channels_first,
        }

    def turned(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return (B, T, C) as the layer takes it, or the other way round."""
        return np.ascontiguousarray(x.transpose(0, 2, 1)) if self.channels_first else x

    def run(self, x: NDArray[Any], weights: list[Any], **activation: Any) -> NDArray[Any]:
        """Return y (B, S, F) of x (B, T, C), whatever the data format."""
        y = self.plan(weights, **activation)(self.turned(x))
        return y.transpose(0, 2, 1) if self.channels_first else y

    @property
    def operations(self) -> int:
        """Products and sums for an output, in a chain."""
        raise NotImplementedError

    def exact(
        self, x: NDArray[Any], weights: list[Any]
    ) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
        """Return the oracle's y, and the sums of its products' sizes."""
        raise NotImplementedError

    def check(self, seed: int = 0) -> None:
        """Assert that the core is within the bound of the oracle's value."""
        x, weights = self.data(seed)
        self.assert_near(self.run(x, weights), *self.exact(x, weights), self.operations)

    def data(self, seed: int = 0) -> tuple[NDArray[Any], list[Any]]:
        """Return x (B, T, C) and the weights."""
        raise NotImplementedError

    def exact_gradients(
        self, x: NDArray[Any], weights: list[Any], g: NDArray[Any]
    ) -> tuple[list[Any], list[Any], tuple[int, ...]]:
        """Return the oracle's gradients, the sums of their products' sizes, and operations."""
        raise NotImplementedError

    def check_gradient(self, seed: int = 0) -> None:
        """Assert that the core's gradients are within the bounds of the oracle's."""
        x, weights = self.data(seed)
        g = self.output_gradient(seed)
        found = self.run_gradient(x, weights, g)
        exact, sizes, chains = self.exact_gradients(x, weights, g)
        for name, one, theirs, size, chain in zip(
            self.GRADIENTS, found, exact, sizes, chains, strict=True
        ):
            self.assert_near(one, theirs, size, chain, name)

    def output_gradient(self, seed: int = 0) -> NDArray[Any]:
        """Return g (B, S, F)."""
        shape = (self.batch, self.out_steps, self.out_channels)
        return np.random.default_rng([seed, 1]).standard_normal(shape).astype(self.dtype)

    def run_gradient(
        self, x: NDArray[Any], weights: list[Any], g: NDArray[Any], **options: Any
    ) -> list[NDArray[Any]]:
        """Return the gradients by x (B, T, C) and the weights, for g (B, S, F)."""
        dx, *others = self.gradient(weights)(self.turned(x), self.turned(g), **options)
        return [dx if dx is None else self.turned(dx), *others]

    def assert_near(
        self,
        found: NDArray[Any],
        exact: NDArray[Any],
        size: NDArray[Any],
        operations: int,
        name: str = "y",
    ) -> None:
        """Assert that what was found is within the bound of the oracle's value."""
        assert found.shape == exact.shape, name
        assert found.dtype == self.dtype
        bound = reference.tolerance(size, operations, np.dtype(self.dtype))
        worst = np.max(np.abs(found - exact) / bound, initial=0)
        assert worst <= 1, f"{self}: {name} {worst} times the bound"


AnyCase = TypeVar("AnyCase", bound=Geometry)


def varied(case: AnyCase, **fields: Sequence[Any]) -> Iterator[AnyCase]:
    """Give a case with each combination of values of these fields that leaves an output."""
    for values in product(*fields.values()):
        one = replace(case, **dict(zip(fields, values, strict=True)))
        if one.fits():
            yield one


def any_case(
    kind: type[AnyCase], paddings: Sequence[str], **sizes: int | st.SearchStrategy[Any]
) -> st.SearchStrategy[AnyCase]:
    """Return a strategy of cases with an output, whose sizes go from 1 to those given."""
    return st.builds(
        kind,
        batch=st.integers(1, 3),
        stride=st.integers(1, 9),
        dilation=st.integers(1, 9),
        padding=st.sampled_from(paddings),
        channels_first=st.booleans(),
        dtype=st.sampled_from(DTYPES),
        use_bias=st.booleans(),
        **{name: st.integers(1, n) if isinstance(n, int) else n for name, n in sizes.items()},
    ).filter(kind.fits)


def drawn_geometry(rng: np.random.Generator, paddings: Sequence[str]) -> dict[str, Any]:
    """Return what all small layers have, of every kind."""
    return {
        "batch": int(rng.integers(1, 4)),
        "steps": int(rng.integers(1, 90)),
        "channels": int(rng.integers(1, 41)),
        "taps": int(rng.integers(1, 20)),
        "stride": int(rng.choice([1, 1, 2, 3, 5, 20])),
        "dilation": int(rng.choice([1, 1, 2, 3, 8])),
        "padding": str(rng.choice(paddings)),
        "channels_first": bool(rng.integers(2)),
        "dtype": DTYPES[rng.integers(2)],
        "use_bias": bool(rng.integers(4)),
    }


@dataclass(frozen=True)
class Case(Geometry):
    """A separable convolution."""

    GRADIENTS: ClassVar = ("x", "depthwise_kernel", "pointwise_kernel", "bias")

    filters: int = 7
    multiplier: int = 1

    @property
    def depth(self) -> int:
        return self.channels * self.multiplier

    @property
    def out_channels(self) -> int:
        return self.filters

    def data(self, seed: int = 0) -> tuple[NDArray[Any], list[Any]]:
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> NDArray[Any]:
            return rng.standard_normal(shape).astype(self.dtype)

        x = draw(self.batch, self.steps, self.channels)
        depthwise = draw(self.taps, self.channels, self.multiplier)
        pointwise = draw(self.depth, self.filters)
        return x, [depthwise, pointwise, draw(self.filters) if self.use_bias else None]

    def plan(self, weights: list[Any], **activation: Any) -> Plan:
        return Plan(*weights, **self.arguments, **activation)

    def gradient(self, weights: list[Any]) -> Gradient:
        return Gradient(self.plan(weights if len(weights) == 3 else [*weights, None]), *weights[:2])

    @property
    def operations(self) -> int:
        return self.taps + self.depth + 1  # and the bias

    def exact(
        self, x: NDArray[Any], weights: list[Any]
    ) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
        return reference.separable_conv1d(
            x, *weights, strides=self.stride, padding=self.padding, dilation_rate=self.dilation
        )

    def exact_gradients(
        self, x: NDArray[Any], weights: list[Any], g: NDArray[Any]
    ) -> tuple[list[Any], list[Any], tuple[int, ...]]:
        exact, sizes = reference.separable_conv1d_gradients(
            x,
            *weights[:2],
            g,
            strides=self.stride,
            padding=self.padding,
            dilation_rate=self.dilation,
        )
        steps = self.batch * self.out_steps + PARTITIONS
        # products and sums in a chain: of dH and its taps; of dH and its steps; of H and its steps
        chains = (
            self.filters + self.taps * self.multiplier,
            self.filters + steps,
            self.taps + steps,
            steps,
        )
        return exact, sizes, chains


def random_cases(count: int, seed: int = 0) -> list[Case]:
    """Return `count` small separable convolutions of every kind."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    while len(cases) < count:
        case = Case(
            **drawn_geometry(rng, PADDINGS),
            filters=int(rng.integers(1, 80)),
            multiplier=int(rng.choice([1, 1, 2, 3, 5])),
        )
        if case.fits():
            cases.append(case)
    return cases


def tile_edges(size: int) -> tuple[int, ...]:
    """Return sizes equal to a tile's, divisible by it, below and above it."""
    return tuple(
        sorted({n for n in (1, size - 1, size, size + 1, 2 * size, 2 * size + 1) if n > 0})
    )
