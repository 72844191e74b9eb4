"""The connection to a service: whose calls they are, what is repeated, and what is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from orchestrator.errors import OrchestratorError

MOST_IN_A_PAGE = 100

_READS_AGAIN = Retry(total=2, allowed_methods={"GET"}, respect_retry_after_header=False)
"""What reads is repeated when its connection breaks; a kept one may be closed as it is used."""


class CallRefused(OrchestratorError):
    """The service refused a call.

    ``status`` is the HTTP status, ``body`` the service's answer (``error``, ``message``, and
    ``details`` or ``winner`` where it has them).
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or f"HTTP status {status}"))
        self.status = status
        self.body = body


def is_here(url: str) -> bool:
    """Whether a URL leads to this machine: no proxy is asked for what does."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


class _Bearer(AuthBase):
    """Sends the token, and so nothing that a ``.netrc`` has for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Connection:
    """Any call of the API of one service, with a token.

    ``url`` is the service's root, without a deployment. ``transport`` carries the calls where
    ``requests``' own does not. Every method raises CallRefused for what the service refuses, and
    ``requests``' errors where it cannot be reached.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 30.0,
        transport: BaseAdapter | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = not is_here(url)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, transport or HTTPAdapter(max_retries=_READS_AGAIN))
        self._session.auth = _Bearer(token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        key: str | None = None,
        **query: Any,
    ) -> dict[str, Any]:
        """Any call of the API: its path below the root; a ``query`` that is None is left out."""
        headers = {"Idempotency-Key": key} if key else {}
        response = self._session.request(
            method,
            self._url + path,
            json=body,
            params=query,
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,  # those make a GET of a POST
        )
        self._require_end(response)
        read = self._object_in(response)
        if not response.ok:
            raise CallRefused(response.status_code, read)
        return read

    def text(self, path: str, **query: Any) -> str:
        """What a call gives that is no JSON, such as a picture. Raises CallRefused."""
        response = self._session.get(
            self._url + path, params=query, timeout=self._timeout, allow_redirects=False
        )
        self._require_end(response)
        if not response.ok:
            raise CallRefused(response.status_code, self._object_in(response))
        return response.content.decode("utf-8")

    def _require_end(self, response: requests.Response) -> None:
        """Raise CallRefused where it leads elsewhere."""
        if response.is_redirect:
            to = urljoin(response.url, response.headers["Location"]).partition("?")[0]
            message = f"{self._url} leads to {to}: name the address of the service itself."
            raise CallRefused(response.status_code, {"message": message})

    def _object_in(self, response: requests.Response) -> dict[str, Any]:
        try:
            read = response.json()
        except ValueError:
            read = None
        if isinstance(read, dict):
            return read
        message = f"{self._url} answered {response.status_code} with no JSON object: is it ours?"
        raise CallRefused(response.status_code, {"message": message})

    def listed(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """The first of what a call lists, read page by page."""
        (name,) = path.strip("/").split("/")[-1:]
        while limit > 0:
            page = self.call("GET", path, limit=min(limit, MOST_IN_A_PAGE), **query)
            yield from page[name]
            limit -= len(page[name])
            if "next" not in page:
                return
            query["cursor"] = page["next"]
