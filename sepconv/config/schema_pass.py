"""The second pass: the schema, and each of its errors in our own words at its own place."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import jsonschema
from jsonschema.validators import extend
from referencing import Registry as Resources
from referencing.jsonschema import DRAFT7

from sepconv.config import fixes, schema
from sepconv.config.findings import Findings
from sepconv.config.forms import ENVELOPE, LONG_FORM
from sepconv.config.graphs import BESIDE_A_LAYER, BESIDE_AN_ENTRY
from sepconv.config.kinds import (
    LAYERS,
    NETWORK_ARGUMENTS,
    NETWORKS,
    ONLY_IN_KERAS,
    article,
    class_names,
    declared,
)
from sepconv.config.nodes import UNREAD, Node, Path, Span, Table, at, key_span
from sepconv.config.objects import OBJECTS
from sepconv.config.words import did_you_mean, name_of, value_words
from sepconv.layers.keras2 import DROPPED
from sepconv.registry import Registry, registered
from sepconv.rules import is_int

_KINDS = {registry.kind: registry for registry in (LAYERS, *OBJECTS)} | {"sepconv config": LAYERS}
# A schema's integers are ints: jsonschema itself takes 2.0 for one.
_TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine(
    "integer", lambda checker, value: is_int(value)
)
_Strict: Any = extend(jsonschema.Draft7Validator, type_checker=_TYPES)  # type: ignore[no-untyped-call]


_RENAMED = {
    ("LeakyReLU", "alpha"): "negative_slope",
    ("InputLayer", "batch_input_shape"): "batch_shape",
}
_BESIDE = ENVELOPE | BESIDE_A_LAYER | BESIDE_AN_ENTRY
_NO_CLASSES = LONG_FORM | _BESIDE


@dataclass(frozen=True, slots=True)
class Broken:
    """A keyword of a schema that a value breaks."""

    keyword: str
    told: Any  # what the schema says under the keyword
    schema: Mapping[str, Any]
    value: Any
    path: Path

    @property
    def title(self) -> str:
        return str(self.schema.get("title", ""))


def check(root: Node, findings: Findings) -> None:
    """Add what the schema refuses of the document `root`."""
    seen: set[tuple[Path, str]] = set()
    for error in _validator(tuple(registered)).iter_errors(root.data()):
        if findings.is_full:
            break
        path: Path = tuple(error.absolute_path)
        place = path, str(error.validator)
        is_told = error.instance is UNREAD or (path in findings.refused and place[1] == "type")
        if not is_told and place not in seen:
            seen.add(place)
            told = cast("Mapping[str, Any]", error.schema)
            broken = Broken(place[1], error.validator_value, told, error.instance, path)
            _report(broken, root, findings)


@functools.lru_cache(maxsize=4)
def _validator(registered_names: tuple[str, ...]) -> Any:
    """Return the validator of whole documents, for the objects registered by now."""
    known = schema.schemas()
    for contents in known.values():
        del contents["$schema"]  # jsonschema would leave our types for those of the draft
    resources = [(name, DRAFT7.create_resource(contents)) for name, contents in known.items()]
    # Nothing retrieves what is not in this registry: no file is opened, nothing is fetched.
    local: Resources[Any] = Resources().with_resources(resources)
    return _Strict(known[schema.ROOT], registry=local)


def _report(broken: Broken, root: Node, findings: Findings) -> None:
    if broken.keyword == "additionalProperties":
        _report_keys(broken, root, findings)
    elif broken.keyword == "required":
        _report_missing(broken, root, findings)
    elif broken.keyword == "enum" and broken.title.endswith(" name"):
        _report_name(broken, at(root, broken.path).span, findings)
    else:
        node = at(root, broken.path)
        code, message, help, fix = value_words(
            broken.keyword, broken.told, broken.schema, node, broken.value, broken.path
        )
        findings.add(code, message, node.span, broken.path, help=help, fix=fix)


# --- keys ----------------------------------------------------------------------------------------


def _report_keys(broken: Broken, root: Node, findings: Findings) -> None:
    patterns = broken.schema.get("patternProperties", {})
    known = broken.schema.get("properties", {})
    extra = [
        key
        for key in broken.value
        if key not in known and not any(re.search(pattern, key) for pattern in patterns)
    ]
    if broken.title in _KINDS:
        _report_class_keys(broken, extra, root, findings)
        return
    for key in extra:
        if findings.is_full:  # looking for near names of thousands takes seconds
            break
        span = key_span(root, (*broken.path, key))
        if broken.title == "defaults":
            _report_class(broken, key, span, findings)
        else:
            _report_argument(broken, key, root, findings)


def _report_argument(broken: Broken, key: str, root: Node, findings: Findings) -> None:
    path = (*broken.path, key)
    span, taken = key_span(root, path), broken.value
    new = _RENAMED.get((broken.title, key))
    if new and new not in taken:
        findings.add(
            "SC111",
            f"`{key}` of {broken.title} is from Keras 2",
            span,
            path,
            help=f"write `{new}`",
            fix=fixes.replacing_name(key, span, new),
        )
        return
    is_dropped = key in DROPPED and broken.title not in NETWORKS
    if is_dropped or (key == "dtype" and broken.title not in LAYERS):
        _report_dropped(broken, key, root, findings)
        return
    owner = f" for {broken.title}" if broken.title else ""
    known = broken.schema.get("properties", {})
    twice = f"it is what Keras 2 called `{new}`; keep one of the two"
    findings.add(
        "SC102",
        f"unknown argument `{name_of(key)}`{owner}",
        span,
        path,
        help=twice if new else _of_optimizer(broken, key) or did_you_mean(key, known, "arguments"),
        fix=fixes.renaming(key, span, known, taken),
    )


def _report_dropped(broken: Broken, key: str, root: Node, findings: Findings) -> None:
    """Report a key of Keras 2 that nothing reads, and those that do what it says."""
    path, table = (*broken.path, key), at(root, broken.path)
    is_idle = key != "groups" or broken.value[key] == 1
    parts = [f"{part}_{key.removeprefix('kernel_')}" for part in ("depthwise", "pointwise")]
    is_split = set(parts) <= set(broken.schema.get("properties", {}))
    findings.add(
        "SC111",
        f"`{key}` of {broken.title} is from Keras 2 and dropped",
        key_span(root, path),
        path,
        help=f"the kernels have `{parts[0]}` and `{parts[1]}`" if is_split else None,
        fix=fixes.removing(table.entries[key]) if is_idle and isinstance(table, Table) else None,
    )


def _of_optimizer(broken: Broken, key: str) -> str | None:
    """Return where an optimizer's argument belongs that stands in the training section."""
    if broken.title == "training" and key in (declared(_KINDS["optimizer"], "Adam") or ()):
        return f"it is the optimizer's: `optimizer: {{Adam: {{{key}: ...}}}}`"
    return None


