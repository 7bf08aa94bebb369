# make demo    set up .venv and profile resnet18
# make test    set up .venv and run the whole test suite
# make test-unit  its quick part, which compiles and runs no models
# make test-pmu  the tests of hardware counters, on an emulated machine with a PMU
# make test-html  the tests of the HTML report, in headless Chromium
# make fuzz    fuzzes whatever reads files, a minute for each kind; writes docs/trust.json
#              (longer, or some of them: make fuzz FUZZ="--seconds 600 --only bytecode")
# make fuzz-programs  runs damaged executables, by vmprof and by TVM's VM; writes docs/trust.json
# make lint    linter, formatter and type checker
# make bench   all benchmarks; writes docs/performance.json and what shows it
#              (some of them, quickly: make bench BENCH="--quick --only dispatch reads")
# make clean   remove what the others made
.PHONY: help demo test test-unit test-pmu test-html fuzz fuzz-programs lint bench clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Set up again when what decides about the build has changed.
READY := $(VENV)/.ready
BUILT_FROM := pyproject.toml setup.py CMakeLists.txt $(wildcard native/*)
# $(call say,text): where we are, for whoever watches.
say = @printf '\n==> %s\n' "$(1)"
# $(call need,command,what to do): one line if the command fails.
need = @$(1) >/dev/null 2>&1 || { echo "vmprof: $(2)" >&2; exit 1; }

help:
	@sed -n 's/^# \(make\|  \)/\1/p' $(firstword $(MAKEFILE_LIST))

demo: $(READY)
	$(call say,profiling resnet18: compiles it then runs it a few times (about half a minute))
	$(BIN)/vmprof run resnet18

test: $(READY)
	$(call say,running the tests)
	$(BIN)/pytest -n auto

test-unit: $(READY)
	$(call say,running the unit tests)
	$(BIN)/pytest -n auto tests/unit

test-pmu: $(READY)
	$(call say,running the tests of hardware counters on an emulated machine (minutes))
	$(BIN)/pytest tests/pmu_guest

test-html: $(READY)
	$(call say,testing the HTML report in headless Chromium)
	$(BIN)/pytest tests/browser

fuzz: $(READY)
	$(call say,fuzzing: a quarter of an hour)
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

fuzz-programs: $(READY)
	$(call say,running damaged executables in children (minutes))
	$(BIN)/python tests/fuzz/hostile.py --programs 2000

lint: $(READY)
	$(call say,linting)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

bench: $(READY)
	$(call say,measuring: about a quarter of an hour on a machine that does nothing else)
	$(BIN)/python benchmarks/run.py $(BENCH) --json docs/performance.json; \
	  code=$$?; $(BIN)/python docs/make_performance.py && exit $$code

$(READY): $(BUILT_FROM)
	$(call need,$(PYTHON) -c 'import sys; assert sys.version_info >= (3$(comma) 10)',Python 3.10 or newer is needed; name one: make PYTHON=python3.12)
	$(call need,$(PYTHON) -c 'import ensurepip$(comma) venv',Python lacks its venv module; on Debian or Ubuntu run: sudo apt install python3-venv)
	$(call need,$(PYTHON) -c 'import os$(comma) sysconfig; assert os.path.exists(os.path.join(sysconfig.get_path("include")$(comma) "Python.h"))',Python lacks its C headers; on Debian or Ubuntu run: sudo apt install python3-dev)
	$(call need,$${CC:-cc} --version,a C compiler is needed; on Debian or Ubuntu run: sudo apt install gcc)
	$(call say,making $(VENV))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(call say,installing vmprof and what it needs (TVM is about 100 MB))
	$(BIN)/python -m pip install --progress-bar on --group dev --editable .
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info vmprof/*.so

comma := ,
