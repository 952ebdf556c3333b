"""What is shipped: an sdist that builds, and a wheel that works where nothing else lies around."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ["setup.py", "pyproject.toml", "MANIFEST.in", "sepconv", "schemas"]
SOURCES = [*CODE, "README.md", "LICENSE"]

USE = """
import pathlib, sys
import numpy as np
import sepconv
assert pathlib.Path(sepconv.__file__).is_relative_to(sys.argv[1]), sepconv.__file__
layer = sepconv.load("layer.yaml")
print(layer(np.ones((4, 10, 12), "float32")).shape, sepconv.kernel_info()["isa"])
"""


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist that is built from the sources."""
    folder = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for built in (folder / "sepconv").glob("_core*.so"):
        built.unlink()
    run(sys.executable, "-m", "build", "--no-isolation", cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def test_wheel_holds_schemas_types_and_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {f"sepconv/schemas/{path.name}" for path in (ROOT / "schemas").glob("*.json")}
    assert shipped
    assert shipped | {"sepconv/py.typed", "sepconv/_core.pyi"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".pyx", ".cpp", ".h"))]


def test_installed_wheel_computes_and_validates(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", installed, wheel,
        cwd=tmp_path)  # fmt: skip
    (tmp_path / "layer.yaml").write_text(
        "SeparableConv1D: {filters: 4, kernel_size: 4, strides: 2, activation: relu}\n"
    )
    path = {"PYTHONPATH": str(installed)}
    assert run(sys.executable, "-c", USE, installed, cwd=tmp_path, **path).startswith("(4, 4, 4)")
    out = run(sys.executable, "-m", "sepconv", "validate", "layer.yaml", cwd=tmp_path, **path)
    assert out == "1 file: no errors\n"
    listed = run(sys.executable, "-m", "sepconv", "schema", cwd=tmp_path, **path)
    assert "SeparableConv1D" in listed
    timed = run(
        sys.executable, "-m", "sepconv", "bench", "--seconds", "0.001", cwd=tmp_path, **path
    )
    assert "quartz_k75" in timed
