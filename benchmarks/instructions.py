"""Instructions a call, counted by callgrind: the figure that does not depend on noise.

`python -m benchmarks.instructions` compares with the counts kept in instructions.json and exits 1
when one has grown by more than 3 %; `--write` keeps the new ones. Valgrind knows no AVX-512, so the
AVX2 kernels are counted, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.workloads import BY_NAME

KEPT = Path(__file__).with_name("instructions.json")
ISA = "avx2"
COUNTED = ("kws_b1", "quartz_b1_k33", "page")
# Calls: the difference leaves out start-up, packing, and the calls in which CPython specialises.
FEW, MANY = 16, 24
TOLERANCE = 0.03  # four counts of `page`, nearly all interpreter, spread by 1.8 %

# Run under callgrind: a built layer, called as often as the argument says.
SCRIPT = """
import sys
import sepconv
from benchmarks.peers import Sepconv
from benchmarks.workloads import BY_NAME
form = next(Sepconv(1).forms(BY_NAME[sys.argv[1]]))
for _ in range(int(sys.argv[2])):
    form.call()
"""


def instructions_a_call(workload: str) -> int:
    """Instructions of one call of a built layer, the Python side included."""
    few, many = (_total(workload, calls) for calls in (FEW, MANY))
    return round((many - few) / (MANY - FEW))


def _total(workload: str, calls: int) -> int:
    """All instructions of a process that calls the layer so often."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"),
                *(sys.executable, "-c", SCRIPT, workload, str(calls)),
            ],
            check=True,
            # A fixed hash seed: dictionary probes are instructions too.
            env={**os.environ, "PYTHONHASHSEED": "0", "SEPCONV_ISA": ISA, "OMP_NUM_THREADS": "1"},
        )
        return total_in(out.read_text(encoding="utf-8"))


def total_in(profile: str) -> int:
    """The total of a callgrind file.

    >>> total_in("events: Ir\\nsummary: 123\\ntotals: 123\\n")
    123
    """
    found = re.search(r"^(?:totals|summary): (\d+)", profile, re.MULTILINE)
    if found is None:
        raise ValueError("no totals in the callgrind file")
    return int(found[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, compare or keep. Returns 1 when a count has grown, 2 without valgrind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions")
    parser.add_argument("--write", action="store_true", help=f"keep the counts in {KEPT.name}")
    options = parser.parse_args(arguments)
    console = Console()
    if shutil.which("valgrind") is None:
        console.print("valgrind is not installed: nothing counted")
        return 2
    counts = {name: instructions_a_call(name) for name in COUNTED}
    kept = json.loads(KEPT.read_text(encoding="utf-8"))["counts"] if KEPT.exists() else {}
    console.print(_table(counts, kept))
    if options.write:
        content = {"isa": ISA, "threads": 1, "unit": "instructions a call", "counts": counts}
        KEPT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        console.print(f"wrote {KEPT.name}")
        return 0
    return 1 if grown(counts, kept) else 0


def grown(counts: dict[str, int], kept: dict[str, int]) -> list[str]:
    """The workloads whose count has grown by more than the tolerance.

    >>> grown({"a": 104, "b": 90}, {"a": 100, "b": 100})
    ['a']
    """
    return [name for name, n in counts.items() if name in kept and n > kept[name] * (1 + TOLERANCE)]


def _table(counts: dict[str, int], kept: dict[str, int]) -> Table:
    table = Table("workload", title=f"instructions a call, {ISA}, 1 thread")
    for column in ("now", "kept", "change", "flops an instruction"):
        table.add_column(column, justify="right")
    for name, count in counts.items():
        before = kept.get(name)
        change = "–" if before is None else f"{count / before - 1:+.2%}"
        flops = f"{BY_NAME[name].flops / count:.2f}"
        table.add_row(name, f"{count:,}", "–" if before is None else f"{before:,}", change, flops)
    return table


if __name__ == "__main__":
    sys.exit(main())
