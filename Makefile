# Every target prepares what it needs; all it takes is make and Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
STAMP := .venv/.ready
BENCH_BIN := .venv-bench/bin
BENCH_STAMP := .venv-bench/.ready
JOBS ?= 2
ARGS ?=

# Tools ask nobody whether a newer version of them exists.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
BUILT := src/deputy/web/static/index.html
MODULES := console/node_modules/.package-lock.json
CONSOLE := $(shell find console/src -type f ! -name schema.gen.ts 2>/dev/null) $(wildcard console/*.*)

.PHONY: help setup demo console test chaos lint format types bench docs pictures conformance lock clean

help: ## say what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## prepare .venv, from the lock, byte-compiled
	@$(BIN)/python -m compileall -q src

demo: setup ## watch an agent pay invoices, be killed, resume, and prove what it did
	@$(BIN)/python examples/acme/demo.py $(ARGS)

# A real IMAP server for the tests, where one can be installed; without it they skip, and say so.
IMAP = command -v dovecot >/dev/null || test -x /usr/sbin/dovecot || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dovecot-imapd; }; }

# The browser that tests drive: Debian's, where it can be installed; without one they skip, and say so.
BROWSER = command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	&& { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; }; }

console: setup $(BUILT) ## build the web console into the package

test: setup console ## run the tests (ARGS="-k words" to choose)
	@$(IMAP) >/dev/null || echo 'No IMAP server could be installed: its tests skip.'
	@$(BROWSER) >/dev/null || echo 'No browser could be installed: its tests skip.'
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

chaos: setup ## run the randomized kills
	@$(BIN)/python -m pytest tests/chaos $(ARGS)

conformance: setup ## run the suites of stores, and of MCP clients
	@$(BIN)/python -m pytest tests/adapters/store/test_conformance.py $(ARGS)
	@PYTHONPATH=. $(BIN)/python tests/mcp_conformance/run.py

lint: setup $(MODULES) ## check style, format, layers, types and generated pages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/build.py --check
	@$(BIN)/pyright --warnings
	@$(BIN)/python console/build.py lint

format: setup ## put the code in its format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

types: setup ## check types alone
	@$(BIN)/pyright --warnings

bench: setup console $(BENCH_STAMP) ## measure, side by side with peers
	@$(BENCH_BIN)/python -m bench $(ARGS)

docs: setup ## build the reference pages
	@$(BIN)/python docs/build.py $(ARGS)

pictures: setup console ## take the pictures of the console's pages for docs/
	@$(BIN)/python docs/pictures.py $(ARGS)

clean: ## remove environments, caches and what was built
	rm -rf .venv .venv-bench .pytest_cache .ruff_cache .hypothesis .coverage htmlcov build dist docs/_site console/node_modules src/deputy/web/static
	find src tests examples bench docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- environments ----------------------------------------------------------------------------------------------------

# $(call venv,FOLDER,LOCK): an empty environment with the pinned uv, filled from LOCK, and this project on top.
define venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'Deputy needs Python 3.11 or newer: name one with `make PYTHON=/path/to/python3.11`.' >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@VIRTUAL_ENV=$(1) $(1)/bin/uv pip sync --quiet --require-hashes --compile-bytecode $(2) requirements-bootstrap.lock
	@VIRTUAL_ENV=$(1) $(1)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(1)/.ready
endef

$(STAMP): requirements.lock requirements-qwen.lock requirements-bootstrap.lock pyproject.toml
	$(call venv,.venv,requirements.lock)
	@$(BIN)/python tests/qwen/prepare.py

$(MODULES): console/package-lock.json | $(STAMP)
	@$(BIN)/python console/build.py install

$(BUILT): $(MODULES) $(CONSOLE) docs/reference/openapi.json
	@$(BIN)/python console/build.py build

$(BENCH_STAMP): requirements-bench.lock requirements-bootstrap.lock pyproject.toml
	$(call venv,.venv-bench,requirements-bench.lock)

# --- locks -----------------------------------------------------------------------------------------------------------

COMPILE = VIRTUAL_ENV=.venv $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --no-strip-markers

lock: ## take newer versions into the locks (needs a .venv with uv)
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(COMPILE) --upgrade --group bootstrap -o requirements-bootstrap.lock
	$(COMPILE) --upgrade --group dev -o requirements.lock pyproject.toml
	@# The tests' small Qwen lives among our own versions.
	@cp requirements.lock requirements-qwen.lock
	$(COMPILE) --group dev --group qwen -o requirements-qwen.lock pyproject.toml
	@# What the peers allow of our own versions; the rest as new as can be.
	@cp requirements.lock requirements-bench.lock
	$(COMPILE) --group bench -o requirements-bench.lock pyproject.toml
