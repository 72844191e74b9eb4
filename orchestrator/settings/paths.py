"""Paths as settings: absolute from the moment that they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator


def _absolute(value: object) -> object:
    return Path(value).expanduser().resolve() if isinstance(value, str | Path) else value


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
