"""What a layer owns: its weights, and the layers within it, each once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sepconv.errors import ValidationError
from sepconv.layers.variable import Variable

LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already "
    "built. All state must be created in the `__init__()` method or in the `build()` method."
)


class Names:
    """Layers by their names, which stay as they are; each step takes as long for any number."""

    def __init__(self) -> None:
        self._owners: dict[str, Any] = {}
        self._next: dict[str, int] = {}  # for each name, the first number that may be free

    def __getitem__(self, name: str) -> Any:
        """Return the layer that has a name, or None."""
        return self._owners.get(name)

    def add(self, layer: Any) -> None:
        self._owners[layer.name] = layer

    def remove(self, layer: Any) -> None:
        del self._owners[layer.name]
        self._next.clear()

    def free(self, name: str) -> str:
        """Return `name` with the first number that nobody has."""
        number = self._next.get(name, 1)
        while f"{name}_{number}" in self._owners:
            number += 1
        self._next[name] = number
        return f"{name}_{number}"

    def copy(self) -> Names:
        twin = Names()
        twin._owners, twin._next = self._owners.copy(), self._next.copy()
        return twin


class Tracker:
    """The weights and the layers of one owner; nothing is added once it is locked."""

    def __init__(self) -> None:
        self.variables: list[Variable] = []  # the trainable ones first, as in Keras
        self.trainable_count = 0
        self.layers: list[Any] = []
        self.locked = False
        self._known: set[Variable] = set()
        self._names = Names()  # of the layers

    def copy(self) -> Tracker:
        """Return a tracker of the same weights and layers, to go back to."""
        twin = Tracker()
        twin.variables, twin.layers = self.variables.copy(), self.layers.copy()
        twin.trainable_count, twin.locked = self.trainable_count, self.locked
        twin._known, twin._names = self._known.copy(), self._names.copy()
        return twin

    def track(self, variable: Variable) -> bool:
        """Add a weight, and tell whether it is new.

        Raises:
            ValidationError: the tracker is locked.
        """
        if variable in self._known:
            return False
        self.check_open()
        self._known.add(variable)
        if variable.trainable:
            self.variables.insert(self.trainable_count, variable)
            self.trainable_count += 1
        else:
            self.variables.append(variable)
        return True

    def holds(self, layer: Any) -> bool:
        """Tell whether `layer` is one of the layers."""
        return self._names[layer.name] is layer

    def adopt(self, child: Any, owner: str) -> None:
        """Add a layer; a name that nobody gave is made unique.

        Arguments:
            child: none of the layers yet.
            owner: what an error calls the layers' owner.

        Raises:
            ValidationError: its name was given, and is taken.
        """
        if self._names[child.name] is not None:
            if child._named:
                raise ValidationError(
                    f"All layers added to a {owner} model should have unique names. "
                    f"Name '{child.name}' is already the name of a layer in this model. "
                    f"Update the `name` argument to pass a unique name."
                )
            child._rename(self._names.free(child.name))
        self._append(child)

    def adopt_all(self, children: Sequence[Any]) -> None:
        """Add layers to none; names that nobody gave are made unique."""
        given = Counter(child.name for child in children if child._named)
        for name, count in given.items():
            if count > 1:
                raise ValidationError(
                    f'The name "{name}" is used {count} times in the model. '
                    f"All operation names should be unique."
                )
        for child in children:
            if child._named:
                self._names.add(child)  # all of them before the first number is given
        for child in children:
            if not child._named and self._names[child.name] is not None:
                child._rename(self._names.free(child.name))
            self._append(child)

    def _append(self, child: Any) -> None:
        child._named = True  # another container must not rename it under this one
        self._names.add(child)
        self.layers.append(child)

    def pop(self) -> Any:
        """Take the last layer off and return it."""
        layer = self.layers.pop()
        if not any(known is layer for known in self.layers):
            self._names.remove(layer)
        return layer

    def check_open(self) -> None:
        if self.locked:
            raise ValidationError(LOCKED)
