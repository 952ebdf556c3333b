"""The first values of weights, from a shape and a dtype.

An int seed gives the same values at every call, and those of Keras's NumPy backend, bit for bit.

>>> get("he_normal")
HeNormal()
>>> get({"class_name": "Constant", "config": {"value": 0.5}})((2,))
array([0.5, 0.5], dtype=float32)
"""

from sepconv.initializers.base import Initializer, registry
from sepconv.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from sepconv.initializers.sampled import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from sepconv.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "deserialize",
    "get",
    "registry",
    "serialize",
]
