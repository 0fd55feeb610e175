# Every target works on a fresh Debian 12 machine as root and installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Our own processes must see the collection of this checkout, not one installed elsewhere.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build:$(CURDIR)/.venv/bundle
PART := tools/part
PYTHON_MINOR = $(shell $(CURDIR)/.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: help venv lab-tools stage demo demo-down static unit unit-3.9 sanity artefact test test-quick test-long lint integration molecule \
  times bench lock docs release clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv:
	@tools/venv

lab-tools: ## what the lab needs of this machine
	@tools/apt podman runc catatonit netavark iptables mmdebstrap openssl gnupg apt-utils openssh-client iproute2

stage: venv
	@tools/stage

demo: ## a real broker, Redis with Sentinel and a real cluster, made from nothing, twice
	@tools/demo

demo-down: ## remove what the demo made
	@tools/demo-down

static: stage
	@$(PART) "ruff" ruff check --quiet .
	@$(PART) "ruff format" ruff format --quiet --check .
	@$(PART) "mypy" env MYPYPATH=build mypy --package ansible_collections.eco2.platform.plugins

unit: stage
	@$(PART) "unit tests" env ECO2_RECORD=unit pytest --quiet tests/unit

unit-3.9: stage
	@$(PART) "unit tests on Python 3.9" tools/unit-3.9

sanity: stage
	@$(PART) "ansible-test sanity" tools/ansible-test sanity --venv --python $(PYTHON_MINOR) --color no

artefact: stage
	@$(PART) "docs, changelog, ansible-lint, galaxy-importer" tools/lint-collection

# Two at a time, the longest first; the output of each comes at its end.
TWO = $(MAKE) --no-print-directory --jobs=2 --output-sync=target --keep-going
test-quick: ## everything that needs no server
	@$(TWO) static unit unit-3.9

lint:
	@$(TWO) sanity artefact

integration: stage lab-tools
	@$(PART) "ansible-test integration" tools/integration

test: ## everything that proves the project
	@rm -rf build/times
	@$(TWO) static sanity unit artefact unit-3.9
	@$(MAKE) --no-print-directory lab-tools
	@status=0; $(PART) "live tests and ansible-test integration" python tools/live.py || status=$$?; \
	  python tools/times.py; cat build/live-sum; exit $$status

times: ## keep the times of the last test run, by which live tests are put in order
	@python tools/times.py --keep

# What does more if it may take longer: random and fatal cases four times as often, all servers, other releases of Kubernetes, built for it.
LONG = $(shell grep -lE 'ECO2_TIMES|import (LINES|LONG)\b' tests/live/test_*.py)
test-long: stage lab-tools molecule ## what is too long for CI: builds two more releases of Kubernetes
	@$(PART) "live tests, at length" env ECO2_TIMES=4 python tools/live.py $(LONG)
	@cat build/live-sum

molecule: stage lab-tools ## a scenario for each role, on machines that are made once
	@$(PART) "molecule" sh -c "molecule destroy && molecule test --all"

bench: stage lab-tools ## side by side with what a user would use instead; writes benchmarks/latest.json
	@python -m benchmarks

docs: stage ## the documentation as a site, in build/site
	@$(PART) "documentation site" tools/docs-site

release: stage ## tag VERSION and build its artefact with checksums, after all checks; publishes nothing
	@tools/release '$(VERSION)'

lock: ## refresh requirements/*.lock to the newest versions
	@tools/lock

clean: ## remove .venv and build
	rm -rf .venv build
