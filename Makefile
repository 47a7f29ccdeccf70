# Python 3.11+ and make are all that is assumed. `make` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python that is new enough; `make setup PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --quiet
PAGES := $(PY) deploy/build/build_pages.py

# An installation is known by the content of what it was made from: unchanged locks, nothing to do.
hash = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
RUNTIME_STAMP := .venv/.runtime-$(call hash,requirements.lock pyproject.toml)
DEV_STAMP := .venv/.dev-$(call hash,requirements-dev.lock)

# Files of one folder stay on one worker, so a module's server or browser starts once.
PYTEST := $(PY) -m pytest -n 2 --dist loadfile

.PHONY: help setup setup-dev pages test-tools demo test test-pages test-python check format bench faults lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# --- Setting up -------------------------------------------------------------------------------------------------------

setup: $(RUNTIME_STAMP) pages ## virtual environment, locked packages, browser pages

setup-dev: $(DEV_STAMP) setup ## likewise, with what tests and checks need

$(PY):
	@deploy/build/make_venv.sh "$(PYTHON)"

$(RUNTIME_STAMP): | $(PY)
	@echo "Installing the locked packages …"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@rm -f .venv/.runtime-* && touch $@

$(DEV_STAMP): $(RUNTIME_STAMP)
	@echo "Installing the locked packages for tests and checks …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@rm -f .venv/.dev-* && touch $@

pages: $(RUNTIME_STAMP)
	@$(PAGES)

test-tools: ## PostgreSQL, Redis, Chromium and fonts for the tests, where the system lets us
	@deploy/build/test_tools.sh

# --- Using ------------------------------------------------------------------------------------------------------------

demo: setup ## a whole exam day on this machine
	@.venv/bin/mingyuan demo

# --- Testing ----------------------------------------------------------------------------------------------------------

test: setup-dev test-tools test-pages test-python ## every test; ARGS="…" goes to pytest

test-pages: setup-dev
	@$(PAGES) npm run test --silent

test-python: setup-dev test-tools
	@$(PYTEST) $(ARGS)

check: setup-dev ## style, types, import contract, translations, page budgets
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) deploy/build/generate_wire_types.py --check
	$(PAGES) npm run typecheck --silent
	$(PY) deploy/build/check_pages.py
	$(PY) deploy/build/generate_wire_docs.py --check
	@if [ -f server/webkit/check_translations.py ]; then set -x; $(PY) -m server.webkit.check_translations; fi

format: setup-dev ## puts the Python code in shape
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

migration: setup-dev ## write a migration from what the models changed (NAME="add a column")
	$(PY) deploy/build/new_migration.py "$(NAME)"

bench: setup-dev test-tools ## the measured ratios
	@$(call run_if_there,tests/bench,tests.bench)

faults: setup-dev test-tools ## the fault matrix, each fault really made
	@$(call run_if_there,tests/faults,tests.faults)

run_if_there = if [ -f $(1)/__main__.py ]; then $(PY) -m $(2) $(ARGS); else echo "$(1) is not there yet"; fi

# --- Keeping house ----------------------------------------------------------------------------------------------------

lock: ## resolve the Python locks again, for Python 3.11 and later
	@deploy/build/lock.sh "$(PYTHON)"

clean: ## everything that was built or installed; data in var/ stays
	rm -rf .venv node_modules server/static/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .make dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
