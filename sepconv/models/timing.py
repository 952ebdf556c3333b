"""How long a network's calls take on this machine, as a whole and layer by layer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import float_dtype
from sepconv.errors import ValidationError
from sepconv.layers import Embedding
from sepconv.layers.base import Layer
from sepconv.layers.module import check_built
from sepconv.layers.rules import sizes
from sepconv.layers.structure import flat, packed
from sepconv.models.costs import measured, total
from sepconv.models.fusion import Folded
from sepconv.models.network import Network
from sepconv.models.steps import Step, called
from sepconv.models.turns import Turn, durations


@dataclass(frozen=True)
class Part:
    """One call within a network: of a layer, or of several that are computed as one."""

    layers: list[Layer]
    seconds: float  # median
    flops: int | None  # two for each multiply-add with kernels


@dataclass(frozen=True)
class Timing:
    """Calls of a network on one batch."""

    batch: int
    median: float  # seconds a call
    best: float
    calls: int
    flops: int | None
    parts: list[Part]

    @property
    def samples_per_second(self) -> float:
        return self.batch / self.median


def timed(
    network: Network,
    batch: int = 1,
    seconds: float = 1.0,
    input_shape: Sequence[int] | None = None,
) -> Timing:
    """Time calls in inference on random inputs: for `seconds` the whole, as long its layers.

    Arguments:
        network: built.
        batch: samples in each call.
        seconds: of each of the two, after a fifth of it to wake threads and caches.
        input_shape: of one sample; None is the network's own, which must then be known.

    Raises:
        ValidationError: not built, a size is open, or inputs that do not suit.

    >>> from sepconv import Input, SeparableConv1D, Sequential
    >>> found = timed(Sequential([Input((9, 2)), SeparableConv1D(4, 3)]), seconds=0.01)
    >>> found.flops, len(found.parts), found.best <= found.median
    (196, 1, True)
    """
    inputs = _inputs(network, batch, input_shape)
    whole = Turn.of(lambda: network(inputs), seconds)
    parts = _parts(network, inputs, batch, seconds)
    return Timing(batch, *whole, total(part.flops for part in parts), parts)


def _parts(network: Network, inputs: Any, batch: int, seconds: float) -> list[Part]:
    program = network._program()
    steps = program.folded(None)
    arrays = flat(network._arranged(network.convert(inputs)))
    taken: dict[int, list[float]] = {id(step): [] for step in steps}
    macs: dict[int, int | None] = {}

    def call(step: Step, x: Any) -> Any:
        start = time.perf_counter()
        y = called(step, x)
        taken[id(step)].append(time.perf_counter() - start)
        if id(step) not in macs:
            macs[id(step)] = _macs(step.layer, x, y)
        return y

    durations(lambda: program.through(arrays, steps, call), seconds)
    return [
        Part(
            step.run.layers if isinstance(step.run, Folded) else [step.layer],
            statistics.median(taken[id(step)]),
            None if (count := macs[id(step)]) is None else 2 * batch * count,
        )
        for step in steps
    ]


def _macs(layer: Layer, x: Any, y: Any) -> int | None:
    """Return the multiply-adds of one call for one sample; what is folded in has none."""
    if isinstance(layer, Network):
        return total(row.macs for row in measured(layer, [np.shape(one) for one in flat(x)]))
    return layer.macs(np.shape(y))


def _inputs(network: Network, batch: int, input_shape: Sequence[int] | None) -> Any:
    """Return random inputs: numbers near 0, or ints where rows of an Embedding are looked up."""
    check_built(network, "time")
    rows = [layer.input_dim for layer in network._flatten() if isinstance(layer, Embedding)]
    random = np.random.default_rng(0)
    arrays: list[NDArray[Any]] = []
    for tensor in network.inputs:
        own = tensor.shape[1:] if input_shape is None else input_shape
        if None in own:
            raise ValidationError(
                f"the input of network '{network.name}' leaves sizes open: {own}; "
                f"tell the `input_shape` of one sample"
            )
        shape = (batch, *sizes(own))
        if rows or tensor.dtype.startswith(("int", "uint", "bool")):
            arrays.append(random.integers(0, min(rows, default=2), shape).astype(tensor.dtype))
        else:
            arrays.append(random.standard_normal(shape).astype(float_dtype(tensor.dtype)))
    return packed(network.input, arrays)
