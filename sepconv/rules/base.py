"""What rules have in common."""

from __future__ import annotations

from typing import Any


class Kept:
    """A rule whose kept value is already what a config holds."""

    def to_config(self, value: Any) -> Any:
        return value
