# One short command per act. Everything runs in .venv, which `make` creates by itself.
PYTHON ?= python3
SECONDS ?= 600
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz bench clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "linkage needs Python 3.11 or newer; try: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: .venv/installed  ## Three agencies' synthetic files in, linked persons out
	@rm -rf demo
	@$(BIN)/linkage demo demo

test: check  ## Lint, types, architecture, and all tests; kernels with and without the JIT
	$(BIN)/pytest
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest tests/test_kernels.py

check: .venv/installed  ## Lint, types and architecture only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: .venv/installed  ## Throw hostile input at readers and normalisers (SECONDS=600)
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

.venv-clkhash/installed: benchmarks/requirements-clkhash.txt
	$(PYTHON) -m venv .venv-clkhash
	.venv-clkhash/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

bench: .venv/installed .venv-clkhash/installed  ## Measure quality and speed; writes results and README
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.encode
	$(BIN)/python -m benchmarks.clkhash_differential --python .venv-clkhash/bin/python
	$(BIN)/python -m benchmarks.clkhash_speed --python .venv-clkhash/bin/python
	$(BIN)/python -m benchmarks.readme

clean:  ## Remove what make made
	rm -rf .venv .venv-clkhash demo build dist
