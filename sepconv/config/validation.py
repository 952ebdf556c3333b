"""The three passes over a file, one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sepconv.config import networks
from sepconv.config.findings import Finding, Findings
from sepconv.config.forms import document, training
from sepconv.config.nodes import Node, Scalar, Table
from sepconv.config.reading import read
from sepconv.config.specs import Spec
from sepconv.config.words import name_of

FORMAT = (1, 0)  # the version that is read: sepconv/1


@dataclass(frozen=True, slots=True)
class Checked:
    """A file after all passes: what each document declares, and every finding in file order."""

    specs: tuple[Spec | None, ...]
    findings: tuple[Finding, ...]
    plans: tuple[Spec | None, ...] = ()  # the `training` sections

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def validate(
    raw: bytes,
    filename: str,
    input_shape: Sequence[int | None] | None = None,
    overrides: Sequence[str] = (),
) -> Checked:
    """Return what a config file declares and everything that is wrong with it.

    Arguments:
        raw: the file's bytes.
        filename: for the findings; JSON when it ends with `.json`, else YAML.
        input_shape: of one example, such as (49, 40), the batch left out.
        overrides: `path=value` each, above what the file says.

    Raises:
        ValidationError: an override's path leads nowhere.

    >>> checked = validate(b"SeparableConv1D: {filters: 4, kernal_size: 3}", "kws.yaml")
    >>> [(f.code, f.span.line, f.span.column, f.help) for f in checked.findings]
    [('SC102', 1, 31, 'did you mean `kernel_size`?')]
    """
    specs: list[Spec | None] = []
    plans: list[Spec | None] = []
    found: list[Finding] = []
    for read_document in read(raw, filename):
        findings = read_document.findings
        root = read_document.root
        if root is not None and overrides:
            from sepconv.config.overrides import apply as override  # which loads PyYAML

            root = override(root, overrides, findings)
        spec = check(root, findings, input_shape) if root is not None else None
        specs.append(spec)
        plans.append(None if root is None else training(root, Findings("")))
        found += findings
    return Checked(tuple(specs), tuple(found), tuple(plans))


def check(
    root: Node, findings: Findings, input_shape: Sequence[int | None] | None = None
) -> Spec | None:
    """Return what a document that has been read declares, and add what is wrong with it."""
    if not isinstance(root, Table):
        findings.add(
            "SC106",
            "a config is a mapping: a layer's name, then its arguments",
            root.span,
            help=f"write `{root.value}: {{...}}`"
            if isinstance(root, Scalar) and isinstance(root.value, str) and len(root.value) < 40
            else None,
        )
        return None
    from sepconv.config import schema_pass  # which loads jsonschema: a good model needs none

    _check_format(root, findings)
    schema_pass.check(root, findings)
    spec = document(root, findings)
    outputs = [] if spec is None else networks.check_document(spec, findings, input_shape)
    plan = training(root, findings)
    if plan is not None:
        from sepconv.config.training_checks import check_plan  # which loads all of training

        check_plan(plan, spec, outputs, findings)
    return spec


def _check_format(root: Table, findings: Findings) -> None:
    node = root.get("format")
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return
    match = re.fullmatch(r"sepconv/([0-9]{1,6})(?:\.([0-9]{1,6}))?", node.value)
    if not match or int(match[1]) != FORMAT[0]:
        findings.add(
            "SC108",
            f"unknown format `{name_of(node.value)}`",
            node.span,
            ("format",),
            help=f"write `sepconv/{FORMAT[0]}`",
        )
    elif int(match[2] or 0) > FORMAT[1]:
        findings.add(
            "SC109",
            f"{node.value} is newer than sepconv/{FORMAT[0]}, which this version reads",
            node.span,
            ("format",),
        )
