# All there is to do here. A fresh machine needs make and Python 3.11 or later with venv and pip, nothing else.
#   make serve ARGS="--port 9000"      make test PYTHON=python3.13 VENV=.venv313      make lock ARGS=--upgrade

PYTHON ?= python3
VENV   ?= .venv
UV     ?= uv
IMAGE  ?= cdnserve
ENGINE ?= $(notdir $(shell command -v docker || command -v podman || command -v buildah || echo docker))
ARGS   ?=
# So many releases, rollbacks, clients of each replica, kills and races does `make proofs` do; `make test` a few of each.
PROOFS ?= CDNSERVE_PROOF_RELEASES=100 CDNSERVE_PROOF_ROLLBACKS=5 CDNSERVE_PROOF_CLIENTS=2 CDNSERVE_PROOF_KILLS=50 CDNSERVE_PROOF_RACES=50

BIN     := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation
# Wheels only: nothing is compiled, and no build step fetches anything. (One of the tests' is plain Python, but has no wheel.)
# The files name every dependency, so nothing is resolved: what the index holds today makes no difference.
HASHED  := $(INSTALL) --require-hashes --no-deps --only-binary :all:
CHECKED := $(BIN)/python -m pip check --quiet --disable-pip-version-check
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
PROVEN  := cdnserve/rules/*,cdnserve/origin/*
# Tests that failed (status 1) are run once more, one at a time: only those pass that the others had left no time.
ALONE   := { test $$? -eq 1 && $(BIN)/python -m pytest --last-failed --maxfail 1 --cov --cov-append --cov-report=; }

.DELETE_ON_ERROR:
.PHONY: serve test check bench docs dist image image-test swift proofs lock

serve: $(VENV)/serve.stamp ## build and serve public/
	$(BIN)/cdnserve serve public $(ARGS)

# Compiled once for the many processes that tests start, also where somebody has switched that off.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/test.stamp ## run every test; all branches of the protocol rules, 90 % of the rest
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --cov --cov-report= || $(ALONE)
	$(BIN)/coverage report --include '$(PROVEN)' --fail-under 100
	$(BIN)/coverage report --omit '$(PROVEN)' --fail-under 90

check: $(VENV)/test.stamp ## lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/python -m pytest --quiet tests/test_layers.py

bench: $(VENV)/bench.stamp ## measure the build, the start, `sync` beside npm, and what a request costs beside other servers
	$(BIN)/python -m bench.release
	$(BIN)/python -m bench.libraries
	$(BIN)/python -m bench.serve $(ARGS)

docs: $(VENV)/docs.stamp ## write docs/ as a site into build/docs, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

dist: $(VENV)/test.stamp ## write an sdist, and a wheel that is built from it, into dist/
	$(BIN)/python -m build --no-isolation

image: ## build a container image
	$(ENGINE) build --tag $(IMAGE) $(ARGS) .

image-test: $(VENV)/test.stamp ## build the image without an engine, run it, ask it (as root, with buildah and debootstrap)
	CDNSERVE_IMAGE_TEST=1 $(BIN)/python -m pytest tests/image

swift: $(VENV)-swift/stamp ## install the object store that the tests start, into an environment of its own

proofs: $(VENV)/test.stamp swift ## prove at length, against a real object store, what is said of replicas and publishers (half an hour)
	CDNSERVE_REQUIRE_STORE=1 $(PROOFS) $(BIN)/python -m pytest tests/proofs/test_publishers.py tests/proofs/test_replicas.py \
	  tests/release/scenarios/test_publish_killed.py
	CDNSERVE_PROOF_REPLICAS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal tests/contract

lock: ## resolve the dependencies in pyproject.toml into requirements/ (needs uv)
	$(COMPILE) $(ARGS) --extra store --output-file requirements/serve.txt pyproject.toml >/dev/null
	$(COMPILE) $(ARGS) --output-file requirements/build.txt --constraint requirements/serve.txt --group build >/dev/null
	$(COMPILE) $(ARGS) --output-file requirements/bench.txt --constraint requirements/serve.txt --group bench >/dev/null
	$(COMPILE) $(ARGS) --output-file requirements/test.txt --constraint requirements/serve.txt --constraint requirements/build.txt \
	  --group test pyproject.toml >/dev/null
	$(COMPILE) $(ARGS) --output-file requirements/docs.txt --constraint requirements/test.txt --group docs >/dev/null
	$(COMPILE) $(ARGS) --output-file requirements/swift.txt --group swift >/dev/null

# A stamp is written by the last line of its recipe, so an install that was interrupted starts again.
$(VENV)/serve.stamp: pyproject.toml requirements/build.txt requirements/serve.txt
	@echo "installing into $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cdnserve needs Python 3.11 or later: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(HASHED) -r requirements/build.txt
	@$(HASHED) -r requirements/serve.txt
	@$(INSTALL) --no-index --no-deps --editable .
	@$(CHECKED)
	@touch $@

$(VENV)/bench.stamp: $(VENV)/serve.stamp requirements/bench.txt
	@echo "installing what is measured beside into $(VENV)"
	@$(HASHED) -r requirements/bench.txt
	@$(CHECKED)
	@touch $@

$(VENV)/docs.stamp: $(VENV)/serve.stamp requirements/docs.txt
	@echo "installing what the docs need into $(VENV)"
	@$(HASHED) -r requirements/docs.txt
	@$(CHECKED)
	@touch $@

$(VENV)/test.stamp: $(VENV)/serve.stamp requirements/test.txt
	@echo "installing what the tests need into $(VENV)"
	@$(HASHED) --no-binary sniffpy -r requirements/test.txt
	@$(CHECKED)
	@touch $@

$(VENV)-swift/stamp: requirements/swift.txt
	@echo "installing the object store that the tests start into $(VENV)-swift"
	@$(PYTHON) -m venv $(VENV)-swift
	@$(VENV)-swift/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r $<
	@touch $@
