# checkout-async: the contributor's menu. `make` alone prints it.
# Every target first sets up .venv if it is missing or out of date.

PYTHON ?= python3
VENV   := .venv
SIMULATE := .venv-simulate
ENGINES := .venv-engines
ARQ := .venv-arq
GENERATOR := .venv-generator
BENCH := .venv-bench
DOCS := .venv-docs
BIN    := $(VENV)/bin
# One more than there are cores: the tests of batches and commands wait for processes half of the time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
SEEDS  ?= 100
SAMPLE ?= 200
SEED   ?= 1
JOBS   ?= 1
KILLS  ?= 100
# The last release; until there is one, the state of the specification from which changes are counted.
BASELINE := 3d28c30
SINCE  ?= $(or $(shell git tag --list 'v*' --sort=-v:refname | head -n 1),$(BASELINE))
PUSH   ?= --push
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Without bytecode, each of the processes that the tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo shop test check test-kills test-services test-browser screenshots matrix fuzz simulate simulate-scale scale-real test-simulation simulate-night engines try-arq generate check-generated diff upgrade-generator check-bundle lint format type docs deploy-docs look-at-docs serve-docs bench bench-guard bench-codec bench-growth bench-batch bench-memory mutants build dist check-dist test-lowest test-matrix licences audit release clean

help: ## Print this menu.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.cli ## Authenticate a batch of 3000 test cards through the SDK against the simulator.
	@$(BIN)/python examples/demo.py

shop: $(VENV)/.cli ## Run a small web shop with 3D Secure against the simulator, and print its address.
	@$(BIN)/python -m examples.shop

test: $(VENV)/.test ## Run all tests (four minutes), and print the slowest ten.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10

check: $(VENV)/.dev lint check-generated ## Check in under a minute: style, layers, generated code, and the tests that are neither slow nor costly.
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not costly" --hypothesis-profile=quick

test-kills: $(VENV)/.test ## Kill a batch a hundred times (one minute; KILLS=400), where `make test` does so 25 times.
	@KILLS=$(KILLS) PYTEST_DEBUG_TEMPROOT=$${TMPDIR:-/tmp} $(BIN)/python -m pytest -q -s tests/batch/test_kill.py

test-services: $(VENV)/.test ## Install redis-server (Debian, Ubuntu) if it is missing, and run the tests that need it.
	@scripts/install_redis
	@$(BIN)/python -m pytest -m services

test-browser: $(VENV)/.browser ## Install Chromium (Debian) if it is missing, and test the shop in it.
	@scripts/install_chromium
	@$(BIN)/python -m pytest -m browser

screenshots: $(VENV)/.browser ## Take the screenshots in docs/images again, with Chromium.
	@scripts/install_chromium
	@$(BIN)/python -m tests.browser.screenshots

matrix: $(VENV)/.test ## Run every class of operations against every fault and print how each call ended.
	@$(BIN)/python -m tests.faults

mutants: $(VENV)/.test ## Change the money path in 200 places, one at a time, and count how many changes the tests notice.
	@$(BIN)/python -m scripts.mutants --sample $(SAMPLE) --seed $(SEED) --jobs $(JOBS)

fuzz: $(VENV)/.test ## Run the property tests of replies and inputs with many more examples.
	@$(BIN)/python -m pytest tests/fuzz --hypothesis-profile=thorough

simulate: $(SIMULATE)/.ready ## Run client, API and network in SEEDS=100 simulated worlds (or FOR=60 seconds, or REPLAY=seed). Needs Python 3.12.
	@$(SIMULATE)/bin/python -m tests.simulation $(if $(REPLAY),--replay $(REPLAY),$(if $(FOR),--seconds $(FOR),--seeds $(SEEDS)))

simulate-scale: $(VENV)/.test ## Simulate up to a thousand workers that share rates and a token (ten minutes; JOBS=2, ONLY=events).
	@$(BIN)/python -m tests.simulation.scale --jobs $(JOBS) $(if $(ONLY),--only $(ONLY),--json benchmarks/scale.json --svg docs/images/scale.svg)

scale-real: $(VENV)/.test ## Measure the same with real processes and a real redis-server (three minutes).
	@scripts/install_redis
	@$(BIN)/python -m tests.simulation.scale.real

test-simulation: $(SIMULATE)/.ready ## Test the simulation: it is a function of its seed, and finds planted defects.
	@$(SIMULATE)/bin/python -m pytest -q tests/simulation

