"""What clients and reviewers do who do not give up: ask again until they are answered."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from hurt_service import HurtService

BETWEEN_TRIES = 0.2
SECONDS = 180.0
"""The longest that anybody asks again."""


@dataclass
class Persistent:
    """Calls that are made again, under the same key, until the service decided."""

    service: HurtService
    seconds: float = SECONDS

    def call(self, method: str, path: str, body: object = None, key: str = "") -> requests.Response:
        """What the service decided: neither a broken connection nor a 5xx is that.

        Nor is a 409 that tells of the same key being at work.
        """
        begun = time.monotonic()
        headers: Mapping[str, str] = {"Idempotency-Key": key} if key else {}
        last: Any = None
        while time.monotonic() < begun + self.seconds:  # a fault may give them longer meanwhile
            try:
                last = self.service.call(method, path, body, headers=headers)
            except requests.RequestException as error:
                last = error
            else:
                if last.status_code < 500 and last.status_code != 429:
                    return last
            time.sleep(BETWEEN_TRIES)
        said = getattr(last, "text", last)
        raise AssertionError(f"{method} {path} was not decided in {self.seconds:g} s: {said}")
