"""Whole networks on one batch, of sepconv and of ONNX Runtime: `python -m benchmarks.networks`.

ONNX Runtime gets the file that `sepconv.export` writes of the network with channels first, so
that it need not transpose; and the same rewritten with 2-D convolutions.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.peers.networks import NETWORK_PEERS
from benchmarks.run import options_parser, run_as_told
from benchmarks.workloads.networks import CALLS


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, print the table, write JSON and plot. Returns the exit code."""
    parser = options_parser(
        "python -m benchmarks.networks", "one call of a network", CALLS, NETWORK_PEERS
    )
    return run_as_told(parser.parse_args(arguments), CALLS, NETWORK_PEERS, "networks")


if __name__ == "__main__":
    sys.exit(main())
