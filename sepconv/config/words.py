"""Refused values in words: what the argument must be, and what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sepconv.config import fixes
from sepconv.config.fixes import OLD_BOOLS, Fix
from sepconv.config.nodes import Node, Path, Scalar
from sepconv.errors import shown
from sepconv.rules import is_real

_OF_EVERY_LAYER = ("name", "trainable", "dtype", "autocast")
_TYPES = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def value_words(
    keyword: str, told: Any, schema: Mapping[str, Any], node: Node, value: Any, path: Path
) -> tuple[str, str, str | None, Fix | None]:
    """Return code, message, help and fix for a value that breaks a schema's keyword."""
    what = _what(path)
    code, got, help, fix = "SC105", f"got {_written(node, value)}", None, None
    if keyword == "type" and "properties" in schema and "title" in schema:
        name = schema["title"] if not path or path[-1] == "config" else name_of(str(path[-1]))
        help = _arguments_help(name, value, schema)
        return "SC104", f"the arguments of `{name}` must be a mapping, {got}", help, None
    match keyword:
        case "type":
            code, must = "SC104", f"must be {_type_words(told, schema)}"
            help, fix = _type_help(value, told, schema), fixes.of_value(told, node)
        case "enum":
            must = f"must be {_listed(told)}"
            options = [option for option in told if isinstance(option, str)]
            help, fix = did_you_mean(value, options), fixes.renaming(value, node.span, options)
        case "pattern" if "examples" in schema:
            must = f"must be {_listed(schema['examples'])}"
            options = schema["examples"]
            help, fix = did_you_mean(value, options), fixes.renaming(value, node.span, options)
        case "pattern" if what == "`name`":
            must = "must not be empty or `..`, and must not hold `/`, `\\` or NUL"
        case "minimum":
            must = f"must be at least {told}"
        case "maximum":
            must = f"must be at most {told}"
        case "exclusiveMinimum":
            must = f"must be above {told}"
        case "minItems" | "maxItems":
            must = f"must hold {_between(schema.get('minItems'), schema.get('maxItems'))}"
            got = f"got {len(value)}"
        case _:
            must = f"breaks `{keyword}: {shown(told, 80)}`"
    return code, f"{what} {must}, {got}", help, fix


def name_of(text: str, limit: int = 80) -> str:
    """Return a name for a message: on one line, without control characters, not too long.

    >>> name_of("kernal_size")
    'kernal_size'
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)


def did_you_mean(name: Any, known: Iterable[str], nouns: str | None = None) -> str | None:
    """Return the nearest name as a question, else the names there are if `nouns` calls them."""
    known = list(known)
    guess = fixes.nearest_name(name, known) if isinstance(name, str) else None
    if guess is not None and guess != name:
        return f"did you mean `{guess}`?"
    if nouns is None or not known:
        return None
    listed = ", ".join(known[:24])
    return f"the {nouns} are {listed}{', …' if len(known) > 24 else ''}"


def _what(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the document"
    item = f"[{path[-1]}]" if isinstance(path[-1], int) else ""
    return f"`{name_of(names[-1])}{item}`"


def _written(node: Node, value: Any) -> str:
    """Return a value as its author knows it."""
    if isinstance(value, str):
        is_quoted = isinstance(node, Scalar) and node.plain is None
        text = name_of(value, 120)
        return f'"{text}" (text)' if is_quoted else f"{text} (text)"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return shown(value)


def _list(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


def _type_words(types: str | list[str], schema: Mapping[str, Any]) -> str:
    names = _list(types)
    if schema.get("maxItems") == 1 and "integer" in names:
        names = [name for name in names if name != "array"]  # [3] is allowed; 3 is what is meant
    return _either([_TYPES[name] for name in names])


def _arguments_help(name: str, value: Any, schema: Mapping[str, Any]) -> str:
    """Return how the arguments are written; a value alone is probably that of the first."""
    fitting = {"integer", "number"} if is_real(value) else {"string"}
    first = next((k for k, s in schema["properties"].items() if _is_own(k, s, fitting)), None)
    if first is not None and (is_real(value) or isinstance(value, str)):
        return f"write `{name}: {{{first}: {name_of(str(value))}}}`"
    if isinstance(value, list) and "layers" in schema["properties"]:
        return f"put the list under `{name}: layers:`"
    return f"write `{name}: {{argument: value}}`"


def _is_own(key: str, schema: Mapping[str, Any], fitting: set[str]) -> bool:
    """Tell whether an argument takes such a value, and not every layer has it."""
    types = _list(schema.get("type", "string" if "allOf" in schema else []))  # objects have names
    return key not in _OF_EVERY_LAYER and bool(fitting & set(types))


def _type_help(value: Any, types: str | list[str], schema: Mapping[str, Any]) -> str | None:
    names = _list(types)
    takes_number = "integer" in names or "number" in names
    if isinstance(value, str):
        word = value.lower().strip()
        if "boolean" in names and word in OLD_BOOLS:
            return f"YAML 1.2 reads `{value}` as text; write `{OLD_BOOLS[word]}`"
        if ("boolean" in names and word in ("true", "false")) or (
            takes_number and _is_number(word)
        ):
            return "write it without quotes"
        if takes_number and word.endswith(",") and _is_number(word[:-1]):
            return "take the comma out"
        if "null" in names and word in ("none", "nil"):
            return "write `null`"
        if "object" in names and "properties" in schema:
            return f"write `{{{next(iter(schema['properties']))}: {name_of(value)}}}`"
    if "array" in names and isinstance(value, dict):
        return "write a list: `- ` before each item"
    if set(names) <= {"array", "null"} and value is not None:
        return f"write `[{name_of(str(value))}]`"
    if isinstance(value, float) and "integer" in names and value.is_integer():
        return f"write `{int(value)}`"
    if schema.get("title") == "initializer" and isinstance(value, (int, float)):
        return f"write `{{Constant: {{value: {value}}}}}`"
    return None


def _is_number(word: str) -> bool:
    return word.lstrip("+-").replace(".", "", 1).isdecimal()


def _listed(options: Iterable[Any]) -> str:
    words = {None: "null", True: "true", False: "false"}
    return _either([f'"{o}"' if isinstance(o, str) else words.get(o, str(o)) for o in options])


def _either(options: list[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else options[0]


def _between(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least} value{'' if least == 1 else 's'}"
    if least == most:
        return f"{least} value{'' if least == 1 else 's'}"
    return f"{least} to {most} values"
