"""JSON Schemas (draft-07) out of the declared arguments. `make schemas` writes them to schemas/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sepconv.config.kinds import LAYERS, article, class_names, declared, family, names
from sepconv.config.objects import OBJECTS
from sepconv.config.plan import TrainingPlan
from sepconv.config.schema_networks import any_layer, network_definitions
from sepconv.config.schema_objects import (
    LAYER_PREFIX,
    Schema,
    about,
    arguments_schema,
    class_name,
    file_name,
    object_schema,
    summary,
)
from sepconv.registry import Registry

DRAFT = "http://json-schema.org/draft-07/schema#"

ROOT = "sepconv.schema.json"

NETWORK_FILE = "network.schema.json"

TRAINING_FILE = "training.schema.json"


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


def layer_schema(name: str) -> Schema:
    """Return the schema of a layer's arguments.

    `definitions/arguments` is the same without `required`: what `defaults` may hold.
    """
    arguments = arguments_schema(name, declared(LAYERS, name), summary(LAYERS[name]))
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
    classes = {name: class_name(registry, name) for name in class_names(registry)}
    definitions = {
        target: arguments_schema(
            target.removeprefix(LAYER_PREFIX), declared(registry, name), about(registry, name)
        )
        for name, target in classes.items()
    }
    return {
        "$schema": DRAFT,
        "$id": file_name(family(registry)),
        **object_schema(
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
        "definitions": network_definitions(),
        "allOf": [{"$ref": "#/definitions/Sequential"}],
    }


def training_schema() -> Schema:
    """Return the schema of the `training` section."""
    summary = "how the network is trained: what `sepconv train` does"
    arguments = arguments_schema("training", TrainingPlan.arguments, summary)
    return {"$schema": DRAFT, "$id": TRAINING_FILE, **arguments, "type": "object"}


def root_schema() -> Schema:
    """Return the schema of a whole document: a layer or a network, and what may stand beside it."""
    schema = any_layer(network=NETWORK_FILE)
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
