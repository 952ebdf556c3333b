"""Saving in one step: whatever happens meanwhile, there is the old file or the new one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sepconv import Input, SeparableConv1D, Sequential

MODELS = [".keras", ".safetensors"]
SUFFIXES = [".npz", ".weights.h5", *MODELS]


def built(value: float = 0.0) -> Sequential:
    ones = {"class_name": "Constant", "config": {"value": value}}
    layer = SeparableConv1D(
        64, 3, depthwise_initializer=ones, pointwise_initializer=ones, name="front"
    )
    return Sequential([Input((10, 64)), layer], name="net")


def save(model: Sequential, path: Path) -> None:
    if path.suffix in MODELS:
        model.save(path)
    else:
        model.save_weights(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_failed_save_keeps_the_good_file_and_leaves_no_other(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"w{suffix}"
    save(built(), path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save(built(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


SAVING = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_saving_atomic import built, save
models = [built(1.0), built(2.0)]
while True:
    for model in models:
        save(model, Path(sys.argv[2]))
        print("saved", flush=True)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_save_that_is_killed_at_any_moment_leaves_a_whole_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    whole = set()
    for value in (1.0, 2.0):  # the same model gives the same bytes
        save(built(value), path)
        whole.add(path.read_bytes())
    rng = random.Random(suffix)
    for _ in range(6):
        path.unlink()
        command = [sys.executable, "-c", SAVING, str(Path(__file__).parent), str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            assert saving.stdout.readline() == b"saved\n"
            time.sleep(rng.uniform(0, 0.03))
            saving.kill()
        assert path.read_bytes() in whole


def test_file_and_folder_are_flushed_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        told.append("fsync folder" if folder else "fsync file")
        fsync(descriptor)

    def noted_replace(*paths: Any) -> None:
        told.append("replace")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    built().save_weights(tmp_path / "w.npz")
    assert told == ["fsync file", "replace", "fsync folder"]


def test_saved_file_keeps_its_permissions_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    built().save_weights(real)
    real.chmod(0o640)
    link.symlink_to(real)
    layer = built()
    layer.save_weights(link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    built().load_weights(real)


def test_new_file_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        built().save_weights(tmp_path / "w.npz")
    finally:
        os.umask(old)
    assert (tmp_path / "w.npz").stat().st_mode & 0o777 == 0o640
