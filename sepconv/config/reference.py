"""The page of all that a config can name: docs/layers.md."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

from sepconv.config.kinds import LAYERS, family
from sepconv.config.objects import OBJECTS
from sepconv.declaration import REQUIRED, Argument
from sepconv.registry import Registry

Arguments = Mapping[str, Argument[Any, Any]]


def page() -> str:
    """Return a table of each kind of objects as Markdown: names, arguments and what they are."""
    head = (
        "# Every layer, loss, optimizer, ...\n\n"
        "By name, with the arguments in the order of the constructor, and their defaults. "
        "`help(sepconv.Conv1D)` shows one with shapes, errors and an example; "
        "`sepconv schema Conv1D` prints the rule of each argument. "
        "`sepconv schema --markdown` prints this page.\n"
    )
    return head + "".join(_section(registry) for registry in (LAYERS, *OBJECTS))


def _section(registry: Registry[Any]) -> str:
    names: dict[type[Any], list[str]] = {}
    for name in registry:
        names.setdefault(registry[name], []).append(name)
    common = _common([cls.arguments for cls in names])
    rows = "".join(
        f"| {_names(cls, known)} | {_arguments(cls.arguments, common)} | {_first_line(cls)} |\n"
        for cls, known in sorted(names.items(), key=lambda item: item[0].__name__.lower())
    )
    where = registry.module.replace("keras", "sepconv", 1)
    taken = f" All take `{', '.join(common.values())}` as well." if common else ""
    return (
        f"\n## {family(registry).capitalize()}\n\n`{where}`.{taken}\n\n"
        f"| name | arguments | |\n|---|---|---|\n{rows}"
    )


def _names(cls: type[Any], known: list[str]) -> str:
    """Return the class's name, and in parentheses the others that configs know."""
    others = [f"`{name}`" for name in known if name != cls.__name__]
    return f"`{cls.__name__}`" + (f" ({', '.join(others)})" if others else "")


def _common(all_arguments: list[Arguments]) -> dict[str, str]:
    """Return the arguments that every class takes, as text by name."""
    told = [{name: _told(name, one) for name, one in each.items()} for each in all_arguments]
    first, *rest = told
    found = {
        name: text for name, text in first.items() if all(each.get(name) == text for each in rest)
    }
    # The default name is the class's own.
    return found | ({"name": "name"} if all("name" in each for each in told) else {})


def _arguments(arguments: Arguments, common: Iterable[str]) -> str:
    told = [_told(name, declared) for name, declared in arguments.items() if name not in common]
    return f"`{', '.join(told)}`" if told else ""


def _told(name: str, declared: Argument[Any, Any]) -> str:
    """Return an argument with its default, as Python writes it."""
    default = declared.default
    if default is REQUIRED:
        return name
    return f"{name}={json.dumps(default) if isinstance(default, str) else repr(default)}"


def _first_line(cls: type[Any]) -> str:
    """Return the first line of the documentation; a bar would end the table's cell."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0].replace("|", "\\|")
