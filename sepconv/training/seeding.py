"""One number that seeds all of a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

from sepconv.layers.base import Layer
from sepconv.rules import MAX_SEED, Integer

Model = TypeVar("Model", bound=Layer)


def seeded(model: Model, seed: int) -> Model:
    """Return a new network of the same config, whose every missing seed is drawn from `seed`.

    Initializers and layers such as Dropout that have a seed keep it. The weights are new ones.

    >>> from sepconv import SeparableConv1D
    >>> seeded(SeparableConv1D(4, 3), 1).depthwise_initializer.seed == \\
    ...     seeded(SeparableConv1D(4, 3), 1).depthwise_initializer.seed
    True
    """
    sequence = np.random.SeedSequence(Integer(0, MAX_SEED).normalise(seed, "seed"))
    config = model.get_config()
    places = list(_unseeded(config))
    for place, value in zip(places, sequence.generate_state(len(places)), strict=True):
        place["seed"] = int(value)
    return type(model).from_config(config)


def _unseeded(config: Any) -> Iterator[dict[str, Any]]:
    """Give the dicts in a config whose seed is None, in the order in which they stand."""
    if isinstance(config, dict):
        if "seed" in config and config["seed"] is None:
            yield config
        for value in config.values():
            yield from _unseeded(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _unseeded(value)
