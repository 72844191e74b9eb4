"""Where the system's Chromium is, and whether all is there that drives it."""

from __future__ import annotations

import importlib.util
import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

PATH = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

WHY_NOT = None
"""What is missing; None where nothing is."""

if PATH is None:
    WHY_NOT = "no Chromium: apt-get install chromium, or CHROMIUM=/path/to/it"
elif not all(map(importlib.util.find_spec, ("playwright", "axe_playwright_python", "PIL"))):
    WHY_NOT = "the extra 'browser' is not installed: make test-browser does"
