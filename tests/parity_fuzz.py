"""`python -m tests.parity_fuzz --configs 5000`: random layers here and in Keras on PyTorch.

Prints how many agreed, each explained kind of difference with its count, and every unexplained
difference with the case that shows it. The exit code is 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from parity.compare import Difference, compare
from parity.configs import Case, random_case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--backend", default="torch")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(KERAS_BACKEND=options.backend, KERAS_HOME=home, JAX_ENABLE_X64="1")
        import keras

        keras.config.disable_traceback_filtering()
        print(f"keras {keras.__version__} on {keras.backend.backend()}, seed {options.seed}")
        return 1 if report(keras, options.configs, options.seed) else 0


def report(keras: Any, count: int, seed: int) -> int:
    """Run `count` cases, print what differed, and return the number of unexplained cases."""
    rng = np.random.default_rng(seed)
    explained: Counter[str] = Counter()
    agreed = refused = unexplained = 0
    start = time.monotonic()
    for number in range(count):
        case = random_case(rng)
        found, both_refuse = compare(case, keras)
        agreed += not found
        refused += both_refuse
        explained.update({difference.reason for difference in found if difference.reason})
        open_ones = [difference for difference in found if difference.reason is None]
        if open_ones:
            unexplained += 1
            show(number, case, open_ones)
    print(f"{count} configurations in {time.monotonic() - start:.0f} s")
    print(f"  {agreed:5d} agree in all, {refused} of them by refusing the configuration")
    for reason, times in explained.most_common():
        print(f"  {times:5d} explained: {reason}")
    print(f"{unexplained} unexplained")
    return unexplained


def show(number: int, case: Case, found: list[Difference]) -> None:
    print(f"#{number} {case}")
    for difference in found:
        print(f"   {difference.what}\n      sepconv {difference.ours[:300]}")
        print(f"      keras   {difference.keras[:300]}")


if __name__ == "__main__":
    sys.exit(main())
