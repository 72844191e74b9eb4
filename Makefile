# Needs Python 3.11 to 3.13 and make; everything else is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
TESTS ?= tests
WORKERS ?= 2

.PHONY: demo test lint format docs clean

demo: .venv/crewai
	$(BIN)/python -m orchestrator demo

test: .venv/dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/dev
	$(BIN)/python .ci/write_docs.py

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv

# Each stamp stands for an installed extra; a changed pyproject.toml installs again.
.venv/crewai: pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[crewai]'
	touch $@

.venv/dev: pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	touch $@ .venv/crewai
