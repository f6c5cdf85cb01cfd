# One short command per act. Everything runs in .venv, which `make` creates by itself.
PYTHON ?= python3
SECONDS ?= 600
BIN := .venv/bin
PEERS := clkhash anonlink faiss numkong duckdb blocklib
.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz bench bench-quality bench-scaling bench-10m bench-six bench-splink bench-intervals \
	bench-audit bench-frontier clean

help:  ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

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
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest tests/test_kernels.py tests/test_lsh.py
	NUMBA_CPU_NAME=generic $(BIN)/pytest tests/test_kernels.py

check: .venv/installed  ## Lint, types and architecture only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: .venv/installed  ## Throw hostile input at readers and normalisers (SECONDS=600)
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

.venv-%/installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

bench: .venv/installed $(PEERS:%=.venv-%/installed)  ## Measure speed against peers; writes results and README
	$(BIN)/python -m benchmarks.encode
	$(BIN)/python -m benchmarks.clkhash_differential --python .venv-clkhash/bin/python
	$(BIN)/python -m benchmarks.clkhash_speed --python .venv-clkhash/bin/python
	$(BIN)/python -m benchmarks.compare_speed
	$(BIN)/python -m benchmarks.blocking_speed
	$(BIN)/python -m benchmarks.readme

bench-quality: .venv/installed .venv-splink/installed  ## Links without labels, against Splink and the toolkit
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.quality --only large
	$(BIN)/python -m benchmarks.readme

bench-scaling: .venv/installed  ## The command line on 10,000 to 1,000,000 rows a side
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.readme

bench-10m: .venv/installed  ## The same on 10,000,000 rows a side (16 GiB of memory, 25 of disk)
	$(BIN)/python -m benchmarks.scaling --rows 10000000
	$(BIN)/python -m benchmarks.readme

bench-six: .venv/installed  ## Six agencies of 1,000,000 records each
	$(BIN)/python -m benchmarks.six_agencies
	$(BIN)/python -m benchmarks.readme

bench-audit: .venv/installed  ## Graph matching against published figures (DATA=folder of fakename_*.tsv)
	@test -n "$(DATA)" || { echo "make bench-audit DATA=FOLDER, the folder of fakename_*.tsv"; exit 2; }
	$(BIN)/python -m benchmarks.attack_replication $(DATA)

bench-splink: .venv/installed .venv-splink/installed  ## Against Splink on the clear text
	$(BIN)/python -m benchmarks.splink_clear
	$(BIN)/python -m benchmarks.readme

bench-intervals: .venv/installed  ## Whether the intervals of `evaluate` hold; writes docs/evaluation.md
	$(BIN)/python -m benchmarks.intervals

bench-frontier: .venv/installed  ## Hardenings: F1 against attacks; writes docs/frontier.md
	$(BIN)/python -m benchmarks.frontier
	$(BIN)/python -m benchmarks.frontier_page

clean:  ## Remove what make made
	rm -rf .venv .venv-* demo build dist
