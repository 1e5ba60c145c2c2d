# `make demo` and `make test` are all a newcomer needs; each makes the virtual environment it runs in.
# Needs Python 3.11 or newer with venv, and make.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PEERS := .peers
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pyspf has no wheel: its build uses the locked setuptools instead of one fetched by pip.
INSTALL := $(PIP) install --require-hashes --no-build-isolation --no-deps -r

.PHONY: venv venv-run demo test test-long fuzz mutants compiled test-compiled check bench peers crash-test load-test screenshots lock clean

venv: $(VENV)/.dev
venv-run: $(VENV)/.run

$(VENV)/.base: requirements/build.txt
	@test -n "$(PYTHON)" || { echo "spfcheck needs Python 3.11 or newer with the venv module (on Debian: apt-get install python3-venv)." >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --no-deps -r requirements/build.txt
	@touch $@

$(VENV)/.run: $(VENV)/.base requirements/run.txt pyproject.toml
	@echo "Installing what spfcheck needs to run (locked, checked by hash) ..."
	@$(INSTALL) requirements/run.txt
	@PYTHONWARNINGS=ignore $(PIP) install --no-build-isolation --no-deps --editable . 2>/dev/null || $(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Installing what its tests need (locked, checked by hash) ..."
	@$(INSTALL) requirements/dev.txt
	@touch $@

demo: $(VENV)/.run
	@$(BIN)/spfcheck demo $(if $(ONCE),--once)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

# The same tests with larger numbers.
test-long: $(VENV)/.dev
	@TEST_PROFILE=long $(BIN)/python -m pytest $(ARGS)

# Whatever may be published, read for so many SECONDS each: records, macros, and whole audits with a clock of the processor.
SECONDS ?= 600
fuzz: $(VENV)/.dev
	@$(BIN)/python -c 'import atheris' 2>/dev/null || echo "ATHERIS IS NOT INSTALLED (it has wheels for Linux on x86-64 only): audits are fuzzed blindly, records and macros not at all." >&2
	@! $(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m tests.rfc7208.fuzz_record -max_total_time=$(SECONDS) $(ARGS)
	@! $(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m tests.rfc7208.fuzz_macro -max_total_time=$(SECONDS) $(ARGS)
	@$(BIN)/python -m tests.audit.fuzz_audit -max_total_time=$(SECONDS) -max_len=120 $(ARGS)
	@$(BIN)/python -m tests.audit.fuzz_audit -max_total_time=$(SECONDS) -blind

# Each guard broken once, in a copy of the tree, to see that a test notices. ARGS="--only proof" makes those of one room.
mutants: $(VENV)/.dev
	@$(BIN)/python -m tests.mutate $(ARGS)

# A copy of the tree whose inner rooms are compiled (setup.py). It needs a C compiler; the copy is made anew each time, so
# that what runs is never older than its source.
COMPILED := build/compiled
PURE ?= $(if $(shell command -v cc || command -v gcc),,1)
PARTS := spfcheck bench tests setup.py pyproject.toml README.md LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md Dockerfile \
	Makefile openapi.yaml docs deploy requirements

compiled: $(VENV)/.dev
	@rm -rf $(COMPILED) && mkdir -p $(COMPILED)
	@tar -c --exclude=__pycache__ $(PARTS) | tar -x -C $(COMPILED)
	@ln -sfn ../../shared build/shared
	@rm -rf $(COMPILED)/bench/results && ln -sfn ../../../bench/results $(COMPILED)/bench/results
	@ln -sfn ../../$(PEERS) $(COMPILED)/$(PEERS)
	@cd $(COMPILED) && SPFCHECK_COMPILED=1 $(abspath $(BIN))/python setup.py --quiet build_ext --inplace --parallel 2
	@rm -rf $(COMPILED)/build

# The tests of what is compiled, and of what the main app and the customers get of it, on the compiled modules.
test-compiled: compiled
	@cd $(COMPILED) && $(abspath $(BIN))/python -m pytest tests/rfc7208 tests/resolver tests/audit tests/api tests/notify $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Everything takes about 20 minutes on two cores; PART=name runs one table, QUICK=1 what gives the ratios in 3 minutes.
# What is measured is compiled, as in the image, where there is a C compiler; PURE=1 measures the modules as written.
bench: $(if $(PURE),$(VENV)/.dev,compiled) peers
	@$(if $(PURE),,cd $(COMPILED) &&) $(abspath $(BIN))/python -m bench $(if $(PART),--part $(PART)) $(if $(QUICK),--quick)

# What spfcheck is compared with, in an environment of its own. Without it the comparison goes on and says so.
peers: $(VENV)/.base
	@$(MAKE) -s --no-print-directory $(PEERS)/.made || echo "The Python peers could not be installed: they are left out." >&2

$(PEERS)/.made: requirements/build.txt requirements/peers.txt
	@echo "Installing what spfcheck is compared with (locked, checked by hash) ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps -r requirements/build.txt
	@$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-build-isolation --no-deps -r requirements/peers.txt
	@touch $@

crash-test: $(VENV)/.dev
	@$(BIN)/python -m tests.crash $(ARGS)

load-test: $(VENV)/.dev
	@TEST_PROFILE=long $(BIN)/python -m tests.api.load $(ARGS)

# Pictures of the page's main states, light and dark, in screenshots/.
screenshots: $(VENV)/.dev
	@SCREENSHOTS=screenshots $(BIN)/python -m pytest -n0 tests/web/test_browser.py -k screenshots $(ARGS)

# Locks name packages and hashes, never an index. Needs uv.
LOCK := uv pip compile -q --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header
lock:
	$(LOCK) requirements/build.in -o requirements/build.txt
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --extra cluster --extra otel -c requirements/run.txt -o requirements/image.txt
	$(LOCK) pyproject.toml --extra dev -c requirements/run.txt -o requirements/dev.txt
	$(LOCK) requirements/compile.in -c requirements/dev.txt -o requirements/compile.txt
	$(LOCK) requirements/peers.in -o requirements/peers.txt

clean:
	rm -rf $(VENV) $(PEERS) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
