"""Builds `sepconv._core`: the kernels once for each instruction set, and what chooses among them.

Nothing here looks at the CPU of the machine that builds, and no flag relaxes floating-point rules.

Environment: `SEPCONV_SANITIZE=address,undefined` builds with these sanitizers.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("sepconv/kernels")
HEADERS = sorted(map(str, KERNELS.glob("*.h")))
INCLUDES = sorted(map(str, Path("sepconv").glob("*.pxi")))  # of _core.pyx
# -fno-math-errno and -fno-trapping-math concern errno and exception flags alone, no value.
FLAGS = ["-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
# Vectors passed between inlined functions never meet the ABI that this warning is about.
FLAGS += ["-fvisibility=hidden", "-Wno-psabi"]
if sanitizers := os.environ.get("SEPCONV_SANITIZE"):
    # Lines for stack traces, no variables: to follow those through unrolled and instrumented
    # blocks costs the compiler many times what the code itself does.
    EXTRA = [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer", "-g1", "-O1"]
else:
    EXTRA = ["-g0"]  # Python's own flags ask for debug information

AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
AVX512 += ["-mprefer-vector-width=512"]
AMX = ["-mamx-tile", "-mamx-bf16"]
# {instruction set: (its source, its flags)}
X86_64 = {
    "baseline": ("kernels.cpp", []),
    "avx2": ("kernels.cpp", AVX2),
    "avx512": ("kernels.cpp", AVX512),
}
X86_64_LINUX = {**X86_64, "amx": ("amx.cpp", [*AVX512, *AMX])}
ELSEWHERE = {"generic": ("kernels.cpp", [])}

PROBE = """
#include <%s>
int main() { return %s; }
"""


def target_is_x86_64() -> bool:
    """Whether the interpreter that builds, and so the extension, is x86-64 code."""
    return platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32


class BuildKernels(build_ext):
    """Compiles the kernels into one folder of objects an instruction set."""

    def build_extension(self, ext: Extension) -> None:
        openmp, can_pause = (
            self.links("omp.h", "omp_get_max_threads()", "-fopenmp"),
            self.links("omp.h", "omp_pause_resource_all(omp_pause_soft)", "-fopenmp"),
        )
        threads = ["-fopenmp"] if openmp else []
        isas = self.instruction_sets()
        ext.extra_compile_args = [*FLAGS, *EXTRA, *threads]
        ext.extra_link_args = [*EXTRA, *threads]
        ext.define_macros += [("SEPCONV_X86", None)] if "baseline" in isas else []
        ext.define_macros += [("SEPCONV_AMX", None)] if "amx" in isas else []
        ext.define_macros += [("SEPCONV_OMP_PAUSE", None)] if can_pause else []
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each a process of the compiler
            ext.extra_objects = list(pool.map(self.compile_kernels, isas, isas.values()))
        super().build_extension(ext)

    def instruction_sets(self) -> dict[str, tuple[str, list[str]]]:
        if not target_is_x86_64():
            return ELSEWHERE
        known = self.links("immintrin.h", "(_tile_release(), 0)", *AMX)  # by GCC since 11
        return X86_64_LINUX if known and sys.platform == "linux" else X86_64

    def compile_kernels(self, isa: str, kernels: tuple[str, list[str]]) -> str:
        name, flags = kernels
        (built,) = self.compiler.compile(
            [str(KERNELS / name)],
            output_dir=str(Path(self.build_temp) / isa),
            macros=[("SEPCONV_ISA", isa)],
            extra_postargs=[*FLAGS, *EXTRA, *flags],
            depends=HEADERS,
        )
        return str(built)

    def links(self, header: str, expression: str, *flags: str) -> bool:
        """Whether a program with this expression compiles and links."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.cpp")
            source.write_text(PROBE % (header, expression))
            compiler = getattr(self.compiler, "compiler_cxx", None) or ["c++"]
            command = [compiler[0], *flags, str(source), "-o", str(Path(folder, "probe"))]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0


# for any instruction set
SHARED = (
    "chain.cpp",
    "dispatch.cpp",
    "gradient_schedule.cpp",
    "schedule.cpp",
    "weight_gradient.cpp",
)
core = Extension(
    "sepconv._core",
    ["sepconv/_core.pyx", *(str(KERNELS / name) for name in SHARED)],
    depends=[*HEADERS, *INCLUDES],
    language="c++",
    include_dirs=["sepconv", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
)

setup(
    ext_modules=cythonize([core], language_level=3),
    cmdclass={"build_ext": BuildKernels},
    packages=[*find_packages(include=["sepconv*"]), "sepconv.schemas"],
    package_dir={"sepconv.schemas": "schemas"},
    package_data={"sepconv": ["py.typed", "*.pyi"], "sepconv.schemas": ["*.json"]},
    include_package_data=False,
)
