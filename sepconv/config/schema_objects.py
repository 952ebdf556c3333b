"""JSON Schemas of objects in all their forms, and of their arguments."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from sepconv.declaration import REQUIRED, Argument
from sepconv.registry import Registry, registered

Schema: TypeAlias = dict[str, Any]

LAYER_PREFIX = "layers."

# What Keras's long form holds beside a class's name and arguments; nothing reads it.
_LONG_FORM: Schema = {
    "module": {"type": ["string", "null"], "description": "Keras's module; never imported"},
    "registered_name": {"type": ["string", "null"], "description": "`package>Name`, if any"},
    "build_config": {"type": ["object", "null"], "description": "what Keras built it with"},
    "compile_config": {"type": ["object", "null"], "description": "how Keras trained it"},
}

OWN = {"^x-": {"description": "the user's own; nothing reads it"}}


def file_name(name: str) -> str:
    """Return the file of a layer's or a kind's schema."""
    return f"{name}.schema.json"


def object_schema(
    kind: str, classes: Mapping[str, Schema], plain_names: list[str], description: str
) -> Schema:
    """Return the schema of an object: its class key, or `class_name`, selects the branch."""
    builtin = {name: target for name, target in classes.items() if ">" not in name}
    own = {name: target for name, target in classes.items() if ">" in name}
    # Keras's form of a function: {class_name: function, config: its name}.
    functions = {"function": {"type": "string", **_name(kind, plain_names)}}
    if kind == "activation":
        builtin = {**builtin, **functions}
    return {
        "title": kind,
        "description": description,
        "type": ["string", "object", "null"],
        "examples": [name for name in plain_names if ">" not in name],  # what editors offer
        "if": {"type": "object"},
        "then": {
            "title": kind,
            "properties": {
                **classes,
                "class_name": {"type": "string", "description": "the class"},
                "config": {"description": "the arguments"},
                **_LONG_FORM,
            },
            "patternProperties": {">": {"type": ["object", "null"]}, **OWN},
            "additionalProperties": False,
            "if": {"required": ["class_name"]},
            "then": {
                "if": _holds("registered_name", {"type": "string", "pattern": ">"}),
                "then": {"allOf": _branches("registered_name", own)},
                "else": {
                    "properties": {"class_name": _name(kind, list(builtin))},
                    "allOf": _branches("class_name", builtin),
                },
            },
        },
        "else": _name(kind, plain_names),
    }


def _branches(key: str, classes: Mapping[str, Schema]) -> list[Schema]:
    """Return one schema a class for `config`, chosen by the name under `key`."""
    by_target: dict[str, list[str]] = {}  # aliases share a branch
    for name, schema in classes.items():
        by_target.setdefault(json.dumps(schema, sort_keys=True), []).append(name)
    return [
        {
            "if": _holds(key, {"enum": members}),
            "then": {"properties": {"config": json.loads(target)}},
        }
        for target, members in by_target.items()
    ] or [{}]


def _holds(key: str, schema: Schema) -> Schema:
    return {"required": [key], "properties": {key: schema}}


def _name(kind: str, known: list[str]) -> Schema:
    """Return the schema of a name in `known`; names with `>` are the user's own."""
    known = [name for name in known if ">" not in name]
    return {
        "if": {"type": "string", "not": {"pattern": ">"}},
        "then": {"enum": known, "title": f"{kind} name"},
    }


def arguments_schema(
    name: str, arguments: Mapping[str, Argument[Any, Any]] | None, summary: str
) -> Schema:
    """Return the schema of a class's arguments as a mapping."""
    if arguments is None:  # a class or function of the user's own that declares nothing
        return {"title": name, "description": summary, "type": ["object", "null"]}
    return {
        "title": name,
        "description": summary,
        "type": ["object", "null"],
        "properties": {key: argument_schema(declared) for key, declared in arguments.items()},
        "patternProperties": OWN,
        "additionalProperties": False,
        "required": [key for key, a in arguments.items() if a.default is REQUIRED],
    }


def argument_schema(declared: Argument[Any, Any]) -> Schema:
    """Return the schema of one argument's values, with its description and default."""
    schema = declared.rule.schema()
    described: Schema = {"description": declared.doc}
    if declared.default is not REQUIRED:
        described["default"] = _plain(declared.default)
    if "$ref" in schema:  # draft-07 ignores what stands beside a `$ref`
        return {**described, "allOf": [schema]}
    if declared.default is None and isinstance(schema.get("type"), list):
        # yaml-language-server takes the first type for that of the default, or fails.
        schema = {**schema, "type": sorted(schema["type"], key=lambda name: name != "null")}
    return {**described, **schema}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def class_name(registry: Registry[Any], name: str) -> str:
    """Return the name under which a class is defined, which its aliases share."""
    if name in registry:
        return str(getattr(registry[name], "__name__", name))
    # A layer of Keras that is an activation may be called as the activation's class is.
    return name if name in registered else LAYER_PREFIX + name


def about(registry: Registry[Any], name: str) -> str:
    """Return what stands in the schema about an object."""
    known = name in registry or name in registered
    return summary(registry[name]) if known else f"Keras's layer {name}, as an activation"


def summary(obj: Any) -> str:
    """Return the first paragraph of a docstring, on one line."""
    doc = inspect.getdoc(obj) or ""
    return doc.partition("\n\n")[0].replace("\n", " ").rstrip(".:")
