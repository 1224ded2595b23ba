# Every target does all of its own set-up; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.farero-installed
EXAMPLE ?= bikes
CHROMIUM ?= /usr/bin/chromium

# A progress bar and a console that stays open are for people; anything else gets the short run that ends by itself.
FAST ?= $(shell { [ -t 0 ] && [ -t 1 ] && [ -z "$${CI:-}" ]; } || echo 1)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: demo
demo: $(STAMP) ## the whole story on real data (EXAMPLE=bikes|flights|energy, FAST=1 ends without a server)
	@$(BIN)/farero demo --example $(EXAMPLE) $(if $(FAST),--fast)

.PHONY: test
test: $(STAMP) chromium ## all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile -q $(ARGS)

.PHONY: check
check: $(STAMP) ## format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pyright --warnings
	@$(BIN)/lint-imports --no-cache

.PHONY: format
format: $(STAMP) ## write code in the one format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(STAMP) ## every figure that the documents name, with its peer beside it
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

.PHONY: lock
lock: $(STAMP) ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra postgres --universal --generate-hashes --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" --quiet --upgrade -o requirements.lock

.PHONY: setup
setup: $(STAMP) ## create .venv and install Farero with all it needs

.PHONY: clean
clean: ## remove what these targets made, .venv included
	rm -rf $(VENV) .cache dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache farero-demo
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@bash .ci/setup $(VENV)
	@touch $@

.PHONY: chromium
chromium:
	@bash .ci/chromium $(CHROMIUM)
