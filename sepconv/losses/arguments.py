"""Arguments that losses declare alike."""

from __future__ import annotations

from typing import Any

from sepconv.declaration import argument
from sepconv.rules import Choice, Label, Nullable

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def reduction() -> Any:
    return argument(
        Nullable(Choice(*_REDUCTIONS)),
        default="sum_over_batch_size",
        doc="How the samples' values become one: their sum or mean; None or none keeps them.",
    )


def name(name: str) -> Any:
    return argument(Label(), default=name, doc="Name of the loss.")


def dtype() -> Any:
    return argument(
        Nullable(Choice("float32", "float64")),
        default=None,
        in_config=False,
        doc="Dtype of the arithmetic; by default that of the predictions, float32 at least.",
    )
