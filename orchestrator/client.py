"""A client of the HTTP API, for producers and reviewers that are written in Python."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from orchestrator.errors import OrchestratorError
from orchestrator.wire.paths import path_part

ENDED = frozenset({"completed", "error", "stopped"})
"""The statuses that do not change any more by themselves."""

MOST_IN_A_PAGE = 100

_READS_AGAIN = Retry(total=2, allowed_methods={"GET"}, respect_retry_after_header=False)
"""What reads is repeated when its connection breaks; a kept one may be closed as it is used."""

_BUSY = 503


class CallRefused(OrchestratorError):
    """The service refused a call.

    ``status`` is the HTTP status, ``body`` the service's answer (``error``, ``message``, and
    ``details`` or ``winner`` where it has them).
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body.get("message") or f"HTTP status {status}"))
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A review that waits for an answer. ``id`` names this round and no other.

    ``kind`` says what answers it: ``judge`` (approve or reject), ``choice`` (one of ``options``),
    ``words`` or ``input`` (say something). ``message`` is the question.
    """

    id: str
    task_name: str
    round: int
    output: str
    output_digest: str
    kind: str = "judge"
    options: tuple[str, ...] = ()
    message: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """Where an execution stands. ``body`` is the whole answer."""

    id: str
    status: str
    current_task: str | None
    pending: tuple[OpenReview, ...]
    result: str | None
    error: str | None
    body: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        """Whether it succeeded, failed or was stopped."""
        return self.status in ENDED


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
    """Ask the service at that root how it does; no proxy is asked for what is on this machine."""
    with requests.Session() as session:
        session.trust_env = not _is_here(url)
        try:
            said = session.get(f"{url.rstrip('/')}/healthz", timeout=timeout).json()
        except (requests.RequestException, ValueError):
            return ServiceHealth({})
    return ServiceHealth(said if isinstance(said, dict) else {})


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


class _Bearer(AuthBase):
    """Sends the token, and so nothing that a ``.netrc`` has for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """Calls one Crew Orchestrator. May be shared by threads no more than ``requests`` sessions may.

    ``url`` is the service's root, without a deployment. ``transport`` carries the calls where
    ``requests``' own does not. Every method raises CallRefused for what
    the service refuses, and ``requests``' errors where it cannot be reached.
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
        self._session.trust_env = not _is_here(url)  # no proxy for what is on this machine
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

    def inputs(self, deployment: str) -> list[str]:
        """The names of the inputs that a deployment needs."""
        names: list[str] = self.call("GET", f"/crews/{path_part(deployment)}/inputs")["inputs"]
        return names

    def kickoff(
        self,
        deployment: str,
        inputs: Mapping[str, Any],
        *,
        key: str | None = None,
        **options: Any,
    ) -> str:
        """Kick off an execution; returns its id.

        ``key`` makes the call safe to repeat. ``options`` are the other keys of the call's body:
        ``meta``, ``taskWebhookUrl``, ``webhooks`` and so on.
        """
        body = {"inputs": dict(inputs), **options}
        begun = self.call("POST", f"/crews/{path_part(deployment)}/kickoff", body, key)
        return str(begun["kickoff_id"])

    def status(self, deployment: str, execution_id: str) -> ExecutionStatus:
        """Where an execution stands."""
        body = self.call("GET", f"/crews/{path_part(deployment)}/status/{path_part(execution_id)}")
        return ExecutionStatus(
            id=body["kickoff_id"],
            status=body["status"],
            current_task=body.get("current_task"),
            pending=tuple(_review(each) for each in body.get("pending", [])),
            result=_text_of(body.get("result")),
            error=body.get("error"),
            body=body,
        )

    def wait(
        self,
        deployment: str,
        execution_id: str,
        *,
        seconds: float = 600.0,
        answered: frozenset[str] = frozenset(),
    ) -> ExecutionStatus:
        """Wait until an execution has ended, or a review is open that is not in ``answered``.

        A service that is busy meanwhile is asked again. Raises TimeoutError.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status = self._status_unless_busy(deployment, execution_id)
            if status and (status.has_ended or any(r.id not in answered for r in status.pending)):
                return status
            time.sleep(0.1)
        raise TimeoutError(f"execution {execution_id} still runs after {seconds:g} s")

    def _status_unless_busy(self, deployment: str, execution_id: str) -> ExecutionStatus | None:
        try:
            return self.status(deployment, execution_id)
        except CallRefused as refused:
            if refused.status != _BUSY:
                raise
            return None

    def approve(
        self, deployment: str, execution_id: str, review: OpenReview, words: str = "", **more: Any
    ) -> str:
        """Approve what a review asks about; returns ``resumed`` or ``completed``.

        ``feedback_scope=["publish"]`` has the words read by these tasks alone.
        """
        return self._answer(deployment, execution_id, review, approve=True, words=words, more=more)

    def reject(
        self, deployment: str, execution_id: str, review: OpenReview, words: str, **more: Any
    ) -> str:
        """Ask for changes; the task runs again. Returns ``retrying``.

        ``rework_from="research"`` sends the work back to that earlier task;
        ``feedback_scope="retry"`` has nobody but the next run of the task read the words.
        """
        return self._answer(deployment, execution_id, review, approve=False, words=words, more=more)

    def choose(
        self,
        deployment: str,
        execution_id: str,
        review: OpenReview,
        outcome: str,
        words: str = "",
        **more: Any,
    ) -> str:
        """Choose one of a review's options; returns ``resumed``."""
        more = {"outcome": outcome, **more}
        return self._answer(deployment, execution_id, review, approve=None, words=words, more=more)

    def say(
        self, deployment: str, execution_id: str, review: OpenReview, words: str, **more: Any
    ) -> str:
        """Answer a review that asks for words; or one with options, which the words may name."""
        return self._answer(deployment, execution_id, review, approve=None, words=words, more=more)

    def take_back(self, review_id: str, *, person: str | None = None) -> dict[str, Any]:
        """Take the words of an answer back, before a task reads them; the decision stays.

        ``person`` is the address of whose words they are, where the token is nobody's own. Returns
        the review. Raises CallRefused, with status 409 and ``read_by`` where it comes too late.
        """
        body = {} if person is None else {"person": person}
        return self.call("POST", f"/v1/reviews/{path_part(review_id)}/take-back", body)

    def checkpoints(self, execution_id: str) -> list[dict[str, Any]]:
        """The points that an execution can go on from, each with its ``number``, in order."""
        path = f"/v1/executions/{path_part(execution_id)}/checkpoints"
        found: list[dict[str, Any]] = self.call("GET", path)["checkpoints"]
        return found

    def rewind(self, execution_id: str, checkpoint: int, *, key: str | None = None) -> list[int]:
        """Have an execution go on from a checkpoint, 0 being its beginning.

        Returns the numbers of those that do not stand any more.
        """
        path = f"/v1/executions/{path_part(execution_id)}/rewind"
        rewound = self.call("POST", path, {"checkpoint": checkpoint}, key)
        superseded: list[int] = rewound["superseded"]
        return superseded

    def fork(
        self, execution_id: str, checkpoint: int, *, key: str | None = None, **changes: Any
    ) -> str:
        """Begin a new execution with a checkpoint of this one; returns its id.

        ``changes`` are what it has otherwise: ``inputs``, ``human_feedback``, ``edited_output``.
        """
        path = f"/v1/executions/{path_part(execution_id)}/fork"
        return str(
            self.call("POST", path, {"checkpoint": checkpoint, **changes}, key)["execution_id"]
        )

    def stop(self, deployment: str, execution_id: str) -> None:
        """Stop an execution for good."""
        self.call("POST", f"/crews/{path_part(deployment)}/stop/{path_part(execution_id)}")

    def timeline(self, execution_id: str) -> list[dict[str, Any]]:
        """What happened to an execution, in order."""
        entries: list[dict[str, Any]] = self.call(
            "GET", f"/v1/executions/{path_part(execution_id)}"
        )["timeline"]
        return entries

    def _answer(
        self,
        deployment: str,
        execution_id: str,
        review: OpenReview,
        *,
        approve: bool | None,
        words: str,
        more: Mapping[str, Any],
    ) -> str:
        body = {
            "execution_id": execution_id,
            "review_id": review.id,
            "output_digest": review.output_digest,
            "is_approve": approve,
            "human_feedback": words,
            **more,
        }
        return str(self.call("POST", f"/crews/{path_part(deployment)}/resume", body)["status"])

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
        )
        read = self._object_in(response)
        if not response.ok:
            raise CallRefused(response.status_code, read)
        return read

    def text(self, path: str, **query: Any) -> str:
        """What a call gives that is no JSON, such as a picture. Raises CallRefused."""
        response = self._session.get(self._url + path, params=query, timeout=self._timeout)
        if not response.ok:
            raise CallRefused(response.status_code, self._object_in(response))
        return response.content.decode("utf-8")

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


def _text_of(result: object) -> str | None:
    """The text of a result in either form of the status, None where there is none yet."""
    text = result.get("output") if isinstance(result, Mapping) else result
    return text if isinstance(text, str) else None


def _review(body: Mapping[str, Any]) -> OpenReview:
    return OpenReview(
        id=body["task_id"],
        task_name=body["task_name"],
        round=body["round"],
        output=body["task_output"],
        output_digest=body["output_digest"],
        kind=body.get("kind", "judge"),
        options=tuple(body.get("emit", ())),
        message=body.get("message", ""),
    )
