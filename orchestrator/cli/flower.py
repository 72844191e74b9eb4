"""Flower beside the other processes of ``orchestrator up``."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import typer

from orchestrator.adapters.supervisor import Child

LOOPBACK = "127.0.0.1"
VARIABLE = "FLOWER_BASIC_AUTH"
_SHIPPED = Path(__file__).with_name("flower_config.py")
_OF_A_CHECKOUT = Path(__file__).parents[2] / "config" / "flower.py"


def flower_child(port: int) -> Child:
    """The process; without FLOWER_BASIC_AUTH its password is made for this run, and printed."""
    environment = {"FLOWER_ADDRESS": LOOPBACK}
    if not os.environ.get(VARIABLE):
        environment[VARIABLE] = f"operator:{secrets.token_urlsafe(16)}"
        typer.echo(f"Flower's user and password, for this run: {environment[VARIABLE]}")
    typer.echo(f"Flower on http://{LOOPBACK}:{port}")
    sys.stdout.flush()
    celery = [sys.executable, "-m", "celery", "-A", "workers.app", "flower"]
    options = [f"--conf={flower_config()}", f"--port={port}", "--logging=warning"]
    return Child("flower", [*celery, *options], environment)


def flower_config() -> Path:
    """Flower's options: the file of the working directory, else the one that we ship."""
    own = Path("config/flower.py").resolve()
    return next(path for path in (own, _SHIPPED, _OF_A_CHECKOUT) if path.exists())
