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

from sepconv.config import schema
from sepconv.config.findings import Findings
from sepconv.config.forms import ENVELOPE, LONG_FORM
from sepconv.config.kinds import LAYERS, NETWORK, OBJECTS, PLANNED, declared
from sepconv.config.nodes import UNREAD, Node, Path, Span, at, key_span
from sepconv.config.words import did_you_mean, name_of, value_words
from sepconv.errors import nearest
from sepconv.layers.keras2 import DROPPED
from sepconv.registry import Registry, registered
from sepconv.rules import is_int

_KINDS = {registry.kind: registry for registry in (LAYERS, *OBJECTS)} | {"sepconv config": LAYERS}
# A schema's integers are ints: jsonschema itself takes 2.0 for one.
_TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine(
    "integer", lambda checker, value: is_int(value)
)
_Strict: Any = extend(jsonschema.Draft7Validator, type_checker=_TYPES)  # type: ignore[no-untyped-call]


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
        code, message, help = value_words(
            broken.keyword, broken.told, broken.schema, node, broken.value, broken.path
        )
        findings.add(code, message, node.span, broken.path, help=help)


# --- keys ----------------------------------------------------------------------------------------


def _report_keys(broken: Broken, root: Node, findings: Findings) -> None:
    known = broken.schema.get("properties", {})
    patterns = broken.schema.get("patternProperties", {})
    for key in broken.value:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        path = (*broken.path, key)
        if broken.title in _KINDS or broken.title == "defaults":
            _report_class_key(broken, key, key_span(root, path), findings)
        else:
            _report_argument(broken, key, key_span(root, path), findings)


def _report_argument(broken: Broken, key: str, span: Span, findings: Findings) -> None:
    path = (*broken.path, key)
    if key in DROPPED or (key == "dtype" and broken.title not in LAYERS):
        findings.add("SC111", f"`{key}` of {broken.title} is from Keras 2 and dropped", span, path)
        return
    owner = f" for {broken.title}" if broken.title else ""
    findings.add(
        "SC102",
        f"unknown argument `{name_of(key)}`{owner}",
        span,
        path,
        help=did_you_mean(key, broken.schema.get("properties", {}), "arguments"),
    )


def _report_class_key(broken: Broken, key: str, span: Span, findings: Findings) -> None:
    """Report a key that stands where the name of a class does."""
    registry = _KINDS.get(broken.title, LAYERS)
    known = broken.schema["properties"]
    classes = [name for name in broken.value if name in known and name not in _NO_CLASSES]
    path = (*broken.path, key)
    if key in PLANNED and registry is LAYERS:
        _report_planned(key, span, path, findings)
    elif broken.title == "defaults" or not (classes or "class_name" in broken.value):
        _report_unknown(registry.kind, key, known, span, path, findings)
    elif "class_name" in broken.value:
        _report_beside("class_name", key, "arguments belong under `config`", span, path, findings)
    else:
        _report_beside(classes[0], key, _way_out(registry, classes[0], key), span, path, findings)


_NO_CLASSES = LONG_FORM | ENVELOPE


def _way_out(registry: Registry[Any], name: str, key: str) -> str:
    arguments = ("layers", "input_shape") if name == NETWORK else declared(registry, name) or ()
    if nearest(key, arguments) == key:
        return f"indent it, so that it stands under `{name}`"
    return "the user's own keys start with `x-`"


def _report_beside(
    name: str, key: str, help: str, span: Span, path: Path, findings: Findings
) -> None:
    findings.add("SC102", f"unknown key `{name_of(key)}` beside `{name}`", span, path, help=help)


def _report_missing(broken: Broken, root: Node, findings: Findings) -> None:
    """Report a missing key; a class's missing arguments are told with `defaults` in mind."""
    if not broken.title:
        missing = next(key for key in broken.told if key not in broken.value)
        span = key_span(root, broken.path)
        findings.add("SC103", f"`{missing}` is missing", span, broken.path)


# --- names ---------------------------------------------------------------------------------------


def _report_name(broken: Broken, span: Span, findings: Findings) -> None:
    kind = broken.title.removesuffix(" name")
    if broken.value in PLANNED and kind == LAYERS.kind:
        _report_planned(broken.value, span, broken.path, findings)
    else:
        _report_unknown(kind, broken.value, broken.told, span, broken.path, findings)


def _report_unknown(
    kind: str, name: str, known: Iterable[str], span: Span, path: Path, findings: Findings
) -> None:
    names = [candidate for candidate in known if candidate not in _NO_CLASSES]
    help = did_you_mean(name, names, f"{kind}s")
    findings.add("SC101", f"unknown {kind} `{name_of(name)}`", span, path, help=help)


def _report_planned(name: str, span: Span, path: Path, findings: Findings) -> None:
    findings.add(
        "SC110",
        f"`{name}` cannot be built by this version of sepconv",
        span,
        path,
        help=f"it builds {', '.join([*LAYERS, NETWORK])}",
    )
