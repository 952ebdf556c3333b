"""JSON Schemas (draft-07) out of the declared arguments. `make schemas` writes them to schemas/."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from sepconv.config.kinds import (
    LAYERS,
    NETWORKS,
    OF_EVERY_LAYER,
    article,
    class_names,
    declared,
    family,
    names,
)
from sepconv.config.objects import OBJECTS
from sepconv.config.plan import TrainingPlan
from sepconv.declaration import REQUIRED, Argument
from sepconv.registry import Registry, registered
from sepconv.rules import MAX_SIZE

Schema: TypeAlias = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
ROOT = "sepconv.schema.json"
NETWORK_FILE = "network.schema.json"
TRAINING_FILE = "training.schema.json"

_LAYER = "layers."

# What Keras's long form holds beside a class's name and arguments; nothing reads it.
_LONG_FORM: Schema = {
    "module": {"type": ["string", "null"], "description": "Keras's module; never imported"},
    "registered_name": {"type": ["string", "null"], "description": "`package>Name`, if any"},
    "build_config": {"type": ["object", "null"], "description": "what Keras built it with"},
    "compile_config": {"type": ["object", "null"], "description": "how Keras trained it"},
}
_FROM = "the name of the layer or input that reaches this layer, or a list of them; a list a call"
_NODES: Schema = {
    "inbound_nodes": {"type": "array", "description": "the calls, as Keras writes them"}
}
_BESIDE_A_LAYER: Schema = {
    # Not `anyOf`: each keyword speaks of one type.
    "from": {
        "type": ["string", "array"],
        "items": {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1},
        "minItems": 1,
        "description": f"{_FROM}. The layer above when left out",
    },
    **_NODES,
}
_BESIDE_AN_ENTRY: Schema = {"name": {"type": "string", "description": "the layer's name"}, **_NODES}
_OWN = {"^x-": {"description": "the user's own; nothing reads it"}}


def schemas() -> dict[str, Schema]:
    """Return every schema by its file name, the objects that the program registered included."""
    found = {file_name(name): layer_schema(name) for name in LAYERS}
    for registry in OBJECTS:
        found[file_name(family(registry))] = kind_schema(registry)
    found[NETWORK_FILE] = network_schema()
    found[TRAINING_FILE] = training_schema()
    found[ROOT] = root_schema()
    return found


def text(schema: Schema) -> str:
    """Return a schema as it is committed."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def file_name(name: str) -> str:
    return f"{name}.schema.json"


def layer_schema(name: str) -> Schema:
    """Return the schema of a layer's arguments.

    `definitions/arguments` is the same without `required`: what `defaults` may hold.
    """
    arguments = _arguments(name, declared(LAYERS, name), _summary(LAYERS[name]))
    required = arguments.pop("required", [])
    return {
        "$schema": DRAFT,
        "$id": file_name(name),
        "title": name,
        "description": arguments["description"],
        "allOf": [{"$ref": "#/definitions/arguments"}],
        "required": required,
        "definitions": {"arguments": arguments},
    }


def kind_schema(registry: Registry[Any]) -> Schema:
    """Return the schema of an object of a kind in all its forms: a name, short or long."""
    classes = {name: _class_name(registry, name) for name in class_names(registry)}
    definitions = {
        target: _arguments(
            target.removeprefix(_LAYER), declared(registry, name), _about(registry, name)
        )
        for name, target in classes.items()
    }
    return {
        "$schema": DRAFT,
        "$id": file_name(family(registry)),
        **_object(
            registry.kind,
            {name: {"$ref": f"#/definitions/{target}"} for name, target in classes.items()},
            names(registry),
            f"{article(registry.kind)}: a name, `{{Name: {{arguments}}}}`, or Keras's long form",
        ),
        "definitions": definitions,
    }


def network_schema() -> Schema:
    """Return the schema of networks, and of a layer in any of its forms within one."""
    return {
        "$schema": DRAFT,
        "$id": NETWORK_FILE,
        "title": "network",
        "definitions": {
            "layer": _layer(),
            "node": _layer(beside=_BESIDE_A_LAYER),
            "entry": _layer(beside=_BESIDE_AN_ENTRY),
            "Sequential": _sequential(),
            "Functional": _functional(),
        },
        "allOf": [{"$ref": "#/definitions/Sequential"}],
    }


def training_schema() -> Schema:
    """Return the schema of the `training` section."""
    summary = "how the network is trained: what `sepconv train` does"
    arguments = _arguments("training", TrainingPlan.arguments, summary)
    return {"$schema": DRAFT, "$id": TRAINING_FILE, **arguments, "type": "object"}


def root_schema() -> Schema:
    """Return the schema of a whole document: a layer or a network, and what may stand beside it."""
    schema = _layer(network=NETWORK_FILE)
    schema["then"]["properties"] |= {
        "$schema": {"type": "string", "description": "the schema, for editors"},
        "format": {
            "type": "string",
            "examples": ["sepconv/1"],
            "description": "the version of the config format",
        },
        "training": {"$ref": TRAINING_FILE},
        "defaults": {
            "type": "object",
            "title": "defaults",
            "description": "arguments that every layer of a class has unless it gives its own",
            "properties": {
                name: {"$ref": f"{file_name(name)}#/definitions/arguments"} for name in LAYERS
            },
            "additionalProperties": False,
        },
    }
    schema["then"]["title"] = schema["title"] = "sepconv config"
    return {"$schema": DRAFT, "$id": ROOT, **schema, "type": "object"}


