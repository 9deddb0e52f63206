# The few words of this project. `make` alone explains them. Written for GNU make 3.81 and newer (macOS ships 3.81).

VENV   := .venv
PYTHON := $(VENV)/bin/python
# Extra arguments of `make demo`, `make test` and `make bench`, for instance: make demo ARGS="--machines 50 --speed 20"
ARGS   ?=
# Anything here makes `make test` run every test, as CI does.
LONG   ?=
# Where `make bench` finds recordings: femto/, cmapss/, skab/, cwru/ below this folder.
DATA   ?= $(INDUSTRIALGUARD_DATA)

# What an installation depends on; a change in any of these installs again.
INPUTS := pyproject.toml requirements.lock .python-version tools/install.sh tools/find_uv.sh

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup demo test servers check bench ingest lock proto reference clean

help: ## explain these words
	@echo "usage: make WORD [ARGS=\"...\"]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.installed-all ## install everything that working on the project needs (with TensorFlow)

demo: $(VENV)/.installed-demo ## run a fleet, its cloud and its page on this machine (no TensorFlow needed)
	@$(VENV)/bin/industrialguard demo $(ARGS)

test: $(VENV)/.installed-all ## run the tests (LONG=1: those of minutes too); installs servers where apt-get can
	@sh tools/install_servers.sh
	@UV="$$(sh tools/find_uv.sh)" $(PYTHON) -m tools.servers postgresql kafka -- \
		$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile $(if $(LONG),,-m "not long") $(ARGS)

servers: $(VENV)/.installed-all ## start Mosquitto, PostgreSQL and Kafka on private ports, until Ctrl-C
	@sh tools/install_servers.sh
	@$(PYTHON) -m tools.servers

check: $(VENV)/.installed-all ## lint, types, layers, generated code and documents
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) tools/generate_proto.py --check
	$(PYTHON) tools/write_reference.py --check
	$(PYTHON) -m pytest -q -m "not slow" tests/architecture tests/docs

bench: $(VENV)/.installed-all ## measure the edge model beside simple baselines: make bench DATA=folder
	@$(VENV)/bin/industrialguard bench anomaly --dataset skab --data "$(DATA)" $(ARGS)
	@$(VENV)/bin/industrialguard bench edge

ingest: $(VENV)/.installed-all ## measure the road from device to database, with real servers
	@sh tools/install_servers.sh
	@$(PYTHON) -m tools.servers --require-all -- sh -c 'INDUSTRIALGUARD_MQTT=$$INDUSTRIALGUARD_TEST_MOSQUITTO \
		INDUSTRIALGUARD_STREAM=kafka://$$INDUSTRIALGUARD_TEST_KAFKA \
		INDUSTRIALGUARD_STORE=$$INDUSTRIALGUARD_TEST_POSTGRESQL $(VENV)/bin/industrialguard bench ingest $(ARGS)'

lock: ## resolve the dependencies again into requirements.lock
	"$$(sh tools/find_uv.sh)" pip compile pyproject.toml --universal --all-extras --group dev --generate-hashes \
		--no-emit-index-url --no-annotate -o requirements.lock -q

proto: $(VENV)/.installed-all ## generate the protobuf code again
	$(PYTHON) tools/generate_proto.py

reference: $(VENV)/.installed-all ## write docs/reference.md from the code again
	$(PYTHON) tools/write_reference.py

clean: ## remove the environments and everything that was built
	rm -rf $(VENV) .uv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Everything contains the demo, so `make demo` after `make test` has nothing left to install.
$(VENV)/.installed-demo: $(INPUTS)
	@sh tools/install.sh demo
	@touch $@

$(VENV)/.installed-all: $(INPUTS)
	@sh tools/install.sh all
	@touch $(VENV)/.installed-demo $@
