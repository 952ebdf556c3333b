"""TrainingPlan: how a network is trained, as the `training` section of a config says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sepconv import callbacks, losses, metrics, optimizers
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError, shown, suggestion
from sepconv.registry import Registry
from sepconv.rules import MAX_SEED, Count, Flag, Integer, Kept, List, Nullable, Number, ObjectOf
from sepconv.training.compiled import ACCURACY

Files = str | dict[str, Any]  # one .npz, or a file for each of x, y and sample_weight
PARTS = ("train", "validation")
ARRAYS = ("x", "y", "sample_weight")


class Objects(ObjectOf):
    """Objects of one kind, in lists and lists of lists, one for each output.

    Arguments:
        registry: of the kind.
        listed: whether an object alone is refused.
    """

    def __init__(self, registry: Registry[Any], listed: bool = False) -> None:
        super().__init__(registry)
        self.listed = listed

    def normalise(self, value: Any, name: str) -> Any:
        if self.listed and not isinstance(value, (list, tuple)):
            raise ValidationError(f"`{name}` must be a list, got {shown(value)}")
        return self._items(value, name, depth=2 if self.listed else 1)

    def _items(self, value: Any, name: str, depth: int) -> Any:
        if depth and isinstance(value, (list, tuple)):
            return [self._items(item, name, depth - 1) for item in value]
        if isinstance(value, Mapping) and not value.get("config"):
            value = value.get("class_name")  # the name alone, of which some fit the outputs
        return value if value in ACCURACY else super().normalise(value, name)

    def schema(self) -> dict[str, Any]:
        one = super().schema()
        either = {"if": {"type": "array"}, "then": {"items": one}, "else": one}
        either["examples"] = list(self.registry)  # what editors offer
        return {"type": "array", "items": either} if self.listed else either

    def to_config(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.to_config(item) for item in value]
        return value if isinstance(value, str) else super().to_config(value)


class Data(Kept):
    """The files to train on and to validate with. They are names here: nothing is opened."""

    def normalise(self, value: Any, name: str) -> dict[str, Files]:
        found = _checked(value, PARTS, name)
        for part, files in found.items():
            if isinstance(files, Mapping):
                for key, file in _checked(files, ARRAYS, f"{name}.{part}").items():
                    _file(file, f"{name}.{part}.{key}")
            else:
                _file(files, f"{name}.{part}")
        return found

    def schema(self) -> dict[str, Any]:
        file = {"type": "string", "minLength": 1}
        arrays = {key: {**file, "description": f"a .npy of {key}"} for key in ARRAYS}
        part = {
            "type": ["string", "object"],
            "minLength": 1,
            "properties": arrays,
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "train": {**part, "description": "an .npz with x and y, or a file for each"},
                "validation": {**part, "description": "the same, to validate with"},
            },
            "additionalProperties": False,
        }


def _checked(value: Any, known: tuple[str, ...], name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValidationError(
            f"`{name}` must be a mapping of {', '.join(known)}; got {shown(value)}"
        )
    for key in value:
        if key not in known:
            raise ValidationError(f"`{name}` has no `{key}`{suggestion(str(key), known)}")
    return dict(value)


def _file(value: Any, name: str) -> None:
    if not isinstance(value, str) or not value:
        raise ValidationError(f"`{name}` must be the name of a file, got {shown(value)}")


class TrainingPlan(Declared):
    """What `fit` and `compile` are given, as a config says it.

    >>> plan = TrainingPlan(loss="mse", optimizer="adam", epochs=3)
    >>> plan.optimizer.name, plan.epochs, plan.batch_size
    ('adam', 3, 32)
    """

    loss: Argument[Any, Any] = argument(
        Objects(losses.registry), doc="What is made small; for several outputs a list."
    )
    data: Argument[Any, dict[str, Files] | None] = argument(
        Nullable(Data()), default=None, doc="The files to train on, and to validate with."
    )
    validation_split: Argument[float, float] = argument(
        Number(minimum=0, maximum=1),
        default=0,
        doc="Share of the samples, the last ones, to validate with.",
    )
    optimizer: Argument[Any, Any] = argument(
        ObjectOf(optimizers.registry), default="rmsprop", doc="What updates the weights."
    )
    loss_weights: Argument[Any, list[float] | None] = argument(
        Nullable(List(Number())), default=None, doc="A factor for the loss of each output."
    )
    metrics: Argument[Any, list[Any]] = argument(
        Objects(metrics.registry, listed=True),
        default=(),
        doc="What is measured; for several outputs a list of lists.",
    )
    epochs: Argument[int, int] = argument(Count(), default=1, doc="How often each sample is used.")
    batch_size: Argument[int, int] = argument(
        Count(), default=32, doc="Samples of one update of the weights."
    )
    shuffle: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether each epoch has an order of its own."
    )
    seed: Argument[int | None, int | None] = argument(
        Nullable(Integer(0, MAX_SEED)),
        default=None,
        doc="Of first weights, order and dropout; null is another one each time.",
    )
    callbacks: Argument[Any, list[Any]] = argument(
        Objects(callbacks.registry, listed=True), default=(), doc="What is called as it trains."
    )
    class_weight: Argument[Any, list[float] | None] = argument(
        Nullable(List(Number(minimum=0))),
        default=None,
        doc="A factor for the loss of each class's samples, from class 0 on.",
    )


registry: Registry[TrainingPlan] = Registry("training section", "sepconv.config", TrainingPlan)
registry.register("training")(TrainingPlan)
