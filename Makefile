# Two commands on a fresh machine: `make demo` trains 27 networks, `make test` tests it.

# The first Python here that will do; `make PYTHON=... demo` chooses another.
WANTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(WANTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
EXAMPLES := $(patsubst %/pyproject.toml,%,$(wildcard examples/harness-*/pyproject.toml))

# A file of tests is one worker's, which so makes the fixtures of a file once; conftest.py says the order.
# One worker a core; more of them help little, since most tests compute.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-full lint docs lock clean

demo: $(READY)
	$(BIN)/harness train experiment=demo

test: $(READY)
	$(PYTEST)

# All components on all backends, all presets of known results: what is marked full, too.
test-full: $(READY)
	$(PYTEST) -m ''

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The documentation, as pages under outputs/site.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The environment: exact versions from the lock, the project itself and the examples in place.
$(READY): requirements.lock pyproject.toml $(EXAMPLES:%=%/pyproject.toml)
	@test -n "$(PYTHON)" || { echo 'harness needs Python 3.11, 3.12 or 3.13: install one, or name it as in make PYTHON=/path/to/python3.12 demo'; exit 1; }
	@echo 'Setting up .venv from requirements.lock: some minutes, most of them for PyTorch.'
	$(PYTHON) -m venv .venv
	$(PIP) install --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable . $(EXAMPLES:%=--editable %)
	@touch $(READY)

# The versions that are installed now become the lock.
lock:
	{ echo '# Exact versions of everything; `make lock` writes this file from the environment.'; \
	  $(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip==' | sed 's/+cpu$$//'; } > requirements.lock

clean:
	rm -rf .venv build dist plugins/*.egg-info examples/*/*.egg-info
