# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports the kubernetes client and its libraries in one place. Private to this collection."""

from __future__ import annotations

import gc
import traceback

# The objects of the library live as long as the module does. Searching them for garbage takes a tenth of a short task.
gc.disable()
try:
    import kubernetes
    import urllib3
    import yaml
    from urllib3._collections import HTTPHeaderDict  # public by name from urllib3 2 on
except ImportError:
    KUBERNETES_IMPORT_ERROR: str | None = traceback.format_exc()
    # A module that finds this ends before it uses them.
    kubernetes, urllib3, yaml, HTTPHeaderDict = None, None, None, None  # type: ignore[assignment,misc]
else:
    KUBERNETES_IMPORT_ERROR = None
finally:
    gc.freeze()
    gc.enable()

__all__ = ["KUBERNETES_IMPORT_ERROR", "HTTPHeaderDict", "kubernetes", "urllib3", "yaml"]
