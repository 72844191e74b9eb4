"""What producers and reviewers ask of a service, a method each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from orchestrator.client.connection import CallRefused, Connection
from orchestrator.client.status import ExecutionStatus, OpenReview, read_status
from orchestrator.wire.paths import path_part


class Client(Connection):
    """Calls one Crew Orchestrator. May be shared by threads no more than ``requests`` sessions may.

    ``url`` is the service's root, without a deployment. ``transport`` carries the calls where
    ``requests``' own does not. Every method raises CallRefused for what
    the service refuses, and ``requests``' errors where it cannot be reached.
    """

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
        path = f"/crews/{path_part(deployment)}/status/{path_part(execution_id)}"
        return read_status(self.call("GET", path))

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
            if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
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
