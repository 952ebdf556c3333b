"""Arguments that several layers declare alike."""

from __future__ import annotations

from typing import Any

from sepconv import activations, constraints, initializers, regularizers
from sepconv.declaration import argument
from sepconv.layers.rules import DataFormat, ObjectOrElse
from sepconv.rules import Flag, ObjectOf, Size1D


def strides() -> Any:
    return argument(Size1D(), default=1, doc="Steps of time from one output to the next.")


def dilation_rate() -> Any:
    return argument(Size1D(), default=1, doc="Steps of time from one tap to the next.")


def data_format() -> Any:
    return argument(
        DataFormat(),
        default=None,
        doc="channels_last or channels_first; null is what the Keras config file says.",
    )


def activation() -> Any:
    return argument(
        ObjectOf(activations.registry),
        default=None,
        doc="Applied to the output; null is linear.",
    )


def use_bias() -> Any:
    return argument(Flag(), default=True, doc="Whether a bias is added to the output.")


def initializer(of: str) -> Any:
    return argument(
        ObjectOrElse(initializers.registry, "glorot_uniform"),
        default="glorot_uniform",
        doc=f"First values of the {of}.",
    )


def bias_initializer() -> Any:
    return argument(
        ObjectOrElse(initializers.registry, "zeros"),
        default="zeros",
        doc="First values of the bias; null is zeros.",
    )


def regularizer(of: str) -> Any:
    return argument(ObjectOf(regularizers.registry), default=None, doc=f"Penalty on the {of}.")


def activity_regularizer() -> Any:
    return argument(
        ObjectOf(regularizers.registry),
        default=None,
        doc="Penalty on the output, divided by the batch size.",
    )


def constraint(of: str) -> Any:
    return argument(
        ObjectOf(constraints.registry),
        default=None,
        doc=f"Projection of the {of} after an optimizer's update.",
    )
