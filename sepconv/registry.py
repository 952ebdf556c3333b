"""One registry class, one instance a kind: names to implementations, and configs both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from sepconv.declaration import Declared
from sepconv.errors import ValidationError, shown, suggestion

T = TypeVar("T")
Named = TypeVar("Named", bound=Callable[..., Any])


class Registry(Generic[T]):
    """The implementations of one kind (initializers, layers, ...) by name.

    Arguments:
        kind: what an error calls an entry, such as `"initializer"`.
        module: the Keras module that configs name, such as `"keras.initializers"`.
        base: the class that objects of the kind derive from.
    """

    def __init__(self, kind: str, module: str, base: type[Any]) -> None:
        self.kind = kind
        self.module = module
        self.base = base
        self._classes: dict[str, type[T]] = {}
        _made.append(self)

    def accept(self, obj: Any) -> T:
        """Return an object that already is of the kind, or raise ValidationError."""
        if isinstance(obj, self.base):
            return cast("T", obj)
        raise self.refusal(obj)

    def register(self, *names: str) -> Callable[[type[Any]], type[Any]]:
        """Decorate a class: make it known by `names`, or by its own name."""

        def add(cls: type[Any]) -> type[Any]:
            for name in names or (cls.__name__,):
                if name in self._classes:
                    raise ValidationError(f"{self.kind} `{name}` is registered already")
                self._classes[name] = cls
            return cls

        return add

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def is_builtin(self, cls: type[Any]) -> bool:
        """Tell whether `cls` itself, not a base of it, is a class of this registry."""
        return any(cls is known for known in self._classes.values())

    def __getitem__(self, name: str) -> type[T]:
        """Return the class called `name`; `"package>name"` is an object of the user's own."""
        found = self._classes.get(name) or registered.get(name)
        if found is None:
            raise self.refusal(name)
        return cast("type[T]", found)

    def refusal(self, identifier: Any) -> ValidationError:
        """Return the error for an identifier that stands for nothing of this kind."""
        told = f"Could not interpret {self.kind} identifier: "
        if isinstance(identifier, str):
            known = [*self._classes, *registered]
            return ValidationError(f"{told}{_bare(identifier)}{suggestion(identifier, known)}")
        return ValidationError(
            f"{told}{shown(identifier)}; expected a name, a config, a class or an object"
        )

    def get(self, identifier: Any) -> T | None:
        """Return the object that `identifier` stands for.

        Arguments:
            identifier: None, a name, a config in Keras's dict form, a class, or an object.

        Raises:
            ValidationError: no such name, or not of this kind.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self[identifier]
            return self._made(found, found) if isinstance(found, type) else self.accept(found)
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return self._made(identifier, identifier)
        return self.accept(identifier)

    def deserialize(self, config: Mapping[str, Any]) -> T:
        """Return the object that a config in Keras's dict form declares."""
        name, arguments = unpack(config, self.kind)
        found = self[name]
        if not isinstance(found, type):
            return self.accept(found)
        from_config = getattr(found, "from_config", None)
        if from_config is None:
            return self._made(found, lambda: found(**arguments))
        return self._made(found, lambda: from_config(arguments))

    def _made(self, cls: type[Any], make: Callable[[], Any]) -> T:
        try:
            return self.accept(make())
        except TypeError as error:  # an argument is missing, or is one too many
            raise ValidationError(f"{self.kind} `{cls.__name__}`: {error}") from error

    def serialize(self, obj: Any) -> Any:
        """Return the config of `obj` in Keras's dict form."""
        if obj is None:
            return None
        own_name = registered_name(obj)
        if own_name is not None and registered[own_name] is obj:
            return {
                "module": "builtins",
                "class_name": "function",
                "config": own_name,
                "registered_name": "function",
            }
        if own_name is None and not self.is_builtin(type(obj)):
            raise ValidationError(
                f"{self.kind} {shown(obj)} cannot be written to a config: "
                f"register it first with `@sepconv.register(package=...)`"
            )
        return {
            "module": self.module if own_name is None else type(obj).__module__,
            "class_name": type(obj).__name__,
            "config": obj.get_config() if hasattr(obj, "get_config") else {},
            "registered_name": own_name,
        }


_made: list[Registry[Any]] = []


def kinds_of(cls: type[Any]) -> list[Registry[Any]]:
    """Return the registries of the kinds that `cls` derives from.

    A kind has its registry as soon as its base exists, so none is missing for a class that does.
    """
    return [registry for registry in _made if issubclass(cls, registry.base)]


class FunctionRegistry(Registry[T]):
    """A kind whose objects may be functions of the user's own, too."""

    def accept(self, obj: Any) -> T:
        return cast("T", obj) if is_function(obj) else super().accept(obj)


def is_function(obj: Any) -> bool:
    """Tell whether `obj` can be called and is of no kind of ours."""
    return callable(obj) and not isinstance(obj, Declared)


def unpack(config: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments in a config of Keras's dict form.

    A registered name stands before the class name; a function's name is its `config`. The
    config's `module` is not looked at: a config never says where code comes from.
    """
    name = config.get("registered_name") or config.get("class_name")
    arguments = config.get("config")
    if config.get("class_name") == "function":
        name, arguments = arguments, None
    if not isinstance(name, str):
        raise ValidationError(
            f"a {kind} config must have a `class_name`, such as "
            f"{{'class_name': ..., 'config': {{...}}}}; received {shown(config)}"
        )
    if not isinstance(arguments, Mapping | None):
        raise ValidationError(
            f"`config` of {kind} `{_bare(name)}` must be a dict; received {shown(arguments)}"
        )
    return name, dict(arguments or {})


# --- the user's own objects, of every kind -------------------------------------------------------

registered: dict[str, Any] = {}


def register(package: str = "Custom", name: str | None = None) -> Callable[[Named], Named]:
    """Decorate a class or function: configs then know it as `"package>name"`.

    Arguments:
        package: the prefix that keeps one program's names apart from another's.
        name: the object's own name when left out.

    Raises:
        ValidationError: the name is taken.

    >>> @register(package="docs")
    ... def halves(shape, dtype="float32"):
    ...     return np.full(shape, 0.5, dtype)
    >>> registered_name(halves)
    'docs>halves'
    """

    def add(obj: Named) -> Named:
        full = f"{package}>{name or obj.__name__}"
        if full in registered:
            raise ValidationError(
                f"`{full}` is registered already, for {shown(registered[full], 80)}; "
                f"choose another name"
            )
        registered[full] = obj
        return obj

    return add


def registered_name(obj: Any) -> str | None:
    """Return the `"package>name"` under which `obj`, or its class, was registered, or None."""
    for name, known in registered.items():
        if known is obj or known is type(obj):
            return name
    return None


def _bare(name: str) -> str:
    text = shown(name)
    return text[1:-1] if len(text) > 1 and text[0] in "'\"" else text
