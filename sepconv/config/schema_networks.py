"""The JSON Schema of networks, and of a layer in any of its forms within one."""

from __future__ import annotations

from sepconv.config.kinds import LAYERS, NETWORKS, OF_EVERY_LAYER, class_names, declared, names
from sepconv.config.schema_objects import (
    OWN,
    Schema,
    argument_schema,
    arguments_schema,
    file_name,
    object_schema,
    summary,
)
from sepconv.rules import MAX_SIZE

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


def network_definitions() -> dict[str, Schema]:
    """Return the parts that the schema of networks is made of."""
    return {
        "layer": any_layer(),
        "node": any_layer(beside=_BESIDE_A_LAYER),
        "entry": any_layer(beside=_BESIDE_AN_ENTRY),
        "Sequential": _sequential(),
        "Functional": _functional(),
    }


def any_layer(network: str = "", beside: Schema | None = None) -> Schema:
    """Return the schema of a layer or network in any form, and of keys that stand beside it.

    Arguments:
        network: the file that defines the networks; the schema's own when empty.
        beside: schemas of these keys.
    """
    refs = {}
    for name in class_names(LAYERS):
        if name in NETWORKS:
            refs[name] = {"$ref": f"{network}#/definitions/{name}"}
        elif name in LAYERS:
            refs[name] = {"$ref": file_name(name)}
        else:  # the user's own, in the schema that `sepconv schema` prints alone
            refs[name] = arguments_schema(name, declared(LAYERS, name), summary(LAYERS[name]))
    told = "a layer: a name, `{Name: {arguments}}`, or Keras's long form"
    schema = object_schema("layer", refs, names(LAYERS), told)
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
        "patternProperties": OWN,
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
                "patternProperties": OWN,
                "additionalProperties": {"$ref": input_arguments},
            },
            "layers": {
                "type": ["object", "array"],
                "description": "each layer's name, and the layer; or Keras's list of layers",
                "patternProperties": OWN,
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
        "patternProperties": OWN,
        "additionalProperties": False,
        "required": ["layers"],
    }


def _of_every_network() -> dict[str, Schema]:
    arguments = declared(LAYERS, "SeparableConv1D") or {}
    inherited = {key: argument_schema(arguments[key]) for key in OF_EVERY_LAYER}
    return {**inherited, "name": {**inherited["name"], "description": "the network's name"}}
