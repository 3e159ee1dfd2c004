# `make verify` and `make test` do everything on a fresh machine with Python >= 3.11, git and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: verify test lint figures docs clean

verify: $(VENV)/.main
	$(BIN)/pitfalls verify
	$(BIN)/pitfalls figure trajectories --out out

test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

figures: $(VENV)/.main
	$(BIN)/pitfalls figure all --out docs/figures

# Needs no network, and nor do the pages: tests/test_docs_site.py. Open out/site/index.html.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d out/doctrees docs out/site

# Each stamp is an environment with one set of extras; pyproject.toml is what they depend on.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pitfalls needs Python >= 3.11; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.main: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ $(VENV)/.main

$(VENV)/.lint: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[test,lint]"
	touch $@ $(VENV)/.test $(VENV)/.main

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@ $(VENV)/.main

clean:
	rm -rf $(VENV) out build *.egg-info
