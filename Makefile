# Every target works on a fresh Debian 12 machine as root and installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Our own processes must see the collection of this checkout, not one installed elsewhere.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build:$(CURDIR)/.venv/bundle
PART := tools/part
PYTHON_MINOR = $(shell $(CURDIR)/.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: help venv lab-tools stage demo demo-down test test-quick test-long lint integration bench lock clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv:
	@tools/venv

lab-tools:
	@tools/apt podman runc catatonit netavark iptables mmdebstrap openssl

stage: venv
	@tools/stage

demo: venv lab-tools stage ## a real broker, the real topology, a drift found and repaired
	@tools/demo

demo-down: ## remove what the demo made
	@tools/demo-down

test-quick: stage ## everything that needs no server
	@$(PART) "ruff" ruff check --quiet .
	@$(PART) "ruff format" ruff format --quiet --check .
	@$(PART) "mypy" env MYPYPATH=build mypy --package ansible_collections.eco2.platform.plugins
	@$(PART) "unit tests on Python 3.9" tools/unit-3.9
	@$(PART) "unit tests" pytest --quiet tests/unit

lint: stage
	@$(PART) "ansible-test sanity" tools/ansible-test sanity --venv --python $(PYTHON_MINOR) --color no
	@$(PART) "docs, changelog, ansible-lint, galaxy-importer" tools/lint-collection

integration: stage lab-tools
	@$(PART) "ansible-test integration" tools/integration

test: test-quick lint integration ## everything that proves the project
	@$(PART) "live tests" pytest tests/live

test-long: stage lab-tools ## what is too long for CI: the random and the fatal tests, four times as many
	@$(PART) "live tests, at length" env ECO2_TIMES=4 pytest tests/live/test_predicts.py tests/live/test_killed.py

bench: stage lab-tools ## side by side with what a user would use instead; writes benchmarks/latest.json
	@python -m benchmarks

lock: ## refresh requirements/*.lock to the newest versions
	@tools/lock

clean: ## remove .venv and build
	rm -rf .venv build
