# One short command per act. Everything runs in .venv, which `make` creates by itself.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test check bench clean

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

bench: .venv/installed  ## Measure quality against the clear text; writes benchmarks/results and README
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.readme

clean:  ## Remove what make made
	rm -rf .venv demo build dist
