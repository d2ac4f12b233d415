# make          what there is
# make demo     a real SQLite file into the pip-installed PostgreSQL, with its report
# make test     everything that has to pass

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ONERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_SOURCE := tests/data/real/chinook.sqlite
DEMO_REPORT := build/demo/report.html

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.PHONY: venv
venv: $(STAMP) ## Make .venv with exuvia and the developers' tools

$(STAMP): pyproject.toml scripts/make_venv
	scripts/make_venv $(VENV)
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Move a real SQLite file into the pip-installed PostgreSQL and prove it
	@mkdir -p $(dir $(DEMO_REPORT))
	$(BIN)/exuvia migrate $(DEMO_SOURCE) embedded: --schema chinook --drop-existing --report $(DEMO_REPORT)
	@echo
	@echo "The report:        $(abspath $(DEMO_REPORT))"
	@echo "Look at the rows:  $(BIN)/exuvia pg psql -- -c 'TABLE chinook.\"Artist\" LIMIT 5'"
	@echo "Stop the server:   $(BIN)/exuvia pg stop"

.PHONY: lint
lint: $(STAMP) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: lint ## Lint, then run every test on the pip-installed and on Debian's PostgreSQL
	scripts/install_debian_postgresql
	scripts/install_pgbouncer
	scripts/install_hypopg
	$(BIN)/pytest -n 2 --dist worksteal

.PHONY: slow
slow: $(STAMP) ## Run the long fault, load and memory tests
	$(BIN)/pytest -m slow

.PHONY: bench
bench: $(STAMP) ## Measure against pgloader and raw COPY; writes bench/RESULTS.md
	$(BIN)/python -m bench

.PHONY: conformance
conformance: $(STAMP) ## Run the Model Context Protocol's conformance suite; writes bench/MCP.md
	$(BIN)/python -m bench --conformance

.PHONY: clean
clean: ## Remove everything that make made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
