# Nothing has to be installed first but Python 3.11 to 3.13 and make; the first target called makes .venv.
#   make demo      the main job, end to end, in minutes on two CPU cores
#   make test      the quick tests            make check     format, lint and types
#   make test-all  the slow tests as well     make bench     the benchmarks
#   make docs      the documentation as a site, in build/site
#   make lock      newer versions of what is installed, into requirements.lock
#   make floor     the quick tests with the oldest versions that pyproject.toml allows
# Another interpreter: make test PYTHON=/path/to/python3.12

VENV ?= .venv
TORCH := torch==2.13.0
UV := uv==0.13.9
EXTRAS := graphs,plot,hf,wandb,notebooks,explore,sweeps,docs,fuzz,dev
LOCK := requirements.lock
FLOOR := build/floor

BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
# One retry: where PyTorch's own index cannot be reached, that must be known at once.
UV_INSTALL := UV_HTTP_RETRIES=1 $(BIN)/uv pip install -q --python $(BIN)/python
# Versions of all that is installed, on every system; the build of PyTorch is the machine's to choose.
comma := ,
VERSIONS = $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header \
  $(addprefix --extra ,$(subst $(comma), ,$(EXTRAS))) pyproject.toml
BUILDS := ^(torch|triton|cuda-|nvidia-)

# All but what the others import, the one that needs a GPU, and the one of twenty minutes.
BENCHMARKS := $(filter-out benchmarks/headline.py benchmarks/plain.py benchmarks/gpu.py benchmarks/paper_size.py, $(wildcard benchmarks/*.py))

.PHONY: demo check test test-all bench docs lock floor $(VENV)
.NOTPARALLEL:

demo: $(INSTALLED)
	@$(BIN)/geomem train --preset paper_5000x5 --track_embedding_evolution --tracking_schedule log
	@$(BIN)/geomem report latest
	@echo "geomem lies in $(BIN); to call it by its name alone: source $(BIN)/activate"

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

test: $(INSTALLED)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow and not gpu"

test-all: $(INSTALLED)
	@$(BIN)/python -m pytest -q

bench: $(INSTALLED)
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file; done

docs: $(INSTALLED)
	@$(BIN)/python docs/check_links.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "the site: build/site/index.html"

lock: $(INSTALLED)
	@found=$$(echo "$(TORCH)" | $(VERSIONS) -) && echo "$$found" | grep -vE "$(BUILDS)" > $(LOCK)

# Where old versions meet new ones they warn: here that is no error.
floor: $(INSTALLED)
	@mkdir -p $(FLOOR)
	@$(VERSIONS) --resolution lowest-direct > $(FLOOR)/versions
	@grep -vE "$(BUILDS)" $(FLOOR)/versions > $(FLOOR)/lock
	@$(MAKE) $(FLOOR)/venv VENV=$(FLOOR)/venv LOCK=$(FLOOR)/lock TORCH=$$(grep ^torch== $(FLOOR)/versions)
	@$(FLOOR)/venv/bin/python -m pytest -q -W default -m "not slow and not gpu"

$(VENV): $(INSTALLED)

# The stamp is written last: without it the environment is unfinished and is made anew, with it
# (that is, after a change of pyproject.toml or the lock) it is brought up to date. uv asks PyTorch's
# own index for the build that fits this machine, the CPU build where there is no GPU. What uv cannot
# install, or cannot reach, pip does. torch comes first, so that the package does not choose its build.
$(INSTALLED): pyproject.toml $(LOCK)
	@set -eu; \
	if ! { [ -e $@ ] && $(BIN)/python -m pip --version; } >/dev/null 2>&1; then \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python) ""; do \
	    $${python:-false} -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	      2>/dev/null && break || true; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one (on Debian and Ubuntu:" >&2; \
	    echo "python3 and python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$python --version), once; a minute or two on a quick network"; \
	  $$python -m venv --clear $(VENV); \
	else \
	  echo "Bringing $(VENV) up to date with pyproject.toml and $(LOCK)"; \
	fi; \
	rm -f $@; \
	$(PIP) $(UV) 2>/dev/null || true; \
	$(UV_INSTALL) -c $(LOCK) --torch-backend=auto "$(TORCH)" 2>/dev/null || $(PIP) -c $(LOCK) "$(TORCH)"; \
	$(UV_INSTALL) -c $(LOCK) -e ".[$(EXTRAS)]" 2>/dev/null || $(PIP) -c $(LOCK) -e ".[$(EXTRAS)]"; \
	touch $@
