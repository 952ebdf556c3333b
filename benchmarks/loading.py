"""Time and memory from a fresh process to the first prediction of a `.keras` file.

`python -m benchmarks.loading` makes a file with Keras, a stack of separable convolutions for
sequences as in sepCNN, loads it in fresh processes of sepconv and of Keras, and prints the best of
five: seconds from exec to the prediction, and the peak of resident memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
# numpy's import draws a pool of BLAS threads that neither program uses here.
ENVIRON = {**os.environ, "KERAS_BACKEND": "jax", "OPENBLAS_NUM_THREADS": "1"}

MAKE = """
import sys, keras
L = keras.layers
layers = [L.Input((500, 64))]
for filters in (64, 64, 128, 128):
    layers += [L.SeparableConv1D(filters, 3, padding="same", activation="relu") for _ in range(2)]
    layers += [L.MaxPooling1D(3, padding="same")]
keras.Sequential([*layers, L.GlobalAveragePooling1D()]).save(sys.argv[1])
"""
SEPCONV = """
import sys, numpy, sepconv
model = sepconv.load(sys.argv[1])
y = model.predict(numpy.ones((1, 500, 64), "float32"))
"""
KERAS = """
import sys, numpy, keras
model = keras.models.load_model(sys.argv[1])
y = model.predict(numpy.ones((1, 500, 64), "float32"), verbose=0)
"""
# VmHWM is of this program alone; a child's ru_maxrss begins with that of its parent's fork.
PEAK = """
print(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")))
"""


def measured(program: str, path: Path) -> tuple[float, float]:
    """Return the seconds that `program` takes with a file, and the MiB at its peak."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + PEAK, str(path)],
        env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - start, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sepcnn.keras"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE, str(path)],
            env=ENVIRON, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        best = {}
        for name, program in (("sepconv", SEPCONV), ("keras", KERAS)):
            runs = [measured(program, path) for _ in range(RUNS)]
            best[name] = (min(seconds for seconds, _ in runs), min(mib for _, mib in runs))
            print(f"{name:8} {best[name][0]:6.3f} s  {best[name][1]:6.1f} MiB")
        for what, ours, theirs in zip(
            ("time", "memory"), best["sepconv"], best["keras"], strict=True
        ):
            print(f"{what}: 1/{theirs / ours:.1f} of Keras's")


if __name__ == "__main__":
    main()