def _layer(network: str = "", beside: Schema | None = None) -> Schema:
    refs = {}
    for name in class_names(LAYERS):
        if name in NETWORKS:
            refs[name] = {"$ref": f"{network}#/definitions/{name}"}
        elif name in LAYERS:
            refs[name] = {"$ref": file_name(name)}
        else:  # the user's own, in the schema that `sepconv schema` prints alone
            refs[name] = _arguments(name, declared(LAYERS, name), _summary(LAYERS[name]))
    told = "a layer: a name, `{Name: {arguments}}`, or Keras's long form"
    schema = _object("layer", refs, names(LAYERS), told)
    schema["then"]["properties"] |= beside or {}
    return {**schema, "type": ["string", "object"]}


def _sequential() -> Schema:
    size = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_SIZE}
    shape = {"type": ["array", "null"], "items": size, "minItems": 1, "maxItems": 8}
    return {
        "title": "Sequential",
        "description": "layers one after the other",
        "type": ["object", "null"],
        "properties": {
            **_of_every_network(),
            "input_shape": {
                **shape,
                "description": "the shape of one example, such as [null, 40]: the batch is "
                "left out, null is any length",
            },
            "layers": {
                "type": "array",
                "items": {"$ref": "#/definitions/layer"},
                "description": "the layers, the first one first",
            },
            "build_input_shape": {
                **shape,
                "description": "the shape that Keras built it with, the batch included",
            },
        },
        "patternProperties": _OWN,
        "additionalProperties": False,
        "required": ["layers"],
    }


def _functional() -> Schema:
    input_arguments = f"{file_name('InputLayer')}#/definitions/arguments"
    ends = "Keras's [name, call, output], or several of them"
    return {
        "title": "Functional",
        "description": "layers that call each other, from named inputs to outputs",
        "type": ["object", "null"],
        "properties": {
            **_of_every_network(),
            "inputs": {
                "type": "object",
                "description": "each input's name, and its shape and dtype",
                "patternProperties": _OWN,
                "additionalProperties": {"$ref": input_arguments},
            },
            "layers": {
                "type": ["object", "array"],
                "description": "each layer's name, and the layer; or Keras's list of layers",
                "patternProperties": _OWN,
                "additionalProperties": {"$ref": "#/definitions/node"},
                "items": {"$ref": "#/definitions/entry"},
            },
            "outputs": {
                "type": ["string", "array", "object"],
                "description": "the name of the layer whose output leaves the network; or several",
                "items": {"type": "string"},
                "minItems": 1,
                "additionalProperties": {"type": "string"},
                "minProperties": 1,
            },
            "input_layers": {"type": ["array", "object"], "description": f"the inputs: {ends}"},
            "output_layers": {"type": ["array", "object"], "description": f"the outputs: {ends}"},
        },
        "patternProperties": _OWN,
        "additionalProperties": False,
        "required": ["layers"],
    }


def _of_every_network() -> dict[str, Schema]:
    arguments = declared(LAYERS, "SeparableConv1D") or {}
    inherited = {key: _argument(arguments[key]) for key in OF_EVERY_LAYER}
    return {**inherited, "name": {**inherited["name"], "description": "the network's name"}}


def _object(
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
            "patternProperties": {">": {"type": ["object", "null"]}, **_OWN},
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


def _arguments(
    name: str, arguments: Mapping[str, Argument[Any, Any]] | None, summary: str
) -> Schema:
    if arguments is None:  # a class or function of the user's own that declares nothing
        return {"title": name, "description": summary, "type": ["object", "null"]}
    return {
        "title": name,
        "description": summary,
        "type": ["object", "null"],
        "properties": {key: _argument(declared) for key, declared in arguments.items()},
        "patternProperties": _OWN,
        "additionalProperties": False,
        "required": [key for key, a in arguments.items() if a.default is REQUIRED],
    }


def _argument(declared: Argument[Any, Any]) -> Schema:
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


def _class_name(registry: Registry[Any], name: str) -> str:
    if name in registry:
        return str(getattr(registry[name], "__name__", name))
    # A layer of Keras that is an activation may be called as the activation's class is.
    return name if name in registered else _LAYER + name


def _about(registry: Registry[Any], name: str) -> str:
    known = name in registry or name in registered
    return _summary(registry[name]) if known else f"Keras's layer {name}, as an activation"


def _summary(obj: Any) -> str:
    doc = inspect.getdoc(obj) or ""
    return doc.partition("\n\n")[0].replace("\n", " ").rstrip(".:")


def bundle(schemas: Mapping[str, Schema]) -> Schema:
    """Return all schemas in one, for use as a single file."""
    root = _within(schemas[ROOT], "")
    inner = {name: _within(s, name) for name, s in schemas.items() if name != ROOT}
    for contents in inner.values():
        del contents["$schema"], contents["$id"]
    return {**root, "definitions": inner}


def _within(value: Any, file: str) -> Any:
    """Return a part of the schema `file` with its references pointing into one bundle."""
    if isinstance(value, list):
        return [_within(item, file) for item in value]
    if not isinstance(value, dict):
        return value
    new = {key: _within(item, file) for key, item in value.items()}
    if isinstance(value.get("$ref"), str):
        target, _, inside = value["$ref"].partition("#")
        new["$ref"] = f"#/definitions/{target or file}{inside}"
    return new
