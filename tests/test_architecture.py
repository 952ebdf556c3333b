"""The house: imports point down only, and loading a name loads no more than it needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sepconv"

# From the roof down. A module may import from its own storey and from those below.
STOREYS = (
    ("cli", "__main__"),
    ("config",),
    ("saving", "onnx"),
    ("models",),
    ("training",),
    ("callbacks", "losses", "metrics", "optimizers"),
    ("layers",),
    ("initializers", "activations", "regularizers", "constraints", "ops", "dtypes"),
    ("core",),
    ("rules",),
    ("registry", "declaration", "arrays", "weights"),
    ("errors", "threads"),
)
STOREY = {name: height for height, names in enumerate(reversed(STOREYS)) for name in names}

# Libraries that stay in one place.
AT_HOME = {
    "yaml": {"config"},
    "jsonschema": {"config"},
    "referencing": {"config"},
    "onnx": {"onnx"},
}


def modules() -> list[Path]:
    return [
        path
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" or path.parent != PACKAGE
    ]


def part(path: Path) -> str:
    """Return the top-level part of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Return the dotted names a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(str(node.module))
            if node.module == "sepconv":
                names |= {f"sepconv.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_below(path: Path) -> None:
    here = part(path)
    assert here in STOREY, f"give `{here}` a storey"
    for name in imported(path):
        package, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if package != "sepconv" or target in ("", "_core", "__version__"):
            continue
        assert STOREY[target] <= STOREY[here], f"{here} may not import {name}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, those for types alone do not."""
    files = {dotted(path): path for path in modules()}
    graph = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text())
        tree.body = [node for node in tree.body if not _is_for_types(node)]
        named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        found = {f"{node.module}.{alias.name}" for node in named for alias in node.names}
        found = {one if one in files else one.rpartition(".")[0] for one in found}
        graph[name] = (found & files.keys()) - {name}
    list(TopologicalSorter(graph).static_order())  # which raises CycleError, with the circle


def dotted(path: Path) -> str:
    """Return the name by which a file is imported."""
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("library", AT_HOME)
def test_library_stays_in_its_part(library: str) -> None:
    users = {
        part(path) for path in modules() if library in {n.split(".")[0] for n in imported(path)}
    }
    assert users == AT_HOME[library]


def test_what_benchmarks_compute_knows_none_of_who_computes_it() -> None:
    for path in (PACKAGE.parent / "benchmarks" / "workloads").glob("*.py"):
        own = {name for name in imported(path) if name.startswith("benchmarks")}
        assert all(name.startswith("benchmarks.workloads") for name in own), path


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import sepconv", ("numpy", "yaml", "jsonschema", "rich", "sepconv._core")),
        ("import sepconv.layers", ("yaml", "jsonschema", "rich", "sepconv._core")),
        ("import sepconv.config", ("sepconv._core",)),
        (
            "import sepconv; sepconv.load",
            ("yaml", "jsonschema", "hashlib", "h5py", "safetensors", "sepconv._core"),
        ),
        (
            "import sepconv.models; sepconv.load",
            ("difflib", "sepconv.losses", "sepconv.callbacks", "sepconv.training.loop"),
        ),
        (
            "import sepconv; sepconv.register()(type('Own', (), {}))\n"
            "from sepconv.config import kinds; kinds.names(kinds.LAYERS)",
            ("sepconv.losses", "sepconv.callbacks", "sepconv.metrics", "sepconv.optimizers"),
        ),
    ],
)
def test_import_loads_no_more_than_it_needs(statement: str, absent: tuple[str, ...]) -> None:
    code = f"{statement}; import sys; print(*[m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_contributors_page_draws_the_storeys() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.findall(
        r"^ {4,}(?:└ )?([\w, ]+)$", text.split("Imports point down")[1], re.MULTILINE
    )
    storeys = [set(line.split(", ")) for line in drawn[: len(STOREYS)]]
    assert storeys == [{name for name in names if name[0] != "_"} for names in STOREYS]


@pytest.mark.parametrize("name", sorted({part(path) for path in modules()}))
def test_contributors_page_tells_what_lives_in_each_part(name: str) -> None:
    rooms = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## ")[1]
    assert re.search(rf"`(sepconv/)?{name}(/|\.py)`", rooms)
