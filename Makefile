# Headrace's workshop. `make serve` and `make test` need Python 3.11 to 3.14 and make, nothing else.
#
#   PYTHON=python3.13 make serve     another Python than the first that fits (when .venv is made)
#   make test ARGS='-k ledger'       arguments for pytest; likewise for serve, bench and test-vllm

.DEFAULT_GOAL := help
.PHONY: help serve test check bench test-vllm lock
# A recipe that fails leaves no half-made stamp behind.
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
# Every distribution is named with its hash in the lock files, and nothing is built from source.
INSTALL := -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: --require-hashes
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

help:
	@echo 'make serve      install what it takes and start the gateway on http://127.0.0.1:8080'
	@echo 'make test       check, and the whole suite against real parts'
	@echo 'make check      format, lint, types, import rules'
	@echo 'make bench      measure against nginx, LiteLLM and others, side by side'
	@echo 'make test-vllm  the suite against a real vLLM engine on the CPU'
	@echo 'make lock       refresh the lock files'

serve: $(VENV)/.serves
	@exec $(VENV)/bin/headrace serve $(ARGS)

test: SYSTEM_PACKAGES := yes
test: check
	@$(PY) -m pytest -m 'not vllm' $(ARGS)

check: $(VENV)/.tests
	@$(PY) -m ruff format --check --quiet
	@$(PY) -m ruff check --quiet
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports

bench: $(VENV)/.tests
	@exec $(PY) -m benchmarks $(ARGS)

test-vllm: $(VENV)/.tests
	@exec scripts/test_vllm.sh $(ARGS)

lock: | $(VENV)/pyvenv.cfg
	@test -x $(VENV)-lock/bin/uv || { $(PY) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install -qq uv; }
	@$(VENV)-lock/bin/uv pip compile $(LOCK) --upgrade pyproject.toml -o requirements.lock
	@$(VENV)-lock/bin/uv pip compile $(LOCK) --upgrade --group test --group check -c requirements.lock \
	    pyproject.toml -o requirements-test.lock

$(VENV)/.serves: requirements.lock scripts/link_project.py $(VENV)/pyvenv.cfg
	@echo 'Installing the dependencies into $(VENV) ...' >&2
	@$(PY) $(INSTALL) -r requirements.lock
	@$(PY) scripts/link_project.py
	@touch $@

# A superset of requirements.lock, with the same versions.
$(VENV)/.tests: requirements-test.lock $(VENV)/.serves
	@echo 'Installing what the tests need into $(VENV) ...' >&2
	@$(PY) $(INSTALL) -r requirements-test.lock
	@touch $@

# Debian keeps ensurepip, without which venv makes no pip, in a package of its own.
$(VENV)/pyvenv.cfg:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	    $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1 || continue; \
	    if [ -n '$(SYSTEM_PACKAGES)' ] && [ "$$(id -u)" = 0 ] && ! $$python -c 'import ensurepip' 2>/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq python3-venv; \
	    fi; \
	    if $$python -c 'import ensurepip' 2>/dev/null; then exec $$python -m venv $(VENV); fi; \
	    lame=$$python; \
	done; \
	if [ -n "$$lame" ]; then echo "$$lame lacks venv's ensurepip (on Debian: apt-get install python3-venv)" >&2; \
	else echo 'Headrace needs Python 3.11 to 3.14, and found none on the PATH' >&2; fi; exit 1
