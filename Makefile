# make demo    set up .venv and profile resnet18
# make test    set up .venv and run the whole test suite
# make test-unit  its quick part, which compiles and runs no models
# make test-pmu  the tests of hardware counters, on an emulated machine with a PMU
# make test-html  the tests of the HTML report, in headless Chromium
# make test-versions  tests with each version of TVM that vmprof was tested with
#              (of other Pythons: make test-versions VERSIONS="--python python3.10 python3.14")
# make test-container  install.md and first-report.md, followed in containers with Python alone
# make test-asan, test-tsan, test-leaks  the native half under sanitizers and valgrind
# make soak    ten million calls, 64 threads, 10,000 profiles in one process: ten minutes
# make fuzz    fuzzes whatever reads files, a minute for each kind; writes docs/data/trust.json
#              (longer, or some of them: make fuzz FUZZ="--seconds 600 --only bytecode")
# make fuzz-programs  runs damaged executables, by vmprof and by TVM's VM; writes docs/data/trust.json
# make wheel   a wheel for this platform and the source distribution, in dist/, and tries the
#              wheel in a new environment (of more versions: make wheel PYTHONS="python3.10 ...")
# make lint    linter, formatter and type checker; make lint-c: of C alone
# make bench   all benchmarks; writes docs/data/performance.json and what shows it
#              (some of them, quickly: make bench BENCH="--quick --only dispatch reads")
# make docs    the documentation's site, in build/docs; a warning is an error
# make docs-links  whether what its pages link to elsewhere is still there: needs a network
# make pages   renew the pages that are made of the code: commands, files, messages, rules
# make clean   remove what the others made
.PHONY: help demo test test-unit test-pmu test-html test-container test-versions test-asan test-tsan
.PHONY: test-leaks soak fuzz fuzz-programs wheel lint lint-c bench docs docs-links pages clean
.DEFAULT_GOAL := help

PYTHON ?= python3
# What `make soak` is given: less of it, e.g. make soak SOAK="--profiles 100".
SOAK ?= --keep
# Those that `make wheel` tries its wheel with.
PYTHONS ?= $(BIN)/python
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

test-container: $(READY)
	$(call say,testing how vmprof is installed in containers (minutes))
	$(BIN)/pytest tests/container

test-versions: $(READY)
	$(call say,testing with other versions: a quarter of an hour or more for each)
	$(BIN)/python tests/try_versions.py $(VERSIONS)

test-asan: $(READY)
	$(call say,testing the native half under address and undefined-behaviour sanitizers)
	$(BIN)/python tests/native/trial.py address
	$(BIN)/python docs/scripts/make_trust.py

test-tsan: $(READY)
	$(call say,running the native half on many threads under the thread sanitizer)
	$(BIN)/python tests/native/trial.py thread
	$(BIN)/python docs/scripts/make_trust.py

test-leaks: $(READY)
	$(call need,valgrind --version,valgrind is not installed; on Debian or Ubuntu run: sudo apt install valgrind)
	$(call say,running the native half under valgrind)
	$(BIN)/python tests/native/trial.py leaks
	$(BIN)/python docs/scripts/make_trust.py

soak: $(READY)
	$(call say,soaking: about ten minutes)
	$(BIN)/python benchmarks/soak.py $(SOAK)
	$(BIN)/python docs/scripts/make_trust.py

fuzz: $(READY)
	$(call say,fuzzing: a quarter of an hour)
	$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python tests/fuzz/run.py $(FUZZ)

fuzz-programs: $(READY)
	$(call say,running damaged executables in children (minutes))
	$(BIN)/python tests/fuzz/hostile.py --programs 2000

wheel: $(READY)
	$(call say,building: the source distribution and of that a wheel)
	$(BIN)/python -m pip install --quiet --group wheel
	rm -rf dist build/dist
	$(BIN)/python -m build --no-isolation --outdir build/dist
	$(call say,what the wheel links: libtvm_ffi stays where tvm-ffi has it)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair --exclude libtvm_ffi.so \
	  --wheel-dir dist build/dist/*.whl
	$(BIN)/auditwheel show dist/*.whl
	cp build/dist/*.tar.gz dist
	$(call say,trying the wheel in a new environment (TVM is about 100 MB))
	$(BIN)/python tests/try_wheel.py dist/*.whl $(PYTHONS)

lint: $(READY) lint-c
	$(call say,linting)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

lint-c: $(READY)
	$(call say,compiling C: warnings are errors)
	$(BIN)/cmake -S . -B build/lint -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	  -DVMPROF_STRICT=ON -DVMPROF_HARNESS=ON --log-level=WARNING >/dev/null
	$(BIN)/cmake --build build/lint
	@if command -v clang >/dev/null; then \
	  printf '\n==> compiling C: what clang warns of is an error, too\n' && \
	  $(BIN)/cmake -S . -B build/lint-clang -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	    -DCMAKE_C_COMPILER=clang -DVMPROF_STRICT=ON -DVMPROF_HARNESS=ON \
	    --log-level=WARNING >/dev/null && \
	  $(BIN)/cmake --build build/lint-clang; fi

bench: $(READY)
	$(call say,measuring: about a quarter of an hour on a machine that does nothing else)
	$(BIN)/python benchmarks/run.py $(BENCH) --json docs/data/performance.json; \
	  code=$$?; $(BIN)/python docs/scripts/make_performance.py && exit $$code

docs: $(READY)
	$(call say,building the documentation: build/docs/index.html)
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs build/docs
	$(BIN)/python docs/site/check.py build/docs

docs-links: $(READY)
	$(call say,asking for every page elsewhere)
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/sphinx-build --builder linkcheck --quiet docs build/docs-links

pages: $(READY)
	$(BIN)/python docs/scripts/make_commands.py
	$(BIN)/python docs/scripts/make_formats.py
	$(BIN)/python docs/scripts/make_advice.py
	$(BIN)/python docs/scripts/make_troubleshooting.py
	$(BIN)/python docs/scripts/make_shown.py

$(READY): $(BUILT_FROM)
	$(call need,$(PYTHON) -c 'import sys; assert sys.version_info >= (3$(comma) 10)',Python 3.10 or newer is needed; name one: make PYTHON=python3.12)
	$(call need,$(PYTHON) -c 'import ensurepip$(comma) venv',Python lacks its venv module; on Debian or Ubuntu run: sudo apt install python3-venv)
	$(call need,$(PYTHON) -c 'import os$(comma) sysconfig; assert os.path.exists(os.path.join(sysconfig.get_path("include")$(comma) "Python.h"))',Python lacks its C headers; on Debian or Ubuntu run: sudo apt install python3-dev)
	$(call need,$${CC:-cc} --version,a C compiler is needed; on Debian or Ubuntu run: sudo apt install gcc)
	$(call say,making $(VENV))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@rm -f vmprof/_native.*.so build/*/_native.*.so # an earlier version built them by another name
	$(call say,installing vmprof and what it needs (TVM is about 100 MB))
	$(BIN)/python -m pip install --progress-bar on --group dev --editable .
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info vmprof/*.so

comma := ,
