.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints.txt
TOOLS := $(VENV)/tools
PACKAGING := $(VENV)/packaging
ENGINE ?= docker
VERSION_NOW = $(shell sed -n 's/^__version__ = "\(.*\)"$$/\1/p' daemon/calscim/__init__.py)
CLIENTS := $(VENV)/clients
# What is installed is what was tested: versions and hashes come from the lock files, and nothing is built from source.
HASHED := --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement
COMPILE := $(TOOLS)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-strip-extras --no-emit-index-url --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.PHONY: help run demo test guide reference docs man check format conformance soak systemd chaos bench clean lock audit licenses release
.PHONY: image image-test packaging-check deb deb-test

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(HASHED) $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(STAMP) ## serve with a bundled Postgres and a simulated Cal.com (PORT=9000; PORT=0: any free port)
	$(BIN)/calscim run $(if $(PORT),--port $(PORT))

demo: $(STAMP) ## play a whole story against the simulated Cal.com
	$(BIN)/calscim demo

# Three workers on two cores: tests with daemons as processes wait for most of their time.
test: $(STAMP) ## run the tests, with branch coverage (PG=postgresql://postgres@localhost: on that server; WORKERS=3; COVER=no: faster)
	@$(if $(PG),TEST_POSTGRES='$(PG)') $(BIN)/python -m pytest -n $(or $(WORKERS),3) --dist worksteal $(if $(filter no,$(COVER)),,--cov --cov-report=term)
	@$(if $(filter no,$(COVER)),,printf 'branch coverage of the planner, at least 95 %%: '; \
		$(BIN)/python -m coverage report --include='daemon/calscim/planner/*' --format=total --precision=1 --fail-under=95)

guide: $(STAMP) ## write docs/guide/cases.md and incidents.md again: what calscim prints and sends in each case
	$(BIN)/python -m tests.guide
	$(BIN)/python -m tests.faults.incidents

reference: $(STAMP) ## write the reference pages that are made from the code
	$(BIN)/python -m tools.cli_page
	$(BIN)/python -m tools.events.page
	$(BIN)/python -m tools.metrics_page
	$(BIN)/python -m tools.tables_page
	$(BIN)/python -m tools.configuration
	$(BIN)/python -m tools.openapi.document
	$(BIN)/python -m tools.openapi.listener

docs: $(STAMP) ## build the documentation as a site in build/site, and check its links
	$(BIN)/python -m tools.site

screenshots: $(STAMP) ## take the pictures of docs/guide/console.md (needs Chromium)
	$(BIN)/python -m tools.screenshots

man: $(STAMP) ## write build/man/calscim.1, the manual page
	$(BIN)/python -m tools.man_page

check: $(STAMP) ## format, lint, types, import contracts, dead code, schema, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m pytest -q tests/postgres/test_migrations.py tests/systemd/test_units.py
	$(BIN)/python -m tools.site

format: $(STAMP) ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP) ## the state machine and the properties with many seeds, 250 runs a seed (EXAMPLES=10000 SEED=1); stops at a finding
	@seed=$(or $(SEED),1); left=$(or $(EXAMPLES),10000); while [ $$left -gt 0 ]; do \
		some=$$((left < 250 ? left : 250)); echo "seed $$seed, $$some of $$left runs"; \
		SOAK_EXAMPLES=$$some SOAK_STEPS=40 $(BIN)/python -m pytest -q tests/machine --hypothesis-seed=$$seed || exit 1; \
		$(BIN)/python -m pytest -q tests --ignore tests/machine -m hypothesis --hypothesis-profile=soak --hypothesis-seed=$$seed || exit 1; \
		seed=$$((seed + 1)); left=$$((left - some)); \
	done

systemd: $(STAMP) ## install calscim and try its units on a machine booted for it (root; nothing stays)
	BOOT_MACHINES=1 $(BIN)/python -m pytest -q tests/booted

chaos: $(STAMP) ## kills, outages and drift for some minutes (MINUTES=5 SEED=1); none lost, none twice
	$(BIN)/python -m benchmarks.chaos --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1)

bench: $(STAMP) ## measure against a bare floor and other servers, and write docs/performance.md; asserts nothing
	$(BIN)/python -m benchmarks --write

$(TOOLS)/.installed: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install $(HASHED) requirements/tools.txt
	@touch $@

$(CLIENTS)/%/.installed: requirements/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install $(HASHED) $<
	@touch $@

