"""One training step of a layer: forward, backward and Adam's update, of sepconv and its peers.

The layer stands in the middle of a network: the gradient by its output is given, and that by its
input is computed too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.peers.trainers import TRAINERS
from benchmarks.run import options_parser, run_as_told
from benchmarks.workloads.training import STEPS


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, print the table, write JSON and plot. Returns the exit code."""
    parser = options_parser(
        "python -m benchmarks.training", "one training step of a layer", STEPS, TRAINERS
    )
    return run_as_told(parser.parse_args(arguments), STEPS, TRAINERS, "training")


if __name__ == "__main__":
    sys.exit(main())
