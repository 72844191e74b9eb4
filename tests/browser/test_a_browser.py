from __future__ import annotations

import os

import chromium
import pytest


@pytest.mark.browser
def test_there_is_one() -> None:
    """Without one the other tests of this folder are not collected; CI takes no excuse."""
    if chromium.WHY_NOT and not os.environ.get("BROWSER_REQUIRED"):
        pytest.skip(chromium.WHY_NOT)
    assert chromium.WHY_NOT is None
