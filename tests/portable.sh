#!/usr/bin/env bash
# Compiles the kernels with Clang for machines that are not here. Usage: tests/portable.sh [python]
# The python has the package ziglang, which is a Clang with the headers of each of them.
set -euo pipefail
python=${1:-python}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
for target in aarch64-linux-gnu aarch64-macos x86_64-macos; do
  for source in $(ls sepconv/kernels/*.cpp | grep -v amx.cpp); do
    "$python" -m ziglang c++ -target "$target" -std=c++17 -O3 -ffp-contract=fast -Wall -Wextra \
      -Werror -DSEPCONV_ISA=generic -c "$source" -o "$objects/kernels.o"
  done
  echo "compiled for $target"
done
"$python" -m ziglang c++ -target x86_64-linux-gnu -std=c++17 -O3 -ffp-contract=fast -Wall -Wextra \
  -Werror -DSEPCONV_ISA=amx -mcpu=sapphirerapids -c sepconv/kernels/amx.cpp -o "$objects/amx.o"
echo "compiled for AMX"
