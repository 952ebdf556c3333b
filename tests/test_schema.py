"""The committed schemas are those of the declarations, and say what the validator says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT7

from sepconv import activations, config, constraints, initializers, layers, regularizers
from sepconv.config import schema
from sepconv.config.reading import read
from sepconv.declaration import REQUIRED

ROOT = Path(__file__).parent.parent
COMMITTED = {path.name: json.loads(path.read_text()) for path in ROOT.glob("schemas/*.json")}
KINDS = {
    "initializers": initializers,
    "activations": activations,
    "regularizers": regularizers,
    "constraints": constraints,
}
CORPUS = ROOT / "tests" / "configs"
MODELINE = "# yaml-language-server: $schema=../schemas/sepconv.schema.json\n"

# Findings that a schema can express; the others need the reader or the meaning.
OF_SCHEMA = {"SC101", "SC102", "SC104", "SC105", "SC110"}


def editor() -> Any:
    """Return a plain draft-07 validator over the committed files, as an editor has."""
    resources = [(name, DRAFT7.create_resource(contents)) for name, contents in COMMITTED.items()]
    registry: Any = Registry().with_resources(resources)
    return jsonschema.Draft7Validator(COMMITTED["sepconv.schema.json"], registry=registry)


def inner(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            yield from inner(item)


def test_committed_schemas_are_the_generated_ones() -> None:
    """`make schemas` writes them."""
    done = subprocess.run(
        [sys.executable, "-c", "import json, sepconv.config as c; print(json.dumps(c.schemas()))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == COMMITTED


@pytest.mark.parametrize("name", COMMITTED)
def test_schema_is_valid_draft_7_and_without_alternatives(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(COMMITTED[name])
    for part in inner(COMMITTED[name]):
        assert not {"oneOf", "anyOf"} & set(part)


@pytest.mark.parametrize("name", COMMITTED)
def test_every_reference_leads_somewhere(name: str) -> None:
    for part in inner(COMMITTED[name]):
        if isinstance(part.get("$ref"), str):
            file, _, pointer = part["$ref"].partition("#")
            target = COMMITTED[file or name]
            for step in pointer.strip("/").split("/") if pointer else ():
                target = target[step]


@pytest.mark.parametrize("name", list(layers.registry))
def test_schema_of_a_layer_is_its_signature(name: str) -> None:
    arguments = COMMITTED[f"{name}.schema.json"]["definitions"]["arguments"]
    check_signature(layers.registry[name], arguments)
    required = COMMITTED[f"{name}.schema.json"]["required"]
    assert required == [k for k, a in layers.registry[name].arguments.items() if is_required(a)]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_of_a_kind_are_the_signatures(kind: str) -> None:
    registry = KINDS[kind].registry
    committed = COMMITTED[f"{kind}.schema.json"]
    classes = {registry[name] for name in registry}
    assert {cls.__name__ for cls in classes} <= set(committed["definitions"])
    for cls in classes:
        arguments = committed["definitions"][cls.__name__]
        check_signature(cls, arguments)
        assert arguments["required"] == [k for k, a in cls.arguments.items() if is_required(a)]
    branches = committed["then"]["properties"]
    assert set(registry) <= set(branches)


def is_required(argument: Any) -> bool:
    return argument.default is REQUIRED


def check_signature(cls: Any, arguments: dict[str, Any]) -> None:
    assert list(arguments["properties"]) == list(cls.arguments)
    assert set(arguments["properties"]) == set(cls.__signature__.parameters)
    assert arguments["additionalProperties"] is False
    for name, parameter in cls.__signature__.parameters.items():
        declared = arguments["properties"][name]
        assert declared["description"] == cls.arguments[name].doc
        if parameter.default is parameter.empty:
            assert "default" not in declared
        else:
            default = parameter.default
            expected = list(default) if isinstance(default, tuple) else default
            assert declared["default"] == expected
            assert type(declared["default"]) is type(expected)


def documents(path: Path) -> list[Any]:
    """Return what an editor sees in a file, or nothing where the reader has findings.

    An editor has a reader of its own, which may see another document there.
    """
    found = [*read(path.read_bytes(), path.name)]
    if any(document.findings.found or document.root is None for document in found):
        return []
    return [document.root.data() for document in found if document.root is not None]


def errors_in_an_editor(document: Any) -> list[jsonschema.ValidationError]:
    """Return the errors, but those of arguments that are missing and may stand in `defaults`."""
    has_defaults = isinstance(document, dict) and "defaults" in document
    found = list(editor().iter_errors(document))
    return [error for error in found if not (has_defaults and error.validator == "required")]


@pytest.mark.parametrize("path", sorted(CORPUS.glob("valid/*")), ids=lambda p: p.name)
def test_editor_finds_nothing_in_a_valid_file(path: Path) -> None:
    seen = documents(path)
    assert seen
    assert [error.message for document in seen for error in errors_in_an_editor(document)] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*.yaml")), ids=lambda p: p.name)
def test_editor_finds_nothing_in_the_examples(path: Path) -> None:
    assert path.read_text().startswith(MODELINE)
    (document,) = documents(path)
    editor().validate(document)


# Other words for it: no class is named, an argument is missing, or Keras 2's, which is a warning.
ERRORS_IN_AN_EDITOR = {"SC103", "SC106", "SC111"}
UNSEEN_BY_AN_EDITOR = {
    "json_depth_multiplier_2_0.json": "draft-07 takes 2.0 for an integer",
    "float_for_an_integer.yaml": "draft-07 takes 4.0 for an integer",
    "functional_layer_name_with_slash.yaml": "the schema has no rule for layers' names",
    "config_beside_class.yaml": "`config` may stand where the long form does",
}
INVALID = sorted(path for path in CORPUS.glob("invalid/*") if path.suffix != ".expect")


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.name)
def test_editor_finds_what_a_schema_can_say(path: Path) -> None:
    found = {f.code for f in config.validate(path.read_bytes(), path.name).findings}
    seen = documents(path)
    if not seen:
        assert any(code.startswith("SC0") for code in found)
    elif any(errors_in_an_editor(document) for document in seen):
        assert found & (OF_SCHEMA | ERRORS_IN_AN_EDITOR)
    else:
        assert bool(found & OF_SCHEMA) is (path.name in UNSEEN_BY_AN_EDITOR)


@pytest.mark.parametrize("name", COMMITTED)
def test_type_of_a_default_of_null_stands_first(name: str) -> None:
    """yaml-language-server completes nothing after an argument where another type does."""
    for part in inner(COMMITTED[name]):
        if part.get("default", "") is None and isinstance(part.get("type"), list):
            assert part["type"][0] == "null"


def test_bundle_is_the_same_in_one_file() -> None:
    whole = schema.bundle(config.schemas())
    jsonschema.Draft7Validator.check_schema(whole)
    alone = jsonschema.Draft7Validator(whole, registry=Registry())
    for path in CORPUS.glob("*/*.json"):
        try:
            document = json.loads(path.read_text())
        except ValueError:
            continue
        mine = sorted(error.message for error in alone.iter_errors(document))
        assert mine == sorted(error.message for error in editor().iter_errors(document))


def test_custom_objects_are_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    from sepconv import registry

    class Ramp(initializers.RandomNormal):
        """A ramp."""

    monkeypatch.setitem(registry.registered, "mine>Ramp", Ramp)
    contents = config.schemas()["initializers.schema.json"]
    assert contents["definitions"]["mine>Ramp"]["description"] == "A ramp"
    assert "mine>Ramp" in contents["then"]["properties"]
    assert "mine>Ramp" not in config.schemas()["regularizers.schema.json"]["then"]["properties"]
