"""Take in what producers send as plain messages.

Every message is kept with what became of it: accepted, refused with a reason, or waiting for its
deployment's first worker, or for a process that has the secret key. None loops.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from orchestrator import jobs
from orchestrator.domain.canonical import MOST_LEVELS, JsonObject, digest, encode, is_too_deep
from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.errors import (
    DeploymentNotReady,
    Invalid,
    OrchestratorError,
    Transient,
    UnreadableHere,
)
from orchestrator.ports import Ports
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.usecases.reviews.answer import answer
from orchestrator.usecases.reviews.feedback import Answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse

log = structlog.get_logger()

ACTOR = "broker"
"""Whoever can send to the broker has full authority: no token is asked for."""

SECRET_KEYS = frozenset({"authentication", "token", "password"})

ARGUMENTS = frozenset({"v", "deployment", "body"})

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: id and arguments are whatever the producer sent.

    ``arguments`` are the job's keyword arguments, ``positional`` those that it should not have.
    """

    id: object
    job: str
    arguments: Mapping[str, Any]
    positional: Sequence[Any] = ()


def take(ports: Ports, message: Message) -> IntakeMessage:
    """Do what a message asks for, once, and keep what became of it.

    Never raises for what the message says. Raises Transient while the database is away, so that the
    broker keeps the message.
    """
    message_id = _uuid_of(message.id) or _derived_id(message.id)
    known, now = ports.store.read(lambda tx: (tx.intake.get(message_id), tx.now()))
    if known is not None:
        return known
    try:
        kept = _read(ports, message_id, message, now)
    except Exception as error:  # noqa: BLE001 - it is logged, and what raised it is kept
        kept = _unreadable(message_id, message, _reason(error), now)
    else:
        kept = _carry_out(ports, kept)
    _keep(ports, kept)
    return kept


def take_waiting(ports: Ports, limit: int) -> int:
    """Try again the messages that can be carried out by now; returns how many are settled.

    Those whose deployment nobody has loaded keep nobody waiting.
    """
    names = ports.deployments.names()
    waiting = ports.store.read(lambda tx: tx.intake.waiting(names, limit))
    settled = 0
    for message in waiting:
        after = _carry_out(ports, message)
        if after.state != IntakeState.WAITING:
            _keep(ports, after)
            settled += 1
    return settled


def _uuid_of(given: object) -> str | None:
    """The UUID in its one spelling: producers' libraries write ``urn:uuid:``, braces, capitals."""
    try:
        return str(uuid.UUID(given)) if isinstance(given, str) else None
    except ValueError:
        return None


