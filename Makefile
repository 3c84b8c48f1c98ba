# `make help` lists the targets. Each makes .venv and installs what requirements.lock pins, when that is not done yet.
# PYTHON=python3.12 chooses the interpreter; PYTEST="-k join" and the like go to pytest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo kafka test test-fast check bench docs lock clean FORCE

PYTHON ?=
PYTEST ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
TESTED := tests streammtl simulators/streammtl_simulators

# One thread per process: the work is many small steps, and the tests run in one process per core.
export OMP_NUM_THREADS ?= 1
# The tests start hundreds of processes: what one has translated of the sources, the others read.
unexport PYTHONDONTWRITEBYTECODE
# Else numba paints messages that nobody sees; in a process with pipes, for up to a fifth of the time it compiles.
export NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING ?= 1
# Never a Python that is not on this machine already.
export UV_PYTHON_DOWNLOADS := never

# Asked for another Python than the one in .venv: install anew.
ifneq ($(PYTHON),)
WHICH := import sys; print(sys.version)
ifneq ($(shell "$(PYTHON)" -c '$(WHICH)' 2>/dev/null),$(shell $(BIN)/python -c '$(WHICH)' 2>/dev/null))
$(INSTALLED): FORCE
endif
endif

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED) ## make .venv and install everything into it
	@echo "ready: $$($(BIN)/python --version) in .venv"

demo: $(INSTALLED) ## the fraud simulator through the learner, to a table of scores and a page to look at
	@mkdir -p runs
	@$(BIN)/streammtl replay fraud --report runs/fraud.html

kafka: $(INSTALLED) ## a real Kafka broker in the foreground, for trying things out; needs Java and Maven
	@$(BIN)/python -m tests.kafka.broker

test: $(INSTALLED) ## every test, the slow ones too, and the examples in the docstrings
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --doctest-modules $(TESTED) $(PYTEST)

test-fast: $(INSTALLED) ## the same without the slow ones
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --doctest-modules -m "not slow" $(TESTED) $(PYTEST)

check: $(INSTALLED) ## lint, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy

bench: $(INSTALLED) ## every benchmark, one after the other
	@$(BIN)/python -m benchmarks

docs: $(INSTALLED) ## the documentation site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

lock: $(INSTALLED) ## pin the newest allowed versions, with hashes, in requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --quiet \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--output-file requirements.lock

clean: ## remove caches and what was built; .venv stays
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# With uv where there is one, or where pip can install the one that the lock pins; otherwise with pip alone.
# Nothing is downloaded but what the lock names, by its hash: the project is built by the hatchling in .venv.
$(INSTALLED): requirements.lock pyproject.toml Makefile
	@set -e; \
	for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.12 python3.13 python3.11); do \
		"$$python" -c '$(IS_SUPPORTED)' 2>/dev/null && break; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "streammtl needs Python 3.11, 3.12 or 3.13: name one with make PYTHON=..." >&2; exit 2; \
	fi; \
	if [ -n "$(PYTHON)" ] || ! $(BIN)/python -c '$(IS_SUPPORTED)' 2>/dev/null; then rm -rf .venv; fi; \
	if uv --version >/dev/null 2>&1; then \
		uv=uv; \
		[ -x $(BIN)/python ] || uv venv --quiet --python "$$python" .venv; \
	else \
		uv=$(BIN)/uv; \
		[ -x $(BIN)/python ] || "$$python" -m venv .venv; \
		awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > .venv/uv.lock; \
		$$uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock || uv=; \
	fi; \
	if [ -n "$$uv" ]; then \
		$$uv pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock; \
		$$uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .; \
	else \
		$(BIN)/python -m pip install --require-hashes -r requirements.lock; \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi; \
	touch $@