simulate-night: $(SIMULATE)/.ready ## Plant known defects, then simulate for eight hours.
	@$(SIMULATE)/bin/python -m tests.simulation --defects --jobs 2
	@$(SIMULATE)/bin/python -m tests.simulation --seconds 28800

engines: $(ENGINES)/.ready ## Run the recipes of docs/cluster.md on real Spark and Ray (1 GB; Spark needs Java 17).
	@$(ENGINES)/bin/python scripts/try_engines.py

try-arq: $(ARQ)/.ready ## Run the arq worker of docs/workers.md with real arq and redis-server.
	@scripts/install_redis
	@PYTHONPATH=. $(ARQ)/bin/python scripts/try_arq.py

generate: $(VENV)/.codegen ## Compile openapi/ into checkout_async/_generated/ and docs/api.md.
	@$(BIN)/python -m codegen

check-generated: $(VENV)/.codegen ## Fail with a diff if the committed output is not what `make generate` gives, or if `codegen lint` asks.
	@$(BIN)/python -m codegen --check
	@$(BIN)/python -m codegen lint

diff: $(VENV)/.codegen ## Say what changed for callers since the last release (or SINCE=revision, bundle or folder), and fail if no one accepted it.
	@$(BIN)/python -m codegen diff $(SINCE) .

upgrade-generator: $(VENV)/.codegen ## Try the newest datamodel-code-generator (or TO=version), and show what it changes. PIN=1 edits pyproject.toml.
	@$(BIN)/python scripts/upgrade_generator.py --environment $(GENERATOR) $(if $(TO),--version $(TO)) $(if $(PIN),--pin)

check-bundle: $(VENV)/.codegen ## Check the bundled OpenAPI document with other tools: two linters and two generators. Needs npm.
	@$(BIN)/python scripts/check_bundle.py

lint: $(VENV)/.lint ## Check style and formatting with ruff, the layers with import-linter, and workflows with zizmor.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@[ ! -d .github ] || $(BIN)/zizmor --quiet --offline --no-progress .github

format: $(VENV)/.lint ## Fix lint and formatting with ruff.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

type: $(VENV)/.browser ## Check types, strictly, with mypy and pyright, and that every public name has one.
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes checkout_async --ignoreexternal

bench-memory: $(VENV)/.test ## Measure the memory of a batch of ten thousand and of a million records (ten minutes or more).
	@$(BIN)/python benchmarks/batch.py memory 10000 1000000

bench: $(BENCH)/.ready ## Compare the client with hand-written code and other SDKs, on asyncio and on uvloop (ten minutes).
	@$(BENCH)/bin/python benchmarks/compare.py $(if $(ONLY),--only $(ONLY)) --json benchmarks/results.json --svg docs/images/performance.svg
	@$(BENCH)/bin/python scripts/figures.py

bench-guard: $(BENCH)/.ready ## Fail if the client got slower by a tenth than the committed results, as ratios (two minutes).
	@$(BENCH)/bin/python benchmarks/compare.py --loop asyncio --in-flight 64 --guard benchmarks/results.json

bench-codec: $(VENV)/.test ## Compare reading and writing the largest documented bodies with other libraries.
	@$(BIN)/python benchmarks/codec.py

bench-growth: $(VENV)/.test ## Measure whether cost and memory grow with calls, calls in flight and faults (three minutes).
	@$(BIN)/python benchmarks/growth.py

bench-batch: $(VENV)/.test ## Measure a batch against the bare loop, and what a kept connection risks, as ratios.
	@$(BIN)/python benchmarks/batch.py
	@$(BIN)/python benchmarks/keepalive.py

docs: $(DOCS)/.ready ## Build the documentation site into site/. Any warning, dead link or dead anchor fails it.
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

look-at-docs: docs $(VENV)/.browser ## Open every page of the site in Chromium, on a phone and a desktop, offline (ten minutes; SHOTS=folder saves pictures).
	@scripts/install_chromium
	@$(BIN)/python -m scripts.website.look site "$(SHOTS)" $(PAGES)

serve-docs: $(DOCS)/.ready ## Serve the documentation site on port 8000, and build it again when a page changes.
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs serve

deploy-docs: $(DOCS)/.ready ## Publish the site as this version, X.Y, and as the latest (the release does it).
	@git config user.name > /dev/null || git config user.name "checkout-async"
	@git config user.email > /dev/null || git config user.email "docs@checkout-async.invalid"
	@export PATH="$(CURDIR)/$(DOCS)/bin:$$PATH" NO_MKDOCS_2_WARNING=1 && \
		version=$$(python -c 'from checkout_async import __version__; print(*__version__.split(".")[:2], sep=".")') && \
		mike deploy $(PUSH) --update-aliases "$$version" latest && mike set-default $(PUSH) latest

