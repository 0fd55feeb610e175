"""Real servers on one machine: for the demo, the tests and the benchmarks.

Needs Debian or Ubuntu, root, podman with runc, and mmdebstrap; nothing from PyPI. Everything the lab makes
carries a label with the identity of this checkout, and only what carries that label is ever stopped or removed.
"""
