"""Update rules of weights, with Keras's arguments, arithmetic and configs."""

from sepconv.training.optimizers.base import Optimizer
from sepconv.training.optimizers.kinds import SGD, Adam, AdamW, OptimizerRegistry, RMSprop, registry
from sepconv.training.optimizers.learning_rate import LearningRate

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
    "serialize",
]
