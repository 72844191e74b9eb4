"""A provider of OpenID Connect in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import requests
from processes import free_port, until_it_works


@contextmanager
def issuing(users: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One with these users; gives its URL."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    for user in users:
        command += ["--user-claims", json.dumps(user)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as provider:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            with suppress(requests.RequestException):
                return requests.get(f"{url}/.well-known/openid-configuration", timeout=5).ok
            return False

        until_it_works(provider, answers)
        yield url
        provider.terminate()
