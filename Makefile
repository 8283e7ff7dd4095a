# The demo, the tests and the checks, each in a virtual environment that is made here.

PYTHON ?= $(shell .ci/python)
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
# Each worker has its own servers. ARGS="-n 0" runs the tests in one process.
PYTEST := -m pytest -n auto --maxprocesses 4
SERVERS := .ci/packages "$(PYTHON)" servers

# What these need is asked for at once, and not first for the environment alone.
venv test test-slow: WITH := servers
bench: WITH := bench

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-anonymizer venv test test-quick test-slow test-lowest test-matrix \
    test-2.0 test-2.1 lint format bench clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

demo: $(VENV)/.runs ## one change from expand to contract, on SQLite, in a minute
	@$(RUN) -m demo $(ARGS)

demo-anonymizer: $(VENV)/.masks ## a dump made shareable: masked, proved, restored, migrated
	@$(RUN) -m demo.anonymized $(ARGS)

venv: $(VENV)/.develops ## the virtual environment that everything else here uses

test: $(VENV)/.develops ## the tests, on private PostgreSQL and MariaDB servers and SQLite
	@$(SERVERS)
	@$(RUN) $(PYTEST) -m "not slow" $(ARGS)

test-quick: $(VENV)/.tests ## unit tests and SQLite in half a minute: no server, nothing thorough
	@$(RUN) $(PYTEST) -m "not slow and not thorough" --database sqlite $(ARGS)

test-slow: $(VENV)/.develops ## the tests that take long
	@$(SERVERS)
	@$(RUN) $(PYTEST) -m slow $(ARGS)

test-lowest: .venv-lowest/.made ## the tests, with the oldest dependencies that are allowed
	@.venv-lowest/bin/python $(PYTEST) -m "not slow" $(ARGS)

test-matrix: test-2.0 test-2.1 ## the tests, with SQLAlchemy 2.0 and 2.1

test-2.0 test-2.1: test-%: .venv-%/.made
	@.venv-$*/bin/python $(PYTEST) -m "not slow" $(ARGS)

lint: $(VENV)/.tests ## format, lint and types, changing nothing
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

format: $(VENV)/.tests ## format, and mend what ruff can mend
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: $(VENV)/.develops ## the benchmarks, on all databases
	@.ci/packages "$(PYTHON)" bench
	@$(RUN) -m benchmarks $(ARGS)

clean: ## remove what was made here
	rm -rf .venv .venv-* build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp each: `runs` has the command line, `masks` what masks dumps as well, `tests` what
# needs no compiler, `develops` all.
$(VENV)/.made:
	@.ci/packages "$(PYTHON)" $(WITH)
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runs: pyproject.toml | $(VENV)/.made
	$(RUN) -m pip install --quiet --editable .
	@touch $@

$(VENV)/.masks: pyproject.toml | $(VENV)/.made
	$(RUN) -m pip install --quiet --editable '.[anonymizer,postgresql,mysql]'
	@touch $(VENV)/.runs $@

$(VENV)/.tests: pyproject.toml | $(VENV)/.made
	$(RUN) -m pip install --quiet --editable '.[test,lint]'
	@touch $(VENV)/.runs $(VENV)/.masks $@

$(VENV)/.develops: pyproject.toml | $(VENV)/.made
	@$(SERVERS)
	$(RUN) -m pip install --quiet --editable '.[dev]'
	@touch $(VENV)/.runs $(VENV)/.masks $(VENV)/.tests $@

.venv-lowest/.made: pyproject.toml
	@$(SERVERS)
	"$(PYTHON)" -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/python -m uv pip install --quiet --python .venv-lowest/bin/python \
	    --resolution lowest-direct --editable '.[test,mysqlclient]'
	@touch $@

.venv-2.%/.made: pyproject.toml
	@$(SERVERS)
	"$(PYTHON)" -m venv --clear .venv-2.$*
	.venv-2.$*/bin/python -m pip install --quiet --editable '.[test,mysqlclient]' 'SQLAlchemy==2.$*.*'
	@touch $@
