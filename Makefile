# Four verbs. Everything else is `podvow --help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One stamp says that the environment is as pyproject.toml wants it.
READY := $(VENV)/.ready

# Tests of the harness on a cluster that CI has no time for on a slow machine: minutes each.
LONG := tests/cluster/test_mutants.py tests/cluster/test_deadman.py tests/cluster/test_rbac.py tests/cluster/test_resume.py tests/cluster/test_interlock.py tests/cluster/test_upgrade.py

.PHONY: run test test-offline test-cluster test-long torture reliability fuzz lint claims report bench down clean

run: $(READY)            ## set everything up, get a cluster, judge it, write the report
	$(BIN)/podvow run --up $(ARGS)

test: test-offline test-cluster  ## the harness's own tests: offline ones first, then those on a real cluster

test-offline: $(READY)
	$(BIN)/pytest -q tests/offline $(ARGS)

test-cluster: $(READY)   ## on podvow's kind cluster, or on the one that PODVOW_TEST_CLUSTER names
	$(BIN)/podvow up $(if $(PODVOW_TEST_CLUSTER),--name $(PODVOW_TEST_CLUSTER))
	$(BIN)/pytest -q tests/cluster $(LONG:%=--ignore %) $(ARGS)

test-long: $(READY)      ## the longer tests of the harness on the same cluster: timers, permissions, resuming, interlock; upgrades on their own
	$(BIN)/podvow up $(if $(PODVOW_TEST_CLUSTER),--name $(PODVOW_TEST_CLUSTER))
	$(BIN)/pytest -q $(LONG) $(ARGS)

torture: $(READY)        ## the suites on the kind cluster through a proxy that disturbs; no verdict may be wrong (docs/torture.md)
	$(BIN)/podvow up
	$(BIN)/python -m tests.torture $(ARGS)

lint: $(READY)           ## ruff, mypy, and whether docs/claims.md is up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/podvow claims --check docs/claims.md

claims: $(READY)         ## write docs/claims.md from the register
	$(BIN)/podvow claims --markdown >docs/.claims.md && mv docs/.claims.md docs/claims.md

report: $(READY)         ## render allure (needs Node)
	$(BIN)/podvow report

reliability: $(READY)    ## kill the harness at every journalled step of every kind of fault, on clusters of its own (--per-selection N: fewer)
	$(BIN)/python -m tests.reliability $(ARGS)

fuzz: $(READY)           ## damaged files on every reader for a minute: figures, reports/fuzz.json
	$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(READY)          ## five runs: wall time, limit L*, CPU, requests
	$(BIN)/python scripts/bench

down: $(READY)           ## remove cluster, engine, mounts
	$(BIN)/podvow down

$(READY): pyproject.toml
	scripts/bootstrap $(PYTHON) $(VENV)
	touch $@

clean: down
	rm -rf $(VENV) reports/runs reports/latest
