"""Update rules of weights, with Keras's arguments, arithmetic and configs.

>>> get("adam")
Adam(name='adam')
"""

from sepconv.optimizers import schedules
from sepconv.optimizers.base import Optimizer
from sepconv.optimizers.kinds import SGD, Adam, AdamW, OptimizerRegistry, RMSprop, registry
from sepconv.optimizers.learning_rate import LearningRate

get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "LearningRate",
    "Optimizer",
    "OptimizerRegistry",
    "RMSprop",
    "deserialize",
    "get",
    "registry",
    "schedules",
    "serialize",
]
