"""The first pass: bytes to documents whose every node knows its line and column."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from sepconv.config import json_reader
from sepconv.config.binaries import binary
from sepconv.config.findings import Findings
from sepconv.config.limits import MAX_BYTES
from sepconv.config.nodes import Node, Scalar, Span

START = Span(1, 1, 1, 1)
# Control characters, other line breaks than LF and CR, byte-order marks within the text.
_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file; no root when its text could not be read to the end."""

    root: Node | None
    findings: Findings


def read(raw: bytes, filename: str) -> list[Document]:
    """Return the documents in `raw`; JSON when `filename` ends with `.json`, else YAML.

    >>> (document,) = read(b"Dense: {units: 4}", "dense.yaml")
    >>> document.root.data()
    {'Dense': {'units': 4}}
    """
    findings = Findings(filename)
    found = binary(raw, filename)
    if found is not None:
        what, help = found
        findings.add("SC001", f"the file holds {what}, not YAML or JSON text", START, help=help)
        return [Document(None, findings)]
    text = decoded(raw, findings)
    if text is None:
        return [Document(None, findings)]
    if filename.lower().endswith(".json"):
        documents = [Document(*json_reader.document(text, filename))]
    else:
        from sepconv.config import yaml_reader  # which loads PyYAML: JSON needs none

        documents = [Document(*found) for found in yaml_reader.documents(text, filename)]
    if not documents or all(_is_empty(document) for document in documents):
        findings.add("SC010", "the file holds no layer or network", START)
        return [Document(None, findings)]
    return documents


def source_lines(raw: bytes, filename: str) -> list[str]:
    """Return the lines of a file as the readers count them; none of a binary file."""
    return [] if binary(raw, filename) else raw.decode("utf-8-sig", errors="replace").splitlines()


def decoded(raw: bytes, findings: Findings) -> str | None:
    """Return the text of `raw`; None, and a finding, if it is not to be read."""
    if len(raw) > MAX_BYTES:
        findings.add("SC010", f"the file has {len(raw):,} bytes; {MAX_BYTES:,} are allowed", START)
        return None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        findings.add("SC001", "the file is UTF-16", START, help="save it as UTF-8")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace")
        findings.add(
            "SC001",
            f"byte 0x{raw[error.start]:02x} is not UTF-8",
            _end(before),
            help="save the file as UTF-8",
        )
        return None
    refused = _REFUSED.search(text)
    if refused:
        findings.add(
            "SC001",
            f"the file holds the character U+{ord(refused.group()):04X}",
            _end(text[: refused.start()]),
            help="take it out, or write it as an escape in quotes",
        )
        return None
    return text


def _end(text: str) -> Span:
    """Return the place behind the last character of `text`."""
    line = text.count("\n") + 1
    column = len(text) - (text.rfind("\n") + 1) + 1
    return Span(line, column, line, column)


def _is_empty(document: Document) -> bool:
    root = document.root
    return isinstance(root, Scalar) and root.value is None and not document.findings.found
