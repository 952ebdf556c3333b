"""Arguments that metrics declare alike."""

from __future__ import annotations

from typing import Any

from sepconv.declaration import argument
from sepconv.rules import Choice, Label, Nullable


class _Dtype(Choice):
    """Keras's dtype of the sums; here they are float64, whatever it is."""

    def __init__(self) -> None:
        super().__init__("float32", "float64", "float16", "bfloat16")

    def normalise(self, value: Any, name: str) -> str:
        return super().normalise("float32" if value is None else value, name)


def name(name: str | None) -> Any:
    rule = Label() if name is not None else Nullable(Label())
    return argument(rule, default=name, doc="Name in the logs.")


def dtype() -> Any:
    return argument(_Dtype(), default=None, doc="Accepted as Keras does; sums are float64.")
