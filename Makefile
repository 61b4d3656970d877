# Everything a newcomer needs: `make demo`, `make test`. Each target sets up what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: env demo test test-slow test-mutants bench docs lint types format lock clean

env: $(STAMP)

# Locked versions with hashes and no host named: the same files on every machine, from any mirror.
$(STAMP): constraints.txt pyproject.toml
	@echo "Setting up $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: env
	$(BIN)/latlas demo --out runs/demo --overwrite

test: env
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

test-slow: env
	JAX_DISABLE_MOST_OPTIMIZATIONS=0 $(BIN)/python -m pytest -m slow -n 2 --dist worksteal --timeout 1200

# Plants small faults (tests/mutants.toml) in a copy of the tree; fails where more than a tenth go unnoticed.
test-mutants: env
	$(BIN)/python tests/mutants.py

bench: env
	$(BIN)/python -m benchmarks

docs: env
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

lint: env
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: env
	$(BIN)/pyright

format: env
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# Needs uv; writes pinned versions with hashes and no registry's address.
lock:
	uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-annotate --group dev \
	  --python-version 3.11 --constraint lock-pins.txt --custom-compile-command "make lock" --upgrade -o constraints.txt

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .ruff_cache