$(CLIENTS)/npm/.installed: tests/conformance/npm/package-lock.json
	@mkdir -p $(@D) && cp tests/conformance/npm/package.json tests/conformance/npm/package-lock.json $(@D)
	@if command -v npm > /dev/null; then npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent && touch $@; \
		else echo "npm is not installed: the tests of npm packages are skipped"; fi

conformance: $(STAMP) $(CLIENTS)/npm/.installed $(CLIENTS)/conformance/.installed $(CLIENTS)/canaille/.installed ## run SCIM clients of others against the daemon (docs/conformance.md)
	CLIENTS=$(CLIENTS) CONFORMANCE_EXAMPLES=30 $(BIN)/python -m pytest -q tests/conformance

lock: $(TOOLS)/.installed ## write constraints.txt and requirements/ (UPGRADE=1: with the newest releases)
	$(COMPILE) --extra embedded --extra otel --group dev --group build --output-file $(CONSTRAINTS)
	$(COMPILE) --group build --constraint $(CONSTRAINTS) --output-file requirements/serve.txt
	$(COMPILE) --extra embedded --group build --constraint $(CONSTRAINTS) --output-file requirements/embedded.txt
	$(COMPILE) --extra otel --group build --constraint $(CONSTRAINTS) --output-file requirements/otel.txt
	$(COMPILE:pyproject.toml=) --group tools --output-file requirements/tools.txt
	$(COMPILE:pyproject.toml=) --group conformance --output-file requirements/conformance.txt
	$(COMPILE:pyproject.toml=) --group canaille --output-file requirements/canaille.txt
	$(COMPILE:pyproject.toml=) --group packaging --output-file requirements/packaging.txt
	$(PYTHON) -m tools.extras_first $(CONSTRAINTS) requirements/*.txt

audit: $(TOOLS)/.installed ## write dist/sbom.cdx.json and ask whether a dependency has a known vulnerability
	@mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-format JSON --output-file dist/sbom.cdx.json requirements/embedded.txt
	$(PYTHON) -m tools.audit $(TOOLS)/bin/pip-audit dist requirements/embedded.txt requirements/otel.txt $(CONSTRAINTS) requirements/tools.txt

licenses: $(STAMP) ## write docs/reference/licenses.md from what is installed
	$(BIN)/python -m tools.licenses

image: ## build the container image (ENGINE=podman; BASE=another base image; REQUIREMENTS=otel)
	$(ENGINE) build --file packaging/container/Containerfile --build-arg VERSION=$(VERSION_NOW) \
		$(if $(BASE),--build-arg BASE=$(BASE)) $(if $(REQUIREMENTS),--build-arg REQUIREMENTS=$(REQUIREMENTS)) \
		$(if $(findstring podman,$(ENGINE)),--format docker) --tag calscim:$(VERSION_NOW) .

image-test: ## run the container image with an empty database (PG=postgresql://...; ENGINE=podman)
	ENGINE='$(ENGINE)' packaging/container/smoke-test calscim:$(VERSION_NOW) '$(PG)'

$(PACKAGING)/.installed: requirements/packaging.txt
	$(PYTHON) -m venv $(PACKAGING)
	$(PACKAGING)/bin/python -m pip install $(HASHED) requirements/packaging.txt
	@touch $@

packaging-check: $(PACKAGING)/.installed ## check Containerfile, Compose file and manifests with hadolint, yamllint, Kubernetes' schemas
	$(PACKAGING)/bin/hadolint packaging/container/Containerfile
	$(PACKAGING)/bin/yamllint --strict --config-file packaging/yamllint.yaml packaging
	for version in 1.29 1.37; do for file in packaging/kubernetes/*.yaml; do case $$file in \
		*/kustomization.yaml|*/servicemonitor.yaml) ;; \
		*) $(PACKAGING)/bin/kubernetes-validate --quiet --strict -k $$version $$file || exit 1 ;; \
	esac; done; done

deb: ## build the Debian package for this machine's python3 into dist
	packaging/build-deb $(WHEELS)

deb-test: ## install, upgrade, downgrade, remove and purge the Debian package in a debootstrap root (as root)
	packaging/test-deb

release: $(STAMP) ## test the packages of a release, commit it and tag it (VERSION=1.4.0; DRY_RUN=1: only test)
	$(BIN)/python -m tools.release $(VERSION) $(if $(DRY_RUN),--dry-run)

clean: ## remove what was made
	rm -rf $(VENV) var dist build .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
