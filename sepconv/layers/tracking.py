"""What a layer owns: its weights, and the layers within it, each once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

from sepconv.errors import ValidationError
from sepconv.layers.variable import Variable

LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already "
    "built. All state must be created in the `__init__()` method or in the `build()` method."
)


class Tracker:
    """The weights and the layers of one owner; nothing is added once it is locked."""

    def __init__(self) -> None:
        self.variables: list[Variable] = []  # the trainable ones first, as in Keras
        self.trainable_count = 0
        self.layers: list[Any] = []
        self.locked = False

    def copy(self) -> Tracker:
        """Return a tracker of the same weights and layers, to go back to."""
        twin = Tracker()
        twin.variables, twin.layers = self.variables.copy(), self.layers.copy()
        twin.trainable_count, twin.locked = self.trainable_count, self.locked
        return twin

    def track(self, variable: Variable) -> bool:
        """Add a weight, and tell whether it is new.

        Raises:
            ValidationError: the tracker is locked.
        """
        if any(known is variable for known in self.variables):
            return False
        self.check_open()
        if variable.trainable:
            self.variables.insert(self.trainable_count, variable)
            self.trainable_count += 1
        else:
            self.variables.append(variable)
        return True

    def holds(self, layer: Any) -> bool:
        """Tell whether `layer` is one of the layers."""
        return any(known is layer for known in self.layers)

    def adopt(self, child: Any, owner: str) -> None:
        """Add a layer; a name that nobody gave is made unique.

        Arguments:
            child: none of the layers yet.
            owner: what an error calls the layers' owner.

        Raises:
            ValidationError: its name was given, and is taken.
        """
        taken = {layer.name for layer in self.layers}
        if child.name in taken:
            if child._named:
                raise ValidationError(
                    f"All layers added to a {owner} model should have unique names. "
                    f"Name '{child.name}' is already the name of a layer in this model. "
                    f"Update the `name` argument to pass a unique name."
                )
            child._rename(free_name(child.name, taken))
        child._named = True  # another container must not rename it under this one
        self.layers.append(child)

    def adopt_all(self, children: Sequence[Any]) -> None:
        """Add layers to none; names that nobody gave are made unique."""
        given = Counter(child.name for child in children if child._named)
        for name, count in given.items():
            if count > 1:
                raise ValidationError(
                    f'The name "{name}" is used {count} times in the model. '
                    f"All operation names should be unique."
                )
        known = set(given)
        for child in children:
            if not child._named:
                if child.name in known:
                    child._rename(free_name(child.name, known))
                known.add(child.name)
                child._named = True  # another container must not rename it under this one
        self.layers.extend(children)

    def check_open(self) -> None:
        if self.locked:
            raise ValidationError(LOCKED)


def free_name(name: str, taken: Set[str]) -> str:
    """Return `name` with the first number that makes it none of `taken`."""
    numbers = range(1, len(taken) + 1)
    return next(free for n in numbers if (free := f"{name}_{n}") not in taken)
