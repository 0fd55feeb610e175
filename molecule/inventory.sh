#!/usr/bin/env bash
# The lab's running nodes whose names begin with `molecule-`, as a dynamic inventory for Ansible.
cd "$(dirname "$0")/.." && exec python3 -m lab dynamic-inventory molecule-
