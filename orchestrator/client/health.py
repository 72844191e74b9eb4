"""How a service is: asked without a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from orchestrator.client.connection import is_here


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What ``/healthz`` says; ``said`` is empty where nothing sensible came."""

    said: Mapping[str, Any]

    @property
    def is_ok(self) -> bool:
        """Whether executions can be taken and carried on."""
        return self.said.get("status") == "ok"

    @property
    def is_hopeless(self) -> bool:
        """Whether it will not get better by itself: no deployment's code loads."""
        return bool(self.said.get("broken")) and not self.said.get("not_loaded") and not self.is_ok


def read_health(url: str, timeout: float = 2.0) -> ServiceHealth:
    """Ask the service at that root how it does."""
    with requests.Session() as session:
        session.trust_env = not is_here(url)
        try:
            said = session.get(f"{url.rstrip('/')}/healthz", timeout=timeout).json()
        except (requests.RequestException, ValueError):
            return ServiceHealth({})
    return ServiceHealth(said if isinstance(said, dict) else {})