def _derived_id(given: object) -> str:
    """An id to keep a message under whose own is none, the same each time it comes."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, ascii(given)))


def _keep(ports: Ports, message: IntakeMessage) -> None:
    if message.state == IntakeState.REFUSED:
        log.warning("message refused", message_id=message.id, reason=message.reason)
    try:
        ports.store.transact(lambda tx: tx.intake.put(message))
    except Transient:
        raise
    except Exception:
        log.exception("message kept without its body", message_id=message.id)
        bare = replace(message, body={})
        ports.store.transact(lambda tx: tx.intake.put(bare))


def _reason(error: Exception) -> str:
    """What is begun of a failure; one that nobody foresaw may quote the message, secrets too."""
    if isinstance(error, OrchestratorError):
        return error.message
    log.error("message failed unexpectedly", exc_info=error)
    return f"It could not be carried out ({type(error).__name__}): the log says more."


def _read(ports: Ports, message_id: str, message: Message, now: datetime) -> IntakeMessage:
    """Check the frame around the body, and that the body can be stored. Raises Invalid."""
    if _uuid_of(message.id) is None:
        raise Invalid(f"The message's id must be a UUID, not {ascii(message.id)[:LONGEST_NAME]}.")
    if message.positional:
        raise Invalid("The message must have keyword arguments only, none by position.")
    arguments = message.arguments
    if arguments.get("v") != jobs.FORMAT:
        raise Invalid(f"The message must have 'v': {jobs.FORMAT}.")
    deployment, body = arguments.get("deployment"), arguments.get("body")
    if not isinstance(deployment, str) or not isinstance(body, dict):
        raise Invalid("The message needs 'deployment' (a name) and 'body' (an object).")
    if unknown := sorted(arguments.keys() - ARGUMENTS):
        names = ", ".join(map(ascii, unknown))[:LONGEST_NAME]
        raise Invalid(f"The message has arguments that nobody knows: {names}.")
    if len(deployment) > LONGEST_NAME:
        raise Invalid(f"No deployment has a name of {len(deployment)} characters.")
    _require_storable(body, ports.max_request_bytes)
    _refuse_secrets(body)
    return _kept(message_id, message, deployment, body, now)


def _require_storable(body: JsonObject, most_bytes: int) -> None:
    """Raises Invalid for what is no JSON, too deep or too large."""
    if is_too_deep(body):
        raise Invalid(f"'body' is nested more than {MOST_LEVELS} levels deep.")
    try:
        size = len(encode(body))
    except (ValueError, TypeError) as error:
        raise Invalid(f"'body' has a value that JSON does not have: {error}.") from None
    if size > most_bytes:
        raise Invalid(f"'body' has {size} bytes; {most_bytes} are accepted.")


def _refuse_secrets(body: Mapping[str, Any]) -> None:
    for name in ("humanInputWebhook", "human_input_webhook", "webhooks"):
        webhook = body.get(name)
        if isinstance(webhook, dict) and SECRET_KEYS & webhook.keys():
            raise Invalid(
                f"Credentials in '{name}' are refused in messages, where monitoring would show "
                "them. Use the HTTP call for a webhook with credentials."
            )


def _kept(
    message_id: str,
    message: Message,
    deployment: str,
    body: JsonObject,
    now: datetime,
    reason: str | None = None,
) -> IntakeMessage:
    return IntakeMessage(
        id=message_id,
        job=message.job,
        deployment=deployment,
        body=body,
        state=IntakeState.REFUSED if reason else IntakeState.WAITING,
        reason=reason,
        execution_id=None,
        received_at=now,
    )


def _unreadable(message_id: str, message: Message, reason: str, now: datetime) -> IntakeMessage:
    """Keep that a message was refused, without its body: it may hold a secret, or break things."""
    deployment = message.arguments.get("deployment")
    name = deployment[:LONGEST_NAME] if isinstance(deployment, str) else ""
    return _kept(message_id, message, name, {}, now, reason)


def _carry_out(ports: Ports, message: IntakeMessage) -> IntakeMessage:
    try:
        begun = (
            _kick_off(ports, message) if message.job == jobs.KICKOFF else _answer(ports, message)
        )
    except Transient:
        raise
    except (DeploymentNotReady, UnreadableHere) as error:
        return replace(message, reason=error.message)
    except Exception as error:  # noqa: BLE001 - it is logged, and what raised it is kept
        return replace(message, state=IntakeState.REFUSED, reason=_reason(error))
    execution_id = str(begun["kickoff_id"])
    return replace(message, state=IntakeState.ACCEPTED, reason=None, execution_id=execution_id)


def _kick_off(ports: Ports, message: IntakeMessage) -> JsonObject:
    asked = Kickoff(
        deployment=message.deployment,
        body=parse(KickoffBody, message.body),
        actor=ACTOR,
        origin="intake",
        key=_key(message),
        execution_id=message.id,
    )
    return kickoff(ports, asked)


def _answer(ports: Ports, message: IntakeMessage) -> JsonObject:
    body = parse(ResumeBody, message.body)
    return answer(ports, Answer(message.deployment, body, ACTOR, "intake", _key(message)))


def _key(message: IntakeMessage) -> IdempotencyKey:
    return IdempotencyKey(f"message:{message.id}", digest(message.body))