build: $(VENV)/.python ## Build the wheel and test it in an empty environment.
	@$(BIN)/python scripts/try_wheel.py

dist: $(VENV)/.dist ## Build the sdist and the wheel into dist/, each twice, and check them.
	@$(BIN)/python scripts/check_dist.py

check-dist: $(VENV)/.dist ## Check the same, and leave dist/ alone.
	@$(BIN)/python scripts/check_dist.py --check

test-lowest: $(VENV)/.test ## Run the quick tests with the lowest declared dependencies (ON=3.11: on one Python).
	@$(BIN)/python scripts/test_matrix.py --set lowest $(if $(ON),--python $(ON))

test-matrix: $(VENV)/.test ## Run the quick tests with the newest and the lowest dependencies on every Python found here.
	@$(BIN)/python scripts/test_matrix.py $(if $(ON),--python $(ON)) $(if $(WITH),--set $(WITH))

licences: $(VENV)/.test ## Check the licences in docs/dependencies.md against the installed packages.
	@$(BIN)/python scripts/dependencies.py licences --check

audit: $(VENV)/.test $(VENV)/.audit ## Look for known vulnerabilities in what users install. Needs PyPI's JSON API.
	@$(BIN)/python scripts/dependencies.py pins > $(VENV)/pins.txt
	@$(BIN)/pip-audit --strict --no-deps --disable-pip --requirement $(VENV)/pins.txt

release: $(VENV)/.test ## Run the checklist before a release (STEPS=list names its steps). It publishes nothing.
	@$(BIN)/python scripts/release.py $(STEPS)

clean: ## Remove everything that the other targets create.
	rm -rf $(VENV) .venv-matrix $(SIMULATE) $(ENGINES) $(ARQ) $(BENCH) $(DOCS) $(GENERATOR) .codegen_cache build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# Dependency groups need pip 25.1.
$(VENV)/.pip: $(VENV)/.python
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.cli: $(VENV)/.pip pyproject.toml
	@$(PIP) install --editable '.[cli]'
	@touch $@

$(VENV)/.codegen: $(VENV)/.pip pyproject.toml
	@$(PIP) install --editable '.[codegen]'
	@touch $@

$(VENV)/.lint: $(VENV)/.pip pyproject.toml
	@$(PIP) install --editable . --group lint
	@touch $@

$(VENV)/.test: $(VENV)/.pip pyproject.toml
	@$(PIP) install --editable '.[all,codegen]' --group test
	@touch $(VENV)/.cli $(VENV)/.codegen $@

$(VENV)/.dev: $(VENV)/.pip pyproject.toml
	@$(PIP) install --editable '.[all,codegen]' --group dev
	@touch $(VENV)/.cli $(VENV)/.codegen $(VENV)/.lint $(VENV)/.test $@

$(VENV)/.browser: $(VENV)/.dev
	@$(PIP) install --group browser
	@touch $@

$(VENV)/.dist: $(VENV)/.pip pyproject.toml
	@$(PIP) install --group dist
	@touch $@

$(VENV)/.audit: $(VENV)/.pip pyproject.toml
	@$(PIP) install --group audit
	@touch $@

# The environments beside $(VENV): what each contains, and how it is made.
$(SIMULATE)/.ready: CONTENTS := --editable '.[all,codegen]' --group simulate
$(ENGINES)/.ready: CONTENTS := --editable '.[cli]' --group engines
$(ARQ)/.ready: CONTENTS := --editable '.[sandbox]' --group arq
$(BENCH)/.ready: CONTENTS := --editable . --group bench
$(DOCS)/.ready: CONTENTS := --editable '.[sandbox]' --group docs
$(SIMULATE)/.ready: INTERPRETER := $$(scripts/find_python 3.12)
INTERPRETER := $(PYTHON)

$(ENGINES)/.ready $(ARQ)/.ready $(BENCH)/.ready $(DOCS)/.ready: $(VENV)/.python
$(SIMULATE)/.ready $(ENGINES)/.ready $(ARQ)/.ready $(BENCH)/.ready $(DOCS)/.ready: %/.ready: pyproject.toml
	@python=$(INTERPRETER) && echo "Setting up $* with $$python ..." && $$python -m venv $*
	@$*/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	@$*/bin/python -m pip --disable-pip-version-check --quiet install $(CONTENTS)
	@touch $@
