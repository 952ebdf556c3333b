"""Reading: every node knows its place, and no input does what the libraries would let it do."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings, strategies as st
from measuring import cost, resident

from sepconv import config
from sepconv.config.limits import MAX_BYTES, MAX_DEPTH, MAX_JSON_NODES, MAX_NODES
from sepconv.config.nodes import UNREAD, Items, Node, Span, Table, at, key_span
from sepconv.config.reading import Document, read
from sepconv.config.scalars import MAX_INT


def one(text: str | bytes, name: str = "a.yaml") -> Document:
    (document,) = read(text.encode() if isinstance(text, str) else text, name)
    return document


def root(text: str | bytes, name: str = "a.yaml") -> Node:
    document = one(text, name)
    assert not document.findings.found
    assert document.root is not None
    return document.root


def codes(text: str | bytes, name: str = "a.yaml") -> list[str]:
    return [finding.code for document in read(_raw(text), name) for finding in document.findings]


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


# --- what values mean ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("1e-3", 1e-3),
        ("1E3", 1e3),
        ("1.e3", 1e3),
        (".5", 0.5),
        ("+.5", 0.5),
        ("-0", 0),
        ("+7", 7),
        ("3", 3),
        ("3.0", 3.0),
        (str(MAX_INT), MAX_INT),
        (str(-MAX_INT), -MAX_INT),
        ("1.2.3", "1.2.3"),
        ("-", None),
        ("1e", "1e"),
        ("e1", "e1"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("-inf", "-inf"),
        ("=", "="),
        ("he_normal", "he_normal"),
        ("'012'", "012"),
        ('"1e400"', "1e400"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\x41\\u00e9\\U0001F600"', "Aé😀"),
    ],
)
def test_yaml_scalar_means_what_yaml_12_says(text: str, value: object) -> None:
    if text == "-":
        value = [None]
        text = "\n  -"
    node = root(f"key: {text}")
    found = node.data()["key"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(t, "SC005") for t in ("012", "0x1F", "0o17", "0b1", "1_000", "1:30", "-012", "00")],
        *[(t, "SC005") for t in ("2026-11-22", "2026-11-22 10:00:00", "2026-1-2T10:00:00Z")],
        *[(t, "SC007") for t in ("1e400", "-1e400", ".nan", ".NaN", ".inf", "-.inf", "+.INF")],
        *[(t, "SC008") for t in (str(MAX_INT + 1), str(-MAX_INT - 1), "9" * 5000)],
        *[
            (t, "SC006")
            for t in ("!!str a", "!!int 3", "!a b", "! a", "!!binary aGk=", "!!set {a}")
        ],
        ("!!python/name:os.system x", "SC006"),
        ("*nothing", "SC012"),
        ("&a [*a]", "SC012"),
        ("&a {b: *a}", "SC012"),
        ('"\\ud800"', "SC013"),
        ('"\\U00110000"', "SC002"),
        ('"\\xZZ"', "SC002"),
        ("a: b", "SC002"),
        ("@a", "SC002"),
        ("`a`", "SC002"),
        ("[1, 2", "SC002"),
    ],
)
def test_yaml_scalar_that_is_refused(text: str, code: str) -> None:
    assert codes(f"key: {text}\n") == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(t, "SC007") for t in ("NaN", "Infinity", "-Infinity", "1e400")],
        *[(t, "SC002") for t in ("01", "+1", ".5", "1.", "0x1F", "True", "None", "'a'", "tru")],
        *[(t, "SC002") for t in ('"\t"', '"\\x41"', '"a', "", "[1,]", "{,}", "[1 2]", '{"a" 1}')],
        *[(t, "SC002") for t in ("1 2", "// a\n1", "{a: 1}", '"\\u12"', "\ufeff1")],
        *[(t, "SC008") for t in (str(MAX_INT + 1), "9" * 5000)],
        ('"\\ud800x"', "SC013"),
        ('{"a": 1, "\\u0061": 2}', "SC003"),
    ],
)
def test_json_that_is_refused(text: str, code: str) -> None:
    expected = "SC001" if "\ufeff" in text else code
    text = f"  {text}" if "\ufeff" in text else text
    assert codes(text, "a.json") == [expected if text else "SC002"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INT, MAX_INT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 2]), st.sampled_from(["a.json", "a.yaml"]))
def test_json_is_read_as_json_by_both_readers(value: object, indent: int, name: str) -> None:
    text = json.dumps({"": value}, indent=indent)
    assert root(text, name).data() == {"": value}
    assert json.dumps(root(text, name).data()) == json.dumps({"": value})  # 1 is not 1.0 or True


@given(json_values)
def test_json_places_lead_back_to_the_text(value: object) -> None:
    text = json.dumps({"k": value}, indent=1)
    lines = text.split("\n")

    def check(node: Node) -> None:
        span = node.span
        if span.line == span.end_line:
            part = lines[span.line - 1][span.column - 1 : span.end_column - 1]
            assert json.loads(part) == node.data()
        for inner in node.items if isinstance(node, Items) else ():
            check(inner)
        for entry in node.entries.values() if isinstance(node, Table) else ():
            check(entry.value)

    check(root(text, "a.json"))


# --- places --------------------------------------------------------------------------------------

PLACES = """\
a: 1
b:
  - x
  - {c: [10, "é😀", 30], "d": no}
