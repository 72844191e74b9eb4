"""Paths as settings: absolute from the moment that they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator


def _absolute(value: object) -> object:
    if not isinstance(value, str | Path):
        return value
    try:
        return Path(value).expanduser().resolve()
    except RuntimeError as wrong:  # ~ without a home, or of nobody
        raise ValueError(f"{value}: there is no such home folder") from wrong


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
