"""Dtype policies: what a layer stores, and what it takes, computes in and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sepconv.errors import ValidationError, shown, suggestion

# policy -> (compute dtype, variable dtype)
POLICIES = {
    "float16": ("float16", "float16"),
    "bfloat16": ("bfloat16", "bfloat16"),
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}


@dataclass(frozen=True)
class DTypePolicy:
    """The dtypes of a layer by the policy's name.

    Arguments:
        name: float16, bfloat16, float32, float64, mixed_float16 or mixed_bfloat16.

    Raises:
        ValidationError: no such policy.

    >>> policy = DTypePolicy("mixed_float16")
    >>> policy.variable_dtype, policy.compute_dtype, policy.working_dtype
    ('float32', 'float16', 'float32')
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValidationError(
                f"`dtype` must be a string, such as 'mixed_float16', "
                f"got {shown(self.name)} ({type(self.name).__name__})"
            )
        if self.name not in POLICIES:
            raise ValidationError(
                f"Cannot convert {shown(self.name)} to a DTypePolicy"
                f"{suggestion(self.name, POLICIES)}"
            )

    @property
    def compute_dtype(self) -> str:
        """The dtype of inputs and outputs."""
        return POLICIES[self.name][0]

    @property
    def variable_dtype(self) -> str:
        """The dtype in which weights are stored."""
        return POLICIES[self.name][1]

    @property
    def working_dtype(self) -> str:
        """The dtype of the arithmetic: 16-bit policies compute in float32."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    def serialize(self) -> dict[str, Any]:
        """Return the policy in Keras's dict form."""
        return {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": self.get_config(),
            "registered_name": None,
        }


def get(identifier: Any) -> DTypePolicy:
    """Return the policy that `identifier` stands for; None is float32.

    Arguments:
        identifier: None, a policy, its name, its config in Keras's dict form, or a NumPy dtype.

    Raises:
        ValidationError: not a policy that can be computed with.
    """
    if identifier is None:
        return DTypePolicy("float32")
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    if isinstance(identifier, Mapping):
        return _from_config(identifier)
    return DTypePolicy(_name_of(identifier))


def _from_config(config: Mapping[str, Any]) -> DTypePolicy:
    inner = config.get("config")
    known = config.get("class_name") in ("DTypePolicy", "FloatDTypePolicy")
    if not known or not isinstance(inner, Mapping) or set(inner) != {"name"}:
        raise ValidationError(
            f"`dtype` must be a policy's name or "
            f"{{'class_name': 'DTypePolicy', 'config': {{'name': ...}}}}, got {shown(config)}"
        )
    return DTypePolicy(inner["name"])


def _name_of(identifier: Any) -> str:
    scalar = isinstance(identifier, type) and issubclass(identifier, np.generic)
    if isinstance(identifier, np.dtype) or scalar:
        return str(np.dtype(identifier).name)
    raise ValidationError(
        f"Cannot interpret `dtype` argument. Expected a string or a DTypePolicy. "
        f"Received: dtype={shown(identifier)} ({type(identifier).__name__})"
    )