e: |
  text
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a",), (1, 1, 1, 2), (1, 4, 1, 5)),
        (("b",), (2, 1, 2, 2), (3, 3, 4, 33)),
        (("b", 0), (3, 5, 3, 6), (3, 5, 3, 6)),
        (("b", 1, "c"), (4, 6, 4, 7), (4, 9, 4, 23)),
        (("b", 1, "c", 2), (4, 20, 4, 22), (4, 20, 4, 22)),
        (("b", 1, "d"), (4, 25, 4, 28), (4, 30, 4, 32)),
        (("e",), (5, 1, 5, 2), (5, 4, 7, 1)),
    ],
)
def test_yaml_nodes_know_their_places(newline: str, path: tuple, key: tuple, value: tuple) -> None:
    tree = root(PLACES.replace("\n", newline))
    assert key_span(tree, path) == Span(*key)
    assert at(tree, path).span == Span(*value)


def test_places_after_blank_lines_and_comments() -> None:
    tree = root("\n\n  # c\n\r\n# d\na: 1   # e\n\n\n   # f\nb: 2\n")
    assert key_span(tree, ("a",))[:2] == (6, 1)
    assert key_span(tree, ("b",))[:2] == (10, 1)


def test_duplicate_key_names_both_places() -> None:
    (finding,) = one("a: 1\nb: 2\na: 3\n").findings
    assert (finding.code, finding.span[:2]) == ("SC003", (3, 1))
    assert finding.notes[0].span is not None
    assert finding.notes[0].span[:2] == (1, 1)


def test_refused_value_does_not_hide_the_rest() -> None:
    document = one("a: 012\nb: 1e400\nc: !!x y\nd: 4\n")
    assert [finding.code for finding in document.findings] == ["SC005", "SC007", "SC006"]
    assert document.root is not None
    assert document.root.data() == {"a": UNREAD, "b": UNREAD, "c": UNREAD, "d": 4}


def test_merge_key_gives_what_is_not_there() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 0}\n"
    assert root(text).data()["z"] == {"a": 0, "b": 2, "c": 4}


def test_quoted_merge_key_is_a_key() -> None:
    assert root('"<<": 1').data() == {"<<": 1}


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_depth_is_bounded_exactly(name: str) -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "1" + "]" * depth

    assert codes(nested(MAX_DEPTH - 1), name) == []
    assert codes(nested(MAX_DEPTH), name) == ["SC009"]


def test_depth_through_aliases_is_bounded() -> None:
    half = "[" * 20 + "1" + "]" * 20
    assert codes(f"a: &a {half}\nb: [[*a]]\n") == []
    assert codes(f"a: &a {half}\nb: {'[' * 20}*a{']' * 20}\n") == ["SC009"]


