"""Arguments declared once: the declaration checks them, configures, documents and makes the schema.

A class lists its arguments as fields, in the order of its constructor:

    class MaxNorm(Constraint):
        max_value: Argument[float, float] = argument(Number(minimum=0), default=2.0, doc="...")

`Argument[Given, Kept]` names the type that is given and the type that is kept, so type checkers
see `strides=2` go in and `(2,)` come out.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Generic,
    Protocol,
    Self,
    TypeVar,
    dataclass_transform,
    overload,
)

from sepconv.errors import ValidationError, shown, suggestion

REQUIRED: Any = inspect.Parameter.empty

Given = TypeVar("Given", contravariant=True)
Kept = TypeVar("Kept", covariant=True)


class Rule(Protocol):
    """What a value must satisfy. Each rule is one small class in `sepconv.rules`."""

    def normalise(self, value: Any, name: str) -> Any:
        """Return `value` in its one kept form, or raise ValidationError that names `name`."""

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema (draft-07)."""

    def to_config(self, value: Any) -> Any:
        """Return the kept value as `get_config` gives it."""


class Argument(Generic[Given, Kept]):
    """One declared argument; on an instance, its normalised value, fixed at construction."""

    def __init__(self, rule: Rule, default: Any, doc: str, kw_only: bool, in_config: bool) -> None:
        self.rule = rule
        self.default = default
        self.doc = self.__doc__ = doc  # which `help` of the class shows
        self.kw_only = kw_only
        self.in_config = in_config
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: object, owner: type) -> Kept: ...
    def __get__(self, obj: object | None, owner: type) -> Any:
        return self if obj is None else obj.__dict__[self.name]

    def __set__(self, obj: object, value: Given) -> None:
        raise AttributeError(
            f"`{self.name}` of {type(obj).__name__} is fixed at construction; "
            f"make a new one: from_config({{**old.get_config(), {self.name!r}: ...}})"
        )


def argument(
    rule: Rule,
    *,
    default: Any = REQUIRED,
    doc: str,
    kw_only: bool = False,
    in_config: bool = True,
) -> Any:
    """Declare an argument. Without `default` it must be given.

    Arguments:
        rule: checks the value, and gives it its one kept form.
        default: what is used when the argument is left out; checked like any other value.
        doc: one sentence for the documentation, the schema and the editors.
        kw_only: given by keyword alone.
        in_config: whether `get_config` holds it.
    """
    return Argument(rule, default, doc, kw_only, in_config)


@dataclass_transform(field_specifiers=(argument,))
class Declared:
    """A class whose constructor, checks and config come from its declared arguments."""

    arguments: ClassVar[Mapping[str, Argument[Any, Any]]] = MappingProxyType({})
    # False for a user's class with a constructor of its own, which may take anything.
    declares_all: ClassVar[bool] = True
    __signature__: ClassVar[inspect.Signature]
    _declared_signature: ClassVar[inspect.Signature] = inspect.Signature()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: a for name, a in vars(cls).items() if isinstance(a, Argument)}
        cls.arguments = MappingProxyType({**cls.arguments, **own})
        cls._declared_signature = _signature(cls.arguments)
        if own:
            cls.declares_all = True
        elif "__init__" in vars(cls):
            cls.declares_all = False
        if cls.declares_all:
            cls.__signature__ = cls._declared_signature
        elif "__init__" in vars(cls):
            cls.__signature__ = _without_self(vars(cls)["__init__"])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._bind(args, kwargs)
        for name, declared in self.arguments.items():
            value = given.get(name, declared.default)
            self.__dict__[name] = declared.rule.normalise(value, name)
        self.check()

    def check(self) -> None:
        """Raise ValidationError for arguments that do not go together. Subclasses add theirs."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as JSON types, such that `from_config` makes an equal object."""
        return {
            name: declared.rule.to_config(self.__dict__[name])
            for name, declared in self.arguments.items()
            if declared.in_config
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the object that `config`, as `get_config` gives it, declares."""
        return cls(**config)

    def __repr__(self) -> str:
        told = [
            f"{name}={shown(self.__dict__[name], 60)}"
            for name, declared in self.arguments.items()
            if name in self.__dict__ and not _is_default(self.__dict__[name], declared)
        ]
        return f"{type(self).__name__}({', '.join(told)})"

    @classmethod
    def _bind(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        unknown = {name: value for name, value in kwargs.items() if name not in cls.arguments}
        if unknown:
            raise ValidationError(
                f"Unrecognized keyword arguments passed to {cls.__name__}: {shown(unknown)}"
                f"{suggestion(next(iter(unknown)), cls.arguments)}"
            )
        try:
            return cls._declared_signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(
                f"{cls.__name__}(): {error}; it takes {cls._declared_signature}"
            ) from None


def _is_default(value: Any, declared: Argument[Any, Any]) -> bool:
    if declared.default is REQUIRED:
        return False
    default = declared.rule.normalise(declared.default, declared.name)
    if isinstance(value, Declared) and type(value) is type(default):
        return bool(value.get_config() == default.get_config())
    return bool(value is default or (type(value) is type(default) and value == default))


def _without_self(constructor: Any) -> inspect.Signature:
    signature = inspect.signature(constructor)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _signature(arguments: Mapping[str, Argument[Any, Any]]) -> inspect.Signature:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kinds[declared.kw_only], default=declared.default)
        for name, declared in arguments.items()
    ]
    # Keyword-only arguments come from a base class but stand last in the signature.
    return inspect.Signature(sorted(parameters, key=lambda parameter: parameter.kind))
