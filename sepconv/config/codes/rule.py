"""What a code means, and the pieces of which its examples are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """What `sepconv rule CODE` prints."""

    title: str
    why: str
    wrong: str
    right: str
    severity: Literal["error", "warning"] = "error"


LAYER = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"


def layer(*lines: str) -> str:
    """Return a layer's config with more arguments."""
    body = "".join(f"  {line}\n" for line in ("filters: 4", "kernel_size: 3", *lines))
    return f"SeparableConv1D:\n{body}"


def graph(*layers: str, outputs: str = "a") -> str:
    """Return a Functional network of these layers."""
    body = "".join(f"    {line}\n" for line in layers)
    return (
        f"Functional:\n  inputs: {{x: {{shape: [49, 8]}}}}\n  layers:\n{body}  outputs: {outputs}\n"
    )


def trained(*lines: str, filters: int = 4, activation: str = "softmax") -> str:
    """Return a small network with a training section."""
    body = "".join(f"  {line}\n" for line in lines)
    layer = f"{{filters: {filters}, kernel_size: 3, activation: {activation}}}"
    return (
        f"Sequential: {{input_shape: [9, 4], layers: [{{SeparableConv1D: {layer}}}]}}\n"
        f"training:\n{body}"
    )