@pytest.mark.parametrize(("name", "most"), [("a.yaml", MAX_NODES), ("a.json", MAX_JSON_NODES)])
def test_number_of_values_is_bounded_exactly(name: str, most: int) -> None:
    assert codes(json.dumps([1] * (most - 1)), name) == []
    assert codes(json.dumps([1] * most), name) == ["SC011"]


def test_number_of_values_is_bounded_over_all_documents() -> None:
    assert codes("--- 1\n" * MAX_NODES) == []
    assert codes("--- 1\n" * (MAX_NODES + 1)) == ["SC011"]


def test_file_size_is_bounded_exactly() -> None:
    text = "a: 1\n#"
    assert codes(text + "x" * (MAX_BYTES - len(text))) == []
    assert codes(text + "x" * (MAX_BYTES - len(text) + 1)) == ["SC010"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a: \xff", "SC001"),
        (b"a: \xc3", "SC001"),
        (b"a: \xed\xa0\x80", "SC001"),  # a surrogate in UTF-8
        ("a: 1".encode("utf-16"), "SC001"),
        (b"a: \x00", "SC001"),
        (b"a: \x1b[31m", "SC001"),
        ("a: \u2028".encode(), "SC001"),
        ("a: \x85".encode(), "SC001"),
        (b"", "SC010"),
        (b"\n\n", "SC010"),
        (b"# a\n", "SC010"),
        (b"---\n", "SC010"),
        (b"null\n", "SC010"),
    ],
)
def test_bytes_that_are_no_config(raw: bytes, code: str) -> None:
    assert codes(raw) == [code]


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
HOSTILE = {
    "aliases": BOMB,
    "merges": "a0: &a0 {x: 1}\n"
    + "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: *a{i - 1}}}\n" for i in range(1, 60)),
    "brackets": "[" * 100_000,
    "braces": "{a: " * 100_000,
    "questions": "? " * 300_000,
    "dashes": "- " * 300_000,
    "anchors": "&a " * 300_000,
    "tag": "!" + "a" * 900_000,
    "directive": "%YAML 1." + "9" * 100_000 + "\n--- a\n",
    "comments": "# x\n" * 250_000,
    "line breaks": "\n" * 1_000_000,
    "documents": "---\n" * 250_000,
    "keys": "".join(f"k{i}: 1\n" for i in range(80_000)),
    "unknown keys": json.dumps({f"k{i}": 1 for i in range(30_000)}),
    "unknown layers": json.dumps({"Sequential": {"layers": [{"Nope": {"a": 1}}] * 9_000}}),
    "empty lists": "[" + "[]," * 300_000,
    "digits": "9" * 1_000_000,
    "digits with separators": "1_" * 500_000,
    "base 60": "1:1" * 300_000,
    "point": "0." + "1" * 900_000,
    "escapes": '"' + "\\n" * 400_000,
}


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_file_costs_less_than_a_second_and_64_mib(what: str, name: str) -> None:
    raw, before = HOSTILE[what].encode(), resident()
    checked, seconds, peak = cost(lambda: config.validate(raw, name))
    assert checked.findings
    assert seconds < 1
    assert peak - before < 64 * 2**20


@settings(max_examples=200)
@given(
    st.sampled_from(["|", ">", "|-", ">+", "|2"]),
    st.lists(
        st.sampled_from(["\n", "\n\n\n", "  a\n", "    b\n", "   \n", "\r\n", " \n"]), max_size=9
    ),
)
def test_block_scalar_is_read_as_pyyaml_reads_it(style: str, lines: list[str]) -> None:
    """Empty lines are passed at once here, and one by one there."""
    text = f"k: {style}\n{''.join(lines)}z: 1\n"
    try:
        told = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        told = None
    (document,) = read(text.encode(), "a.yaml")
    assert (document.root is None) == (told is None)
    assert document.root is None or document.root.data()["k"] == told["k"]
