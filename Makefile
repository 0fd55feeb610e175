# Every target works on a fresh Debian 12 machine as root and installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Our own processes must see the collection of this checkout, not one installed elsewhere.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build:$(CURDIR)/.venv/bundle
PART := tools/part

.PHONY: help venv lab-tools stage demo demo-down test test-quick test-long bench lock clean

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
	@$(PART) "unit tests" pytest --quiet tests/unit

test: test-quick lab-tools ## everything that proves the project
	@$(PART) "live tests" pytest tests/live -m "not long"

clean: ## remove .venv and build
	rm -rf .venv build
