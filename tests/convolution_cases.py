"""Seeded convolutions of all channels and depthwise ones, with the data for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import reference
from cases import PARTITIONS, Geometry, any_case, drawn_geometry
from hypothesis import strategies as st
from numpy.typing import NDArray

from sepconv import _core
from sepconv._core import ConvolutionPlan, DepthwisePlan, TilePlan
from sepconv.layers.kernel_gradients import ConvolutionGradient

LAYERS = ("convolution", "depthwise")
PADDINGS = ("same", "valid", "causal")


@dataclass(frozen=True)
class Layer(Geometry):
    """A convolution of one of the two kinds. `filters` is M of a depthwise one."""

    GRADIENTS: ClassVar = ("x", "kernel", "bias")

    layer: str = "convolution"
    filters: int = 3

    @property
    def out_channels(self) -> int:
        return self.filters * (self.channels if self.layer == "depthwise" else 1)

    def data(self, seed: int = 0) -> tuple[NDArray[Any], list[Any]]:
        """Return x (B, T, C), and the kernel and the bias."""
        rng = np.random.default_rng(seed)

        def draw(*shape: int) -> NDArray[Any]:
            return rng.standard_normal(shape).astype(self.dtype)

        x = draw(self.batch, self.steps, self.channels)
        kernel = draw(self.taps, self.channels, self.filters)
        return x, [kernel, draw(self.out_channels) if self.use_bias else None]

    def plan(self, weights: list[Any], **activation: Any) -> TilePlan:
        kind = ConvolutionPlan if self.layer == "convolution" else DepthwisePlan
        return kind(*weights, **self.arguments, **activation)

    def gradient(self, weights: list[Any]) -> Any:
        plan = self.plan(weights)
        if isinstance(plan, ConvolutionPlan):
            return ConvolutionGradient(plan, weights[0])
        return _core.Gradient(plan, weights[0])

    @property
    def windows(self) -> dict[str, int]:
        """Where the oracle's windows lie."""
        left = reference.padding_left(
            self.steps, self.taps, self.stride, self.dilation, self.padding
        )
        return {"first": -left, "strides": self.stride, "dilation_rate": self.dilation}

    @property
    def operations(self) -> int:
        return self.taps * (self.channels if self.layer == "convolution" else 1) + 1

    def exact(
        self, x: NDArray[Any], weights: list[Any]
    ) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
        oracle = getattr(reference, self.layer)
        y, size = oracle(x, *weights, out=self.out_steps, **self.windows)
        return y, size

    def exact_gradients(
        self, x: NDArray[Any], weights: list[Any], g: NDArray[Any]
    ) -> tuple[list[Any], list[Any], tuple[int, ...]]:
        oracle = getattr(reference, f"{self.layer}_gradients")
        exact, sizes = oracle(x, weights[0], g, **self.windows)
        rows = self.batch * self.out_steps + PARTITIONS
        return exact, sizes, (self.taps * self.filters + 1, rows, rows)


def any_layer(**sizes: int) -> st.SearchStrategy[Layer]:
    """Return a strategy of convolutions of both kinds, whose sizes go from 1 to those given."""
    return any_case(Layer, PADDINGS, layer=st.sampled_from(LAYERS), **sizes)


def random_layers(count: int, seed: int = 0, **fixed: Any) -> list[Layer]:
    """Return `count` small convolutions of both kinds."""
    rng = np.random.default_rng(seed)
    found: list[Layer] = []
    while len(found) < count:
        geometry = drawn_geometry(rng, PADDINGS)
        filters = int(rng.integers(1, 70))
        layer = Layer(LAYERS[rng.integers(2)], **geometry, filters=filters)
        if layer.layer == "depthwise":
            layer = replace(layer, filters=int(rng.choice([1, 1, 2, 3, 5])))
        layer = replace(layer, **fixed)
        if layer.fits():
            found.append(layer)
    return found


# Each is large enough for several threads, and cut in another way.
LARGE = {
    "batches": Layer(batch=16, steps=150, channels=48, filters=70, taps=5),
    "steps": Layer(batch=1, steps=3000, channels=40, filters=64, taps=9, stride=2),
    "filters": Layer(batch=2, steps=5, channels=300, filters=1200),
    "blocks": Layer(batch=1, steps=300, channels=250, filters=100, taps=9),
    "depthwise": Layer("depthwise", batch=3, steps=3000, channels=70, filters=1, taps=31),
    "classes": Layer("depthwise", batch=1, steps=9000, channels=40, filters=2, dilation=31),
    "few": Layer(batch=1, steps=20000, channels=1, filters=16, taps=25, stride=4),
}