def _report_class_keys(broken: Broken, extra: list[str], root: Node, findings: Findings) -> None:
    """Report keys that stand where the name of a class does."""
    registry = _KINDS[broken.title]
    known = broken.schema["properties"]
    named = [key for key in broken.value if key in known and key not in _BESIDE]
    # What has a mapping as its value, or nothing, was meant as a class and its arguments.
    meant = [key for key in extra if isinstance(broken.value[key], dict | None)]
    if not named and not meant:
        path = (*broken.path, extra[0])
        help = _naming(registry, broken.value)
        message = f"no {registry.kind} is named here"
        findings.add("SC106", message, key_span(root, path), path, help=help)
        return
    for key in extra if named else meant:
        if findings.is_full:
            break
        span = key_span(root, (*broken.path, key))
        if not named or (key in ONLY_IN_KERAS and registry is LAYERS):
            _report_class(broken, key, span, findings)
            continue
        name = "class_name" if "class_name" in named else named[0]
        beside = [own for own in _BESIDE if own in known and own not in broken.value]
        help = did_you_mean(key, beside) or _way_out(registry, name, key)
        message = f"unknown key `{name_of(key)}` beside `{name}`"
        findings.add("SC102", message, span, (*broken.path, key), help=help)


def _report_class(broken: Broken, key: str, span: Span, findings: Findings) -> None:
    path = (*broken.path, key)
    registry = _KINDS.get(broken.title, LAYERS)
    if key in ONLY_IN_KERAS and registry is LAYERS:
        _report_only_in_keras(key, span, path, findings)
    else:
        known = broken.schema["properties"]
        _report_unknown(registry.kind, key, known, span, path, findings, broken.value)


def _way_out(registry: Registry[Any], name: str, key: str) -> str:
    """Return where a key beside a class belongs."""
    if name == "class_name":
        return "arguments belong under `config`"
    if key in _argument_names(registry, name):
        return f"indent it, so that it stands under `{name}`"
    return "the user's own keys start with `x-`"


def _naming(registry: Registry[Any], value: Mapping[str, Any]) -> str:
    """Return how to name the class that these keys are probably the arguments of."""
    known = class_names(registry)
    for item in value.values():
        if isinstance(item, str) and item in known:
            return f"write `{item}: {{argument: value}}`"
    for name in [*NETWORKS, *known] if registry is LAYERS else known:
        if not value.keys().isdisjoint({*_argument_names(registry, name)} - {"name"}):
            return f"put the arguments under `{name}:`"
    return f"write `Name: {{argument: value}}`, with the name of {article(registry.kind)}"


def _argument_names(registry: Registry[Any], name: str) -> Iterable[str]:
    if registry is LAYERS and name in NETWORKS:
        return NETWORK_ARGUMENTS[name]
    return declared(registry, name) or ()


def _report_missing(broken: Broken, root: Node, findings: Findings) -> None:
    """Report a missing key; a class's missing arguments are told with `defaults` in mind."""
    if not broken.title:
        missing = next(key for key in broken.told if key not in broken.value)
        span = key_span(root, broken.path)
        findings.add("SC103", f"`{missing}` is missing", span, broken.path)


# --- names ---------------------------------------------------------------------------------------


def _report_name(broken: Broken, span: Span, findings: Findings) -> None:
    kind = broken.title.removesuffix(" name")
    if broken.value in ONLY_IN_KERAS and kind == LAYERS.kind:
        _report_only_in_keras(broken.value, span, broken.path, findings)
    else:
        _report_unknown(kind, broken.value, broken.told, span, broken.path, findings)


def _report_unknown(
    kind: str,
    name: str,
    known: Iterable[str],
    span: Span,
    path: Path,
    findings: Findings,
    taken: Iterable[str] = (),
) -> None:
    names = [candidate for candidate in known if candidate not in _NO_CLASSES]
    help = did_you_mean(name, names, f"{kind}s")
    fix = fixes.renaming(name, span, names, taken)
    findings.add("SC101", f"unknown {kind} `{name_of(name)}`", span, path, help=help, fix=fix)


def _report_only_in_keras(name: str, span: Span, path: Path, findings: Findings) -> None:
    findings.add(
        "SC110",
        f"sepconv has no {name}, which is Keras's alone",
        span,
        path,
        help=f"its layers are {', '.join([*LAYERS, *NETWORKS])}",
    )
