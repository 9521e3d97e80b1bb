# Everything a contributor runs. Needs python3 (3.11 or newer) with pip, and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest
WORKERS ?= 2

.PHONY: demo test check format bench docs venv

demo: venv  ## a real language model tuned, compared and reported
	$(BIN)/luthier demo

test: venv  ## every test; needs no network once the two small models are cached
	$(PYTEST) -n $(WORKERS) --dist worksteal --durations=30

check: venv  ## format, lint, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(PYTEST) tests/architecture

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv  ## Luthier and its rivals side by side; BENCH="--data FILE --rows 96" to choose
	benchmarks/setup_rivals.sh
	$(BIN)/python benchmarks/run.py $(BENCH)

docs: venv  ## docs/reference.md from the registries and the recipe's schema
	$(BIN)/python docs/generate.py

venv: $(VENV)/.ready

# torch first and pinned: a range would take another build with gigabytes of other libraries
$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --editable '.[test,dev]'
	touch $@
