"""Keys that configs of Keras 2 hold and Keras 3 dropped."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from sepconv.errors import ValidationError, shown

DROPPED = (
    "batch_input_shape",
    "groups",
    "kernel_constraint",
    "kernel_initializer",
    "kernel_regularizer",
)


def without_keras2_keys(cls: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` without the keys of Keras 2 that `cls` has no argument for, with a warning.

    Raises:
        ValidationError: `groups` is not 1, so dropping it would change the result.
    """
    dropped = [key for key in DROPPED if key in config]
    if dropped:  # else nothing needs to be asked of the class, which takes longer than the rest
        taken = {*getattr(cls, "arguments", ()), *inspect.getfullargspec(cls.__init__).args}
        dropped = [key for key in dropped if key not in taken]
    if "groups" in dropped and config["groups"] != 1:
        raise ValidationError(
            f"`groups` of {cls.__name__} must be 1, got {shown(config['groups'])}"
        )
    if dropped:
        warnings.warn(
            f"{cls.__name__}: dropped keys of Keras 2 from the config: {', '.join(dropped)}",
            stacklevel=3,
        )
    return {key: value for key, value in config.items() if key not in dropped}
