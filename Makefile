# Each target sets up what it needs in .venv. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORE   := setup.py pyproject.toml $(wildcard sepconv/*.pyx sepconv/*.px? sepconv/kernels/*)
PYTEST := $(BIN)/python -m pytest
FUZZ_EXAMPLES ?= 20000
FUZZ_FLIPS ?= 3000

.PHONY: help demo test lint bench scaling instructions sanitize portable fuzz parity editor schemas dist clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## run the main job on real speech
	$(BIN)/python examples/demo.py

test: $(VENV)/installed-test  ## run the tests
	$(PYTEST) -n 2 --dist loadfile

lint: $(VENV)/installed-lint  ## ruff, mypy and cython-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint --max-line-length 100 sepconv/*.pyx sepconv/*.px?

bench: $(VENV)/installed-bench  ## time sepconv and its peers in one run
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.networks

scaling: $(VENV)/installed  ## time growing lengths, channels, filters and kernels, and their memory
	$(BIN)/python -m benchmarks.scaling

instructions: $(VENV)/installed-bench  ## count instructions with callgrind
	$(BIN)/python -m benchmarks.instructions

sanitize: $(VENV)/installed-test  ## the core's tests under the address and undefined-behaviour sanitizers
	tests/sanitize.sh $(BIN)/python

portable: $(VENV)/installed-portable  ## compile the kernels with Clang for aarch64 and macOS
	tests/portable.sh $(BIN)/python

fuzz: $(VENV)/installed-test  ## long random runs: configs, bytes, shapes
	SEPCONV_FUZZ=$(FUZZ_EXAMPLES) SEPCONV_FLIPS=$(FUZZ_FLIPS) $(PYTEST) -q -m fuzz -n 2

parity: $(VENV)/installed-parity  ## 5,000 random configurations against Keras on PyTorch
	$(BIN)/python -m tests.parity_fuzz --configs 5000

editor: $(VENV)/installed-test  ## the schemas in the real YAML language server (needs npm)
	npm install --silent --no-audit --no-fund --prefix $(VENV)/editor yaml-language-server@2.0.0
	$(BIN)/python -m tests.editor_check $(VENV)/editor/node_modules/.bin/yaml-language-server

schemas: $(VENV)/installed  ## write schemas/ from the declarations
	$(BIN)/python -m sepconv schema --write schemas

dist: $(VENV)/installed-test  ## build the sdist and the wheel
	$(BIN)/python -m build

clean:  ## remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info sepconv/_core*.so sepconv/_core.cpp
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp a set of extras. The package is installed in place, so edits to Python files show at
# once; a change in the core or its build installs anew.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sepconv needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/installed: $(VENV)/bin/python $(CORE)
	@echo "Compiling sepconv into $(VENV), in about a minute ..."
	@$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/installed-%: $(VENV)/installed
	@echo "Installing what '$*' needs into $(VENV) ..."
	@$(BIN)/python -m pip install -q -e ".[$*]"
	@touch $@
