"""Whole networks, called on one batch: for words in texts, in speech, and for keywords."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import reference
from benchmarks.workloads.task import FLOAT32_BYTES, Task

WORDS = 20_000  # in the vocabulary of the text classifier


class Maker:
    """Makes the layers of a network, all in one data format and dtype."""

    def __init__(self, data_format: str, dtype: str) -> None:
        self.sepconv = import_module("sepconv")
        self.data_format, self.dtype = data_format, dtype
        self.is_first = data_format == "channels_first"

    def __call__(self, name: str, *values: Any, **arguments: Any) -> Any:
        cls = getattr(self.sepconv, name)
        if "data_format" in cls.arguments:
            arguments["data_format"] = self.data_format
        return cls(*values, dtype=self.dtype, **arguments)

    def input(self, steps: int, channels: int) -> Any:
        shape = (channels, steps) if self.is_first else (steps, channels)
        return self.sepconv.Input(shape, dtype=self.dtype, name="x")

    def normalised(self, y: Any, relu: bool = True) -> Any:
        y = self("BatchNormalization", axis=1 if self.is_first else -1)(y)
        return self("ReLU")(y) if relu else y

    def block(self, x: Any, name: str, filters: int, taps: int, strides: int = 1) -> Any:
        """Return a convolution of `x`, to be normalised."""
        arguments = {"strides": strides, "padding": "same", "use_bias": False}
        return self(name, filters, taps, **arguments)(x)


def sepcnn_text(make: Maker) -> Any:
    """Google's guide to text classification: 500 words in, one probability out."""
    x = make.sepconv.Input((500,), dtype="int32", name="x")
    h = make("Embedding", WORDS, 200)(x)
    h = make("Permute", (2, 1))(h) if make.is_first else h
    for filters in (64, 128):
        h = make("Dropout", 0.2)(h)
        for _ in range(2):
            h = make("SeparableConv1D", filters, 3, padding="same", activation="relu")(h)
        h = make("MaxPooling1D", 3)(h) if filters == 64 else make("GlobalAveragePooling1D")(h)
    h = make("Dense", 1, activation="sigmoid")(make("Dropout", 0.2)(h))
    return make.sepconv.Functional(x, h)


def quartznet(make: Maker) -> Any:
    """QuartzNet 5x3 with 256 channels throughout: 8 s of speech in, letters each 20 ms out."""
    x = make.input(800, 64)
    h = make.normalised(make.block(x, "SeparableConv1D", 256, 33, strides=2))
    for taps in (33, 39, 45, 51, 63):
        y = h
        for number in range(3):
            y = make.block(y, "SeparableConv1D", 256, taps)
            y = make.normalised(y, relu=number < 2)
        shortcut = make.normalised(make.block(h, "Conv1D", 256, 1), relu=False)
        h = make("ReLU")(make("Add")([y, shortcut]))
    h = make.normalised(make.block(h, "Conv1D", 512, 1))
    return make.sepconv.Functional(x, make("Conv1D", 29, 1)(h))


def kws(make: Maker) -> Any:
    """A keyword spotter: 1 s of speech in, 12 probabilities out."""
    x = make.input(98, 40)
    h = make.normalised(make.block(x, "Conv1D", 64, 10, strides=2))
    for _ in range(4):
        h = make.normalised(make.block(h, "SeparableConv1D", 64, 9))
    h = make("GlobalAveragePooling1D")(h)
    return make.sepconv.Functional(x, make("Dense", 12, activation="softmax")(h))


NETWORKS: dict[str, Callable[[Maker], Any]] = {
    "sepcnn_text": sepcnn_text,
    "quartznet": quartznet,
    "kws": kws,
}


@dataclass(frozen=True)
class NetworkCall(Task):
    """One call of a network in inference, on a batch."""

    network: str
    batch: int

    def built(self, data_format: str = "channels_last", dtype: str = "float32") -> Any:
        """Return the network with seeded weights, the same in each format and dtype."""
        network = NETWORKS[self.network](Maker(data_format, dtype))
        random = np.random.default_rng(0)
        network.set_weights([_drawn(random, weight) for weight in network.weights])
        return network

    @cached_property
    def x(self) -> NDArray[Any]:
        """The input, time before channels; int32 for words."""
        random = np.random.default_rng(1)
        (tensor,) = self.built().inputs
        shape = (self.batch, *tensor.shape[1:])
        if tensor.dtype == "int32":
            return random.integers(WORDS, size=shape, dtype=np.int32)
        return random.standard_normal(shape, np.float32)

    @cached_property
    def flops(self) -> int:
        costs = import_module("sepconv.models.costs")
        macs = costs.total(row.macs for row in costs.measured(self.built()))
        return 2 * self.batch * int(macs)

    @cached_property
    def bytes_moved(self) -> int:
        """Input, weights and output; of the embeddings only the rows that words name."""
        network = self.built()
        weights = sum(w.value.size for w in network.weights if w.name != "embeddings")
        rows = 200 * self.x.size if self.x.dtype == np.int32 else 0
        y = self.batch * math.prod(network.output_shape[1:])
        return FLOAT32_BYTES * int(self.x.size + weights + rows + y)

    @cached_property
    def expected(self) -> NDArray[np.float64]:
        """From the same network in float64, whose layers' tests hold it to Keras."""
        return np.asarray(self.built(dtype="float64")(self.x))

    def relative_error(self, y: NDArray[np.floating]) -> float:
        """Of what a peer computed."""
        if y.shape != self.expected.shape:
            raise ValueError(f"{self.name}: an output of {y.shape}, not {self.expected.shape}")
        return reference.relative_error(y, self.expected)

    def __str__(self) -> str:
        return f"{self.network}, batch {self.batch}"


def _drawn(random: np.random.Generator, weight: Any) -> NDArray[np.float32]:
    """Return values that keep outputs near 1, and statistics that are not trivial."""
    shape: tuple[int, ...] = weight.shape
    normal = random.standard_normal(shape, np.float32)
    if weight.name in ("gamma", "moving_variance"):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if weight.name.endswith("kernel"):
        terms = shape[:1] if weight.name == "depthwise_kernel" else shape[:-1]
        return normal * np.float32(math.prod(terms) ** -0.5)
    return normal * np.float32(1 if weight.name == "embeddings" else 0.1)


CALLS = {
    f"{name}_b{batch}": NetworkCall(f"{name}_b{batch}", name, batch)
    for name in NETWORKS
    for batch in (1, 32)
}
