"""Seeded geometries: what the core's tests run over, and the data for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import reference
from numpy.typing import NDArray

from sepconv._core import Gradient, Plan


@dataclass(frozen=True)
class Case:
    """One layer and the input it is called on."""

    batch: int = 2
    steps: int = 20
    channels: int = 5
    filters: int = 7
    taps: int = 3
    stride: int = 1
    dilation: int = 1
    multiplier: int = 1
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
    def depth(self) -> int:
        return self.channels * self.multiplier

    def data(self, seed: int = 0) -> tuple[NDArray[Any], list[Any]]:
        """Return x (B, T, C) and the weights."""
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> NDArray[Any]:
            return rng.standard_normal(shape).astype(self.dtype)

        x = draw(self.batch, self.steps, self.channels)
        depthwise = draw(self.taps, self.channels, self.multiplier)
        pointwise = draw(self.depth, self.filters)
        return x, [depthwise, pointwise, draw(self.filters) if self.use_bias else None]

    def plan(self, weights: list[Any], **activation: Any) -> Plan:
        return Plan(
            *weights,
            strides=self.stride,
            padding=self.padding,
            dilation_rate=self.dilation,
            channels_first=self.channels_first,
            **activation,
        )

    def gradient(self, weights: list[Any]) -> Gradient:
        return Gradient(self.plan(weights if len(weights) == 3 else [*weights, None]), *weights[:2])

    def run(self, x: NDArray[Any], weights: list[Any], **activation: Any) -> NDArray[Any]:
        """Return y (B, S, F) of x (B, T, C), whatever the data format."""
        plan = self.plan(weights, **activation)
        if self.channels_first:
            return plan(np.ascontiguousarray(x.transpose(0, 2, 1))).transpose(0, 2, 1)
        return plan(x)

    def output_gradient(self, seed: int = 0) -> NDArray[Any]:
        """Return g (B, S, F)."""
        shape = (self.batch, self.out_steps, self.filters)
        return np.random.default_rng([seed, 1]).standard_normal(shape).astype(self.dtype)

    def run_gradient(
        self, x: NDArray[Any], weights: list[Any], g: NDArray[Any], **options: Any
    ) -> list[NDArray[Any]]:
        """Return the gradients by x (B, T, C), both kernels and the bias, for g (B, S, F)."""
        gradient = self.gradient(weights)
        if not self.channels_first:
            return list(gradient(x, g, **options))
        turned = [np.ascontiguousarray(a.transpose(0, 2, 1)) for a in (x, g)]
        dx, *others = gradient(*turned, **options)
        return [dx if dx is None else np.ascontiguousarray(dx.transpose(0, 2, 1)), *others]

    def check_gradient(self, seed: int = 0) -> None:
        """Assert that the core's gradients are within the bounds of the oracle's."""
        x, weights = self.data(seed)
        g = self.output_gradient(seed)
        found = self.run_gradient(x, weights, g)
        exact, sizes = reference.separable_conv1d_gradients(
            x,
            *weights[:2],
            g,
            strides=self.stride,
            padding=self.padding,
            dilation_rate=self.dilation,
        )
        steps = self.batch * self.out_steps
        # products and sums in a chain: of dH and its taps; of dH and its steps; of H and its steps
        chains = (
            self.filters + self.taps * self.multiplier,
            self.filters + steps,
            self.taps + steps,
            steps,
        )
        for name, ours, theirs, size, chain in zip(
            GRADIENTS, found, exact, sizes, chains, strict=True
        ):
            assert ours.shape == theirs.shape, name
            assert ours.dtype == self.dtype
            # what partitions are begun with and added up: fewer than 64 sums more
            bound = reference.tolerance(size, chain + 64, np.dtype(self.dtype))
            worst = np.max(np.abs(ours - theirs) / bound, initial=0)
            assert worst <= 1, f"{self}: {name} {worst} times the bound"

    def check(self, seed: int = 0) -> None:
        """Assert that the core is within the bound of the oracle's value."""
        x, weights = self.data(seed)
        y = self.run(x, weights)
        exact, size = reference.separable_conv1d(
            x, *weights, strides=self.stride, padding=self.padding, dilation_rate=self.dilation
        )
        assert y.shape == exact.shape
        assert y.dtype == self.dtype
        # k + C*M products and sums for an output, and the bias
        bound = reference.tolerance(size, self.taps + self.depth + 1, np.dtype(self.dtype))
        worst = np.max(np.abs(y - exact) / bound, initial=0)
        assert worst <= 1, f"{self}: {worst} times the bound"


GRADIENTS = ("x", "depthwise_kernel", "pointwise_kernel", "bias")
FORMATS = (False, True)
DTYPES = ("float32", "float64")
EDGES = tuple(range(1, 41))


def random_cases(count: int, seed: int = 0) -> list[Case]:
    """Return `count` small layers of every kind."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    while len(cases) < count:
        case = Case(
            batch=int(rng.integers(1, 4)),
            steps=int(rng.integers(1, 90)),
            channels=int(rng.integers(1, 41)),
            filters=int(rng.integers(1, 80)),
            taps=int(rng.integers(1, 20)),
            stride=int(rng.choice([1, 1, 2, 3, 5, 20])),
            dilation=int(rng.choice([1, 1, 2, 3, 8])),
            multiplier=int(rng.choice([1, 1, 2, 3, 5])),
            padding=str(rng.choice(["same", "valid"])),
            channels_first=bool(rng.integers(2)),
            dtype=DTYPES[rng.integers(2)],
            use_bias=bool(rng.integers(4)),
        )
        if case.fits():
            cases.append(case)
    return cases


def tile_edges(size: int) -> tuple[int, ...]:
    """Return sizes equal to a tile's, divisible by it, below and above it."""
    return tuple(
        sorted({n for n in (1, size - 1, size, size + 1, 2 * size, 2 * size + 1) if n > 0})
    )
