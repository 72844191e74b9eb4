"""Ids, as clients write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_id(given: str) -> bool:
    """Whether a text has the form of an id that we gave."""
    return _UUID.fullmatch(given) is not None


def _as_stored(given: str) -> str:
    return given.lower() if _UUID.fullmatch(given) else given


as_stored = AfterValidator(_as_stored)
"""Reads an id that we gave: a UUID, whose letters some libraries write as capitals."""

Id = Annotated[str, as_stored]
"""An id in a path or a query."""
