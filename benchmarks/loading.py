"""Time and memory from a fresh process to the first prediction of a `.keras` file.

`python -m benchmarks.loading` makes a file with Keras, a stack of separable convolutions for
sequences as in sepCNN, loads it in fresh processes of sepconv and of Keras, and prints the best of
five: seconds from exec to the prediction, and the peak of resident memory. Keras runs on JAX, the
leanest of the backends that it trains with (PyTorch takes more memory, TensorFlow most), and on
NumPy, its backend for predictions alone, which imports JAX for convolutions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
# numpy's import draws a pool of BLAS threads that neither program uses here; an installed package
# has its bytecode, which the first of the runs writes for a checkout.
ENVIRON = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
ENVIRON.pop("PYTHONDONTWRITEBYTECODE", None)

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
PROGRAMS = {  # and the backend of each
    "sepconv": (SEPCONV, ""),
    "Keras on JAX": (KERAS, "jax"),
    "Keras on NumPy": (KERAS, "numpy"),
}
# VmHWM is of this program alone; a child's ru_maxrss begins with that of its parent's fork.
PEAK = """
print(next(l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")))
"""


def measured(program: str, backend: str, path: Path) -> tuple[float, float]:
    """Return the seconds that `program` takes with a file, and the MiB at its peak."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + PEAK, str(path)],
        env={**ENVIRON, "KERAS_BACKEND": backend}, text=True, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - start, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sepcnn.keras"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE, str(path)],
            env={**ENVIRON, "KERAS_BACKEND": "jax"}, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        # In turns: whatever else the machine does then slows all of them.
        runs = [[measured(*program, path) for program in PROGRAMS.values()] for _ in range(RUNS)]
    best = [tuple(map(min, zip(*column, strict=True))) for column in zip(*runs, strict=True)]
    for name, (seconds, mib) in zip(PROGRAMS, best, strict=True):
        print(f"{name:14} {seconds:6.3f} s  {mib:6.1f} MiB")
    for name, (seconds, mib) in list(zip(PROGRAMS, best, strict=True))[1:]:
        print(
            f"sepconv takes 1/{seconds / best[0][0]:.1f} of the time of {name}, "
            f"1/{mib / best[0][1]:.1f} of its memory"
        )


if __name__ == "__main__":
    main()
