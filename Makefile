# Aubier. Needs python3.11 or later with venv and pip, and make. Everything else comes by itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-chaos fuzz lint bench docs lock clean

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet

# The first Python that is recent enough; `make demo PYTHON=/usr/bin/python3.12` chooses another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

help: ## What can be made (this list).
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.ready ## Set up, then start Aubier with its sandbox. PORT=, DATA= and CITIZENS= change it.
	@exec $(VENV)/bin/aubier up $(if $(PORT),--port $(PORT)) $(if $(DATA),--data $(DATA)) \
		$(if $(CITIZENS),--citizens $(CITIZENS))

test: $(VENV)/.ready-dev ## Every family of tests, in its everyday size; under 10 minutes on two cores.
	@tools/system_packages
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not whole and not chaos" tests

test-all: $(VENV)/.ready-dev ## Every family of tests, whole. Run again to go on after an interruption.
	@tools/system_packages
	@$(PY) tools/test_all.py

test-chaos: $(VENV)/.ready-dev ## Kill -9 two hundred and fifty times under load; nothing acknowledged may be lost.
	@$(PY) -m pytest -q -s -m chaos tests/contract/chaos

fuzz: $(VENV)/.ready-fuzz ## Every reader against made-up input, led by coverage. SECONDS_EACH=60 and TARGETS= change it.
	@$(PY) tools/fuzz.py --seconds $(or $(SECONDS_EACH),60) $(TARGETS)

lint: $(VENV)/.ready-dev ## ruff (rules, layout) and mypy (strict).
	@failed=0; for check in "ruff check" "ruff format --check" mypy; do \
		echo "$$check"; $(VENV)/bin/$$check || failed=1; done; exit $$failed

bench: $(VENV)/.ready-dev ## Measure, and save the figures under bench/results.
	@$(PY) -m bench

docs: $(VENV)/.ready-dev ## Write again the reference pages that are made from the program.
	@$(PY) tools/build_docs.py

lock: $(VENV)/.ready-dev ## Choose the dependencies again within the bounds of pyproject.toml.
	@tools/lock

clean: ## Remove what make made. The data folder stays: it is yours.
	@rm -rf $(VENV) .build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage src/*.egg-info
	@find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

# What running needs. Done again only when a list changes.
$(VENV)/.ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing what Aubier needs (once, about half a minute)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# What the tests and the checks need besides.
$(VENV)/.ready-dev: requirements-dev.lock $(VENV)/.ready
	@echo "Installing what the tests and checks need (once)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# What fuzzing needs besides. Where there is no build of it for this Python, fuzzing says so and does nothing.
$(VENV)/.ready-fuzz: requirements-fuzz.lock $(VENV)/.ready-dev
	@$(PIP) --require-hashes --only-binary :all: -r requirements-fuzz.lock || echo "No fuzzing library for this Python"
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: apt-get install python3.11 python3.11-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is needed: apt-get install python3-venv"; exit 1; }
