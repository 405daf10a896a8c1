# Every target does its own set-up. Needed: Python 3.11 or later, make, and a package registry.
#   make demo     a sample shop with real traffic and its log browser   (ARGS="--port 9000" and the like)
#   make test     everything that must hold: lint, types, tests
#   make bench    what the log costs, in tables

.PHONY: demo test bench browser postgresql compiler spreadsheet
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input

demo: $(VENV)/.for-demo
	@$(PY) -m integration_logger demo $(ARGS)

test: $(VENV)/.for-test browser postgresql compiler spreadsheet
	$(PY) -m ruff check src tests
	$(PY) -m ruff format --check src tests
	$(PY) -m mypy
	$(PY) -m pytest --numprocesses 2 --dist worksteal -m 'not alone' $(ARGS)
	$(PY) -m pytest -m alone $(ARGS)

bench: $(VENV)/.for-test
	$(PY) -m tests.benchmarks $(ARGS)

browser:
	@sh tests/install_browser.sh

postgresql:
	@sh tests/install_postgresql.sh

compiler:
	@sh tests/install_compiler.sh

spreadsheet:
	@sh tests/install_spreadsheet.sh

$(VENV)/.for-demo: $(VENV)/.pip pyproject.toml
	$(PIP) install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.for-test: $(VENV)/.pip pyproject.toml
	$(PIP) install --quiet --editable . --group test
	@touch $@

# pip reads dependency groups since 25.1; a fresh virtual environment may bring an older one.
$(VENV)/.pip:
	@sh tests/make_venv.sh $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@
