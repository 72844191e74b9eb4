"""Who may look: Flower shows and steers everything, so that nobody does without a password."""

from __future__ import annotations

import sys
from collections.abc import Mapping

VARIABLE = "FLOWER_BASIC_AUTH"


def required_passwords(environ: Mapping[str, str]) -> list[str]:
    """The ``user:password`` pairs of FLOWER_BASIC_AUTH, which separates them by commas.

    Ends the process with one line where there is none, or one without a password: Flower's
    configuration is no place for a traceback.
    """
    pairs = [pair.strip() for pair in environ.get(VARIABLE, "").split(",") if pair.strip()]
    if not pairs or not all(_has_both(pair) for pair in pairs):
        sys.exit(f"{VARIABLE}: set it to user:password; Flower has no other lock")
    return pairs


def _has_both(pair: str) -> bool:
    user, _, password = pair.partition(":")
    return bool(user and password)
