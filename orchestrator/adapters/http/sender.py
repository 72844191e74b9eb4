"""Sends webhooks: guarded, bounded, and with a result whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from time import monotonic

import structlog
from requests import PreparedRequest, Response
from urllib3.exceptions import HTTPError

from orchestrator.adapters.http.budget import exchange
from orchestrator.adapters.http.connections import GuardedAdapter, trusting
from orchestrator.adapters.http.failures import sentence
from orchestrator.adapters.http.guard import Guard
from orchestrator.adapters.http.headers import authorization, check_header_value
from orchestrator.adapters.http.response import read_text, redirect, retry_after
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.errors import BlockedAddress, Invalid, timed_out

log = structlog.get_logger()

HEADERS_AT_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one try may cost.

    ``connect`` and ``total`` are seconds; ``read`` is how many bytes of the answer's body are read,
    ``kept`` how many of those are kept as text.
    """

    connect: float = 5.0
    total: float = 15.0
    read: int = 20_000
    kept: int = 1_000


class GuardedSender:
    """The one way out. Many threads may share it; a forked process makes its own.

    ``ca_bundle`` is a PEM file of authorities that are trusted beside the public ones. ``hosts`` is
    for how many hosts connections are kept alive, ``kept_alive`` how many for each.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        limits: Limits | None = None,
        *,
        ca_bundle: Path | None = None,
        hosts: int = 64,
        kept_alive: int = 32,
    ) -> None:
        self._guard = guard or Guard()
        self._limits = limits or Limits()
        self._ca_bundle = ca_bundle
        self._hosts = hosts
        self._kept_alive = kept_alive

    @cached_property
    def _adapter(self) -> GuardedAdapter:
        """Made when something is sent: most processes send nothing, and need no authorities."""
        authorities = trusting(self._ca_bundle)
        return GuardedAdapter(self._guard, authorities, hosts=self._hosts, kept=self._kept_alive)

    def vet(self, url: str, authentication: Authentication | None = None) -> None:
        """Check what is given. Raises BlockedAddress for the URL, Invalid for the credentials."""
        self._guard.vet(url)
        if authentication is not None:
            authorization(authentication)

    def send(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None = None,
    ) -> SendResult:
        """POST the bytes as JSON, once; what comes of it is in the result.

        Headers or credentials that cannot be sent count as blocked, like an address: trying again
        changes nothing.
        """
        return self._once(lambda: self._request(url, body, headers, authentication))

    def get(self, url: str) -> SendResult:
        """GET a short text, once; what comes of it is in the result."""
        return self._once(lambda: self._getting(url), kept=self._limits.read)

    def _once(self, made: Callable[[], PreparedRequest], kept: int | None = None) -> SendResult:
        adapter = self._adapter  # before the clock runs
        began = monotonic()
        try:
            with exchange(self._limits.total, self._limits.read + HEADERS_AT_MOST):
                return self._tried(adapter, began, made(), kept or self._limits.kept)
        except (BlockedAddress, Invalid) as error:
            return SendResult(None, monotonic() - began, error.message, blocked=True)
        except (OSError, HTTPError, HTTPException) as error:
            reason, late = self._reason(error, began), timed_out(error)
            return SendResult(None, monotonic() - began, reason, timed_out=late)
        except Exception as error:
            log.exception("a request failed by a fault of ours")
            reason = f"a fault of ours ({type(error).__name__}), which the log has"
            return SendResult(None, monotonic() - began, reason)

    def close(self) -> None:
        """Close the connections that are kept alive."""
        if "_adapter" in vars(self):
            self._adapter.close()

    def _request(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        authentication: Authentication | None,
    ) -> PreparedRequest:
        everything = {
            "User-Agent": "crew-orchestrator",
            **headers,
            "Content-Type": "application/json",
        }
        if authentication:
            everything["Authorization"] = authorization(authentication)
        for name, value in everything.items():
            check_header_value(name, value)
        request = PreparedRequest()
        request.prepare("POST", self._guard.target(url).url, headers=everything, data=body)
        return request

    def _getting(self, url: str) -> PreparedRequest:
        request = PreparedRequest()
        headers = {"User-Agent": "crew-orchestrator"}
        request.prepare("GET", self._guard.target(url).url, headers=headers)
        return request

    def _tried(
        self, adapter: GuardedAdapter, began: float, request: PreparedRequest, kept: int
    ) -> SendResult:
        times = (self._limits.connect, self._limits.total)
        with adapter.send(request, stream=True, timeout=times) as response:
            return self._result(began, response, kept)

    def _result(self, began: float, response: Response, kept: int) -> SendResult:
        text, failure = read_text(response, self._limits.read, kept)
        cut_short = f"answer cut short: {self._reason(failure, began)}" if failure else None
        return SendResult(
            response.status_code,
            monotonic() - began,
            error=redirect(response) or cut_short,
            retry_after=retry_after(response),
            response=text,
        )

    def _reason(self, error: Exception, began: float) -> str:
        if not timed_out(error):
            return sentence(error)
        if monotonic() - began < self._limits.total:
            return f"no connection within {self._limits.connect:g} s"
        return f"timed out after {self._limits.total:g} s"
