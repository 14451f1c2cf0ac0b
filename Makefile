# Each target sets up what it needs: a virtual environment in .venv, made once, with the pinned versions.

PYTHON ?= python3
STUDENTS ?= 60
JOBS ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2)
BIN := .venv/bin
READY := .venv/.ready
TEST_READY := .venv/.test-ready
BENCH_READY := .venv/.bench-ready

QUICK := tests/test_architecture.py tests/test_docs.py tests/test_environment.py \
  $(addprefix tests/igref/test_,package.py layers.py attribution.py quadrature.py baselines.py) \
  $(addprefix tests/autograder/test_,verdict.py evidence.py submitted.py truth.py)

# Where this is set, each process compiles torch anew, which takes it longer than all else that it does at its start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint assignments student-kit calibrate hostile kills lecture bench bench-class browser postgresql doctor clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# One line for each package while it is fetched. A shell's pipe forgets that its first part failed: so that leaves a file.
define install
@rm -f .venv/.failed
@{ $(BIN)/python -m pip install --no-compile --no-color --progress-bar off --disable-pip-version-check \
  --constraint constraints.txt --editable '.[$(1)]' 2>&1 || touch .venv/.failed; } | tee .venv/install.log | \
  grep --line-buffered -oE '^(Collecting [^ ]+|Installing collected packages)'; \
  test ! -e .venv/.failed || { tail -n 20 .venv/install.log; exit 1; }
endef

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv, once: about a minute ..."
	@$(PYTHON) -m venv .venv || { echo "Python's venv is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(call install,lecture)
	@# Their byte code, which no sandbox can write, nor the process that kernels are forked from.
	@PYDEVD_DISABLE_FILE_VALIDATION=1 $(BIN)/python -c 'import ipykernel.debugger, ipykernel.kernelapp, matplotlib.pyplot, skimage.data, skimage.transform, sklearn.datasets'
	@touch $@

$(TEST_READY): $(READY)
	$(call install,test)
	@touch $@

$(BENCH_READY): $(READY)
	$(call install,bench)
	@touch $@

demo: $(READY)  ## grade a small class of made-up students: who got what, and why
	@$(BIN)/python -m autograder demo --workers $(JOBS)

test: $(TEST_READY)  ## run every test, or some of them: make test ARGS="tests/igref -k adaptive"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

check: lint  ## lint, types and the quick tests: under a minute
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(QUICK)

lint: $(TEST_READY)  ## check style, formatting, types and spelling
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/codespell

assignments: $(READY)  ## make assignments/ from solutions/
	@$(BIN)/python -m autograder release

student-kit: $(READY)  ## make what students get: two wheels and a zip in dist/
	@$(BIN)/python -m autograder student-kit

calibrate: $(TEST_READY)  ## how often is the grader wrong? hand in the whole corpus, write docs/calibration.md
	@FUNCTIONS=all OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses $(JOBS) --dist worksteal tests/autograder/test_functions.py
	@$(BIN)/python -m tests.calibration --jobs $(JOBS) $(ARGS)

hostile: $(TEST_READY)  ## attackers and damaged notebooks, all of them: who gains a point, who loses one
	@HOSTILE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile tests/hostile \
	  tests/autograder/test_attacks.py tests/autograder/test_sandbox.py tests/autograder/test_evidence.py tests/autograder/test_study_cheats.py tests/autograder/test_model_files.py

kills: $(TEST_READY)  ## kill the grader and its worker at fifty random moments: the grades are those of an undisturbed class
	@KILLS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/autograder/test_kills.py

lecture: $(READY)  ## build the slides, the demos, the explorer and the live page into lecture/built/
	@$(BIN)/python -m lecture

browser:  ## install Chromium, with which the tests look at the lecture, and npm, which fetches the live page's runtime (Debian, Ubuntu)
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	@command -v npm >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends npm; }

postgresql:  ## install PostgreSQL's server, in which a test keeps a gradebook (Debian, Ubuntu)
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; }

bench: $(BENCH_READY)  ## measure igref beside Captum and PAIR saliency
	@$(BIN)/python -m benchmarks

bench-class: $(BENCH_READY)  ## measure grading a class beside stock nbgrader; fewer students: make bench-class STUDENTS=6
	@$(BIN)/python -m benchmarks.class_alike
	@$(BIN)/python -m benchmarks.class_run --students $(STUDENTS)
	@$(BIN)/python -m benchmarks.report

doctor: $(READY)  ## check this machine: [OK] or [FAIL], line by line
	@$(BIN)/python -m igref.doctor

clean:  ## remove the virtual environment and everything that can be made again
	@rm -rf .venv build lecture/built lecture/live/node_modules *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
