# `make demo` and `make test` are all the set-up a fresh machine needs.
SHELL := /bin/bash
VENV := .venv
PYTHON ?=
export PYTHON
PY := $(VENV)/bin/python
# What a change of must reinstall; Python sources are seen at once, the install is editable.
SOURCES := pyproject.toml CMakeLists.txt $(shell find native -type f 2>/dev/null)
FAST := not slow and not statistical and not browser and not peer
JOBS ?= 2

.PHONY: help demo test check lint bench peers clean test-all-pythons

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: .make/core  ## compare Plain and Private on a real data set, and write an HTML report
	$(VENV)/bin/privet demo

test: .make/dev  ## fast tests, within 5 minutes on 2 cores
	$(PY) -m pytest -n $(JOBS) -m "$(FAST)"

check: .make/dev  ## every test: slow, statistical, browser
	$(PY) -m pytest -n $(JOBS)

lint: .make/dev  ## linters, types and import layers
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: .make/dev  ## run every benchmark and rewrite docs/benchmarks.md
	$(PY) -m bench --all

peers:  ## build the environments of the libraries that benchmarks compare with
	@for file in bench/peers/*.txt; do .ci/peer "$$file" || exit 1; done

test-all-pythons:  ## fast tests on every Python from 3.11 on that this machine has
	@.ci/pythons "$(FAST)"

clean:  ## remove environments, builds and caches
	rm -rf $(VENV) .venv-peers .venv-pythons .make build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# The full environment serves where the core one is asked for.
.make/core: $(SOURCES) $(PY)
	@.ci/venv $(VENV)
	@touch $@

.make/dev: $(SOURCES) $(PY)
	@.ci/venv $(VENV) dev
	@touch .make/core $@

# A lost environment invalidates its stamps; .ci/venv then makes it anew.
$(PY):
	@rm -f .make/core .make/dev
