# Lambent. `make help` lists what there is; README.md says which two to start with.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
CLUSTER_RUN := python3 -m cluster

.PHONY: help demo test check lint types fast compiled cgroup2 venv up down images gvisor status e2e e2e-gvisor hunt nightly dev bench scale faults lock

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

demo: up ## Set everything up, call a function from zero, watch it go back to zero
	@python3 examples/run_demo.py

# The cluster comes before the fast tests: those of the chart need the helm that it brings.
test: lint types up fast compiled e2e ## Set everything up and run every test

check: lint types fast ## Lint, types and the tests that need no cluster

lint: venv ## ruff
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: venv ## mypy, strict
	MYPYPATH=operator $(PYTHON) -m mypy -p lambent
	MYPYPATH=runtime-images/shim $(PYTHON) -m mypy -p lambent_shim
	MYPYPATH=runtime-images/python $(PYTHON) -m mypy -p lambent_runtime
	$(PYTHON) -m mypy -p cluster -p bench

fast: venv ## Unit, property, contract and component tests
	$(PYTHON) -m pytest tests/unit tests/property tests/contract tests/component

compiled: build/compiled/ready ## The tests of activator and shim against the modules as the images have them, compiled to C
	$(PYTHON) -m pytest -o "pythonpath=build/compiled/operator build/compiled/shim runtime-images/python ." \
	  tests/{unit,property,component}/{activator,runtime}

CGROUP2_TESTS ?= tests/component/runtime

cgroup2: venv ## The shim's tests in a small virtual machine with cgroup v2 (CGROUP2_TESTS: others)
	@python3 -m cluster.vm -q $(CGROUP2_TESTS)

COMPILED_FROM := $(shell find operator/lambent runtime-images/shim/lambent_shim -name '*.py') operator/compile_modules.py \
  operator/pyproject.toml runtime-images/shim/pyproject.toml
build/compiled/ready: .venv/ready $(COMPILED_FROM)
	@echo "==> compiling hot modules (build/compiled)"
	@command -v gcc > /dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq gcc libc6-dev python3-dev; } \
	  || { echo "no C compiler: install gcc and Python's headers (Debian: apt-get install gcc python3-dev)"; exit 1; }
	@rm -rf build/compiled && mkdir -p build/compiled/operator build/compiled/shim
	@cp -r operator/lambent build/compiled/operator/ && cp -r runtime-images/shim/lambent_shim build/compiled/shim/
	@cd build/compiled/operator && ../../../$(PYTHON) ../../../operator/compile_modules.py ../../../operator/pyproject.toml
	@cd build/compiled/shim && ../../../$(PYTHON) ../../../operator/compile_modules.py ../../../runtime-images/shim/pyproject.toml
	@touch $@

e2e: venv ## End-to-end tests on the cluster that `make up` made
	$(PYTHON) -m pytest tests/e2e

e2e-gvisor: venv up gvisor ## End-to-end tests of functions that run under gVisor
	LAMBENT_TEST_GVISOR=1 $(PYTHON) -m pytest tests/e2e/test_gvisor.py

hunt: venv ## The property tests with FACTOR (30) times as many examples, others in every run
	LAMBENT_EXAMPLES_FACTOR=$(or $(FACTOR),30) $(PYTHON) -m pytest -o timeout=3600 tests/property

nightly: hunt cgroup2 e2e-gvisor ## What takes too long for every `make test`

venv: .venv/ready ## The virtual environment of tests and tools

.venv/ready: requirements/test.lock
	@echo "==> virtual environment (.venv)"
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } \
	  || { echo "python3 has no venv module: install python3-venv (Debian: apt-get install python3-venv)"; exit 1; }
	@python3 -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/test.lock
	@touch $@

up: ## Bring up a kind cluster with Lambent on it (CLUSTER=existing: your own kubeconfig; NODES=3: several nodes)
	@$(CLUSTER_RUN) up

down: ## Take all of it away
	@$(CLUSTER_RUN) down

images: ## Build the images again and put those that changed into the cluster
	@$(CLUSTER_RUN) load
	@$(CLUSTER_RUN) install

gvisor: ## Put gVisor into the cluster's nodes: runtimeClassName: gvisor (docs/decisions/0013-gvisor.md)
	@$(CLUSTER_RUN) gvisor

status: ## What is up
	@$(CLUSTER_RUN) status

dev: venv ## Serve the functions of FUNCTIONS (default examples/) by local processes: no cluster, no root
	@PYTHONPATH=operator $(PYTHON) -m lambent dev $(or $(FUNCTIONS),examples)

bench: venv up ## Measure, beside other servers; writes bench/out/
	@$(PYTHON) -m bench

scale: venv up ## Measure with ten thousand functions on simulated nodes (QUICK=1: a first look); writes bench/out/
	@$(PYTHON) -m bench.scale $(if $(QUICK),--quick)

faults: venv up ## Strike with every fault under load (NODES=3: drain a node too); writes bench/out/faults.md
	@$(PYTHON) -m tests.e2e.faults

lock: venv ## Resolve requirements/*.in into hashed lock files
	@bash requirements/lock
