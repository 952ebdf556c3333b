"""The second pass: the schema, and each of its errors in our own words at its own place."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError as SchemaError
from jsonschema.validators import extend
from referencing import Registry as Resources, Resource
from referencing.jsonschema import DRAFT7

from sepconv.config import schema
from sepconv.config.findings import Findings
from sepconv.config.kinds import LAYERS, NETWORK, OBJECTS, PLANNED
from sepconv.config.nodes import UNREAD, Node, Path, Scalar, Span, at, key_span
from sepconv.errors import nearest, shown
from sepconv.layers.keras2 import DROPPED
from sepconv.registry import registered
from sepconv.rules import is_int

_KINDS = {registry.kind: registry for registry in (LAYERS, *OBJECTS)} | {
    "sepconv config": LAYERS
}
# A schema's integers are ints: jsonschema itself takes 2.0 for one.
_TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine(
    "integer", lambda checker, value: is_int(value)
)
_Strict = extend(jsonschema.Draft7Validator, type_checker=_TYPES)
_TYPE_NAMES = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_OLD_BOOLS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def check(root: Node, findings: Findings) -> None:
    """Add what the schema refuses of the document `root`."""
    told: set[tuple[Path, str]] = set()
    for error in _validator(tuple(registered)).iter_errors(root.data()):
        path: Path = tuple(error.absolute_path)
        if error.instance is UNREAD or (path, error.validator) in told:
            continue
        told.add((path, str(error.validator)))
        _report(error, root, path, findings)


@functools.lru_cache(maxsize=4)
def _validator(registered_names: tuple[str, ...]) -> Any:
    """Return the validator of whole documents, for the objects registered by now."""
    known = schema.schemas()
    for contents in known.values():
        del contents["$schema"]  # jsonschema would leave our types for those of the draft
    resources = ((name, Resource(contents, DRAFT7)) for name, contents in known.items())
    # Nothing retrieves what is not in this registry: no file is opened, nothing is fetched.
    return _Strict(known[schema.ROOT], registry=Resources().with_resources(resources))


def _report(error: SchemaError, root: Node, path: Path, findings: Findings) -> None:
    if error.validator == "additionalProperties":
        for key in _extra(error):
            _report_key(error, key, root, (*path, key), findings)
    elif error.validator == "required":
        _report_missing(error, root, path, findings)
    elif error.validator == "enum" and str(error.schema.get("title", "")).endswith(" name"):
        _report_name(str(error.schema["title"]).removesuffix(" name"), error, root, path, findings)
    else:
        _report_value(error, root, path, findings)


# --- keys ----------------------------------------------------------------------------------------


def _extra(error: SchemaError) -> list[str]:
    known = error.schema.get("properties", {})
    own = error.schema.get("patternProperties", {})
    return [k for k in error.instance if k not in known and not (own and _is_own(k))]


def _is_own(key: str) -> bool:
    return key.startswith("x-") or ">" in key


def _report_key(
    error: SchemaError, key: str, root: Node, path: Path, findings: Findings
) -> None:
    title = str(error.schema.get("title", ""))
    span = key_span(root, path)
    if title in _KINDS or title == "defaults":
        _report_class_key(error, key, title, span, path, findings)
    elif key in DROPPED or (key == "dtype" and title not in LAYERS):
        findings.add("SC111", f"`{key}` of {title} is from Keras 2 and dropped", span, path)
    else:
        owner = f" for {title}" if title else ""
        findings.add(
            "SC102",
            f"unknown argument `{name_of(key)}`{owner}",
            span,
            path,
            help=_did_you_mean(key, error.schema.get("properties", {}), "arguments"),
        )


def _report_class_key(
    error: SchemaError, key: str, title: str, span: Span, path: Path, findings: Findings
) -> None:
    properties = error.schema["properties"]
    registry = _KINDS.get(title, LAYERS)
    beside = [name for name in error.instance if name in properties and name[:1].isupper()]
    if key in PLANNED and registry is LAYERS:
        _report_planned(key, span, path, findings)
    elif "class_name" in error.instance and title != "defaults":
        findings.add("SC102", f"unknown key `{name_of(key)}` beside `class_name`", span, path,
                     help="arguments belong under `config`")
    elif beside and title != "defaults":
        arguments = _argument_names(registry, beside[0])
        guess = nearest(key, arguments)
        findings.add("SC102", f"unknown key `{name_of(key)}` beside `{beside[0]}`", span, path,
                     help=f"indent it under `{beside[0]}`" if guess == key
                     else "the user's own keys start with `x-`")
    else:
        _report_unknown(registry.kind, key, list(properties), span, path, findings)


def _argument_names(registry: Any, name: str) -> list[str]:
    return list(getattr(registry[name], "arguments", ())) if name in registry else []


def _report_missing(error: SchemaError, root: Node, path: Path, findings: Findings) -> None:
    """Report a missing key; a class's missing arguments are told with `defaults` in mind."""
    if error.schema.get("title"):
        return
    missing = [key for key in error.validator_value if key not in error.instance]
    findings.add(
        "SC103", f"`{missing[0]}` is missing", key_span(root, path), path
    )


