#!/usr/bin/env bash
# The core's tests under AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of the sources
# so that the installed build stays as it is. Usage: tests/sanitize.sh [python] [pytest arguments]
set -euo pipefail
python=$(realpath -s "${1:-python}")
shift || true
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r setup.py pyproject.toml README.md LICENSE MANIFEST.in sepconv schemas tests "$copy"
rm -f "$copy"/sepconv/_core*.so "$copy"/sepconv/_core.cpp
cd "$copy"
SEPCONV_SANITIZE=address,undefined "$python" setup.py -q build_ext --inplace

compiler=${CXX:-g++}
preload=""
for library in libasan.so libubsan.so libstdc++.so; do
  preload+="$("$compiler" -print-file-name="$library"):"
done
export LD_PRELOAD="$preload"
# Leaks are Python's own caches; a refused allocation has to come back as NULL, as without ASan.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export PYTHONPATH="$copy:$copy/tests"
for isa in $("$python" -c 'from sepconv import _core; print(*_core.kernel_info()["available"])'); do
  echo "sanitized: $isa"
  # Limits on address space and forked children are not for a process with ASan's shadow memory.
  SEPCONV_ISA=$isa "$python" -m pytest -q -p no:cacheprovider -o addopts= \
    -k "not working_memory and not child and not interruptible" \
    tests/test_core_geometry.py tests/test_core_activations.py tests/test_core_memory.py \
    tests/test_core_threads.py tests/test_core_storage.py tests/test_core_convolution.py \
    tests/test_core_convolution_gradients.py tests/test_core_by_channel.py \
    tests/test_core_gradients.py tests/test_core_gradients_runs.py \
    tests/test_core_chain.py tests/test_core_split.py tests/test_core_split_gradients.py \
    tests/test_ops.py "$@"
done
