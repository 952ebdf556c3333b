"""On what a run took place."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.peers import Peer
from sepconv.cli.bench import machine


def describe_machine(peers: Iterable[type[Peer]]) -> dict[str, Any]:
    """CPU, date, instruction set and the versions of all peers, as JSON types."""
    packages = {module.partition(".")[0] for peer in peers for module in peer.requires}
    return {
        **machine.described(),
        "kernel": _kernel_info(),
        "versions": {name: v for name in sorted(packages | {"numpy"}) if (v := _version(name))},
    }


def _kernel_info() -> dict[str, Any]:
    """What sepconv's core says of itself, or why it says nothing."""
    try:
        return dict(import_module("sepconv").kernel_info())
    except ImportError as error:
        return {"absent": str(error)}


def _version(package: str) -> str | None:
    """The installed version; `tensorflow` may come as a distribution of another name."""
    for distribution in (package, f"{package}-cpu"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None