# --- names ---------------------------------------------------------------------------------------


def _report_name(
    kind: str, error: SchemaError, root: Node, path: Path, findings: Findings
) -> None:
    span = at(root, path).span
    if error.instance in PLANNED and kind in ("layer", "sepconv config"):
        _report_planned(error.instance, span, path, findings)
    elif isinstance(error.instance, str):
        kind = "layer" if kind == "sepconv config" else kind
        _report_unknown(kind, error.instance, error.validator_value, span, path, findings)


def _report_unknown(
    kind: str, name: str, known: Iterable[str], span: Span, path: Path, findings: Findings
) -> None:
    known = [k for k in known if k not in ("class_name", "config", "module", "registered_name",
                                           "build_config", "$schema")]
    findings.add("SC101", f"unknown {kind} `{name_of(name)}`", span, path,
                 help=_did_you_mean(name, known, f"{kind}s"))


def _report_planned(name: str, span: Span, path: Path, findings: Findings) -> None:
    built = ", ".join([*LAYERS, NETWORK])
    findings.add("SC110", f"`{name}` cannot be built by this version of sepconv", span, path,
                 help=f"it builds {built}")


# --- values --------------------------------------------------------------------------------------


def _report_value(error: SchemaError, root: Node, path: Path, findings: Findings) -> None:
    node = at(root, path)
    what = _what(path)
    value = f"got {_written(node, error.instance)}"
    told = error.validator_value
    code, help = "SC105", None
    match error.validator:
        case "type":
            code, must = "SC104", f"must be {_types(told)}"
            help = _type_help(error.instance, told)
        case "enum":
            must = f"must be {_listed(told)}"
            help = _did_you_mean(error.instance, [t for t in told if isinstance(t, str)])
        case "pattern" if "examples" in error.schema:
            must = f"must be {_listed(error.schema['examples'])}"
            help = _did_you_mean(error.instance, error.schema["examples"])
        case "pattern" if what == "`name`":
            must = "must not be empty or `..`, and must not hold `/`, `\\` or NUL"
        case "minimum":
            must = f"must be at least {told}"
        case "maximum":
            must = f"must be at most {told}"
        case "exclusiveMinimum":
            must = f"must be above {told}"
        case "minItems" | "maxItems":
            bounds = error.schema.get("minItems"), error.schema.get("maxItems")
            must = f"must be a list of {_between(*bounds)}"
            value = f"got {len(error.instance)}"
        case _:
            must = f"breaks `{error.validator}: {shown(told, 80)}`"
    findings.add(code, f"{what} {must}, {value}", node.span, path, help=help)


def _what(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return "the document"
    item = f"[{path[-1]}]" if isinstance(path[-1], int) else ""
    return f"`{name_of(names[-1])}{item}`"


def _written(node: Node, value: Any) -> str:
    """Return a value as the config's author knows it."""
    if isinstance(value, str):
        quoted = isinstance(node, Scalar) and node.plain is None
        return f"{name_of(value, 120)!s} (text)" if not quoted else f'"{name_of(value, 120)}" (text)'
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else shown(value)


def _types(types: str | list[str]) -> str:
    listed = [types] if isinstance(types, str) else types
    return _or([_TYPE_NAMES[t] for t in listed])


def _type_help(value: Any, types: str | list[str]) -> str | None:
    listed = [types] if isinstance(types, str) else types
    if isinstance(value, str):
        if "boolean" in listed and value.lower() in _OLD_BOOLS:
            return f"YAML 1.2 reads `{value}` as text; write `{_OLD_BOOLS[value.lower()]}`"
        if value.strip().lstrip("+-").replace(".", "", 1).isdigit() and (
            "integer" in listed or "number" in listed
        ):
            return "write the number without quotes"
        if value in ("None", "none", "nil") and "null" in listed:
            return "write `null`"
    if isinstance(value, float) and "integer" in listed and value.is_integer():
        return f"write `{int(value)}`"
    return None


def _listed(options: Iterable[Any]) -> str:
    return _or(
        [{None: "null", True: "true", False: "false"}[o] if o is None or isinstance(o, bool)
         else f'"{o}"' for o in options]
    )


def _or(options: list[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else options[0]


def _between(least: int | None, most: int | None) -> str:
    if least == most:
        return f"{least} value{'s' * (least != 1)}"
    return f"{least} to {most} values"


def _did_you_mean(name: Any, known: Iterable[str], nouns: str | None = None) -> str | None:
    known = list(known)
    guess = nearest(name, known) if isinstance(name, str) else None
    if guess is not None:
        return f"did you mean `{guess}`?"
    if nouns is None or not known:
        return None
    some = ", ".join(known[:24])
    return f"the {nouns} are {some}{', …' * (len(known) > 24)}"


def name_of(text: str, limit: int = 80) -> str:
    """Return a key or name for a message: on one line and not too long."""
    written = shown(text, limit)
    return written[1:-1] if written[:1] in "'\"" and written[-1:] in "'\"" else written[1:]
