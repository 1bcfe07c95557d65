# Nothing has to be installed first but Python 3.11 to 3.13 and make; the first target called makes .venv.
#   make demo      the main job, end to end, in minutes on two CPU cores
#   make test      the quick tests            make check     format, lint and types
#   make test-all  the slow tests as well     make bench     the benchmarks
#   make docs      the documentation as a site, in build/site
# Another interpreter: make test PYTHON=/path/to/python3.12

VENV ?= .venv
TORCH := torch==2.13.0
UV := uv==0.13.9
EXTRAS := graphs,plot,hf,notebooks,explore,sweeps,docs,fuzz,dev

BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
# One retry: where PyTorch's own index cannot be reached, that must be known at once.
UV_INSTALL := UV_HTTP_RETRIES=1 $(BIN)/uv pip install -q --python $(BIN)/python

# All but what the others import, and the one that needs a GPU.
BENCHMARKS := $(filter-out benchmarks/headline.py benchmarks/plain.py benchmarks/gpu.py, $(wildcard benchmarks/*.py))

.PHONY: demo check test test-all bench docs $(VENV)
.NOTPARALLEL:

demo: $(INSTALLED)
	@$(BIN)/geomem train --preset demo

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

test: $(INSTALLED)
	@$(BIN)/python -m pytest -q -m "not slow and not gpu"

test-all: $(INSTALLED)
	@$(BIN)/python -m pytest -q

bench: $(INSTALLED)
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file; done

docs: $(INSTALLED)
	@$(BIN)/python docs/check_links.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "the site: build/site/index.html"

$(VENV): $(INSTALLED)

# The stamp is written last: without it the environment is unfinished and is made anew, with it
# (that is, after a change of pyproject.toml) it is brought up to date. uv asks PyTorch's own index
# for the build that fits this machine, the CPU build where there is no GPU. What uv cannot install,
# or cannot reach, pip does. torch comes first, so that the package does not choose its build.
$(INSTALLED): pyproject.toml
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
	  echo "Bringing $(VENV) up to date with pyproject.toml"; \
	fi; \
	rm -f $@; \
	$(PIP) $(UV) 2>/dev/null || true; \
	$(UV_INSTALL) --torch-backend=auto "$(TORCH)" 2>/dev/null || $(PIP) "$(TORCH)"; \
	$(UV_INSTALL) -e ".[$(EXTRAS)]" 2>/dev/null || $(PIP) -e ".[$(EXTRAS)]"; \
	touch $@
