"""Take in what producers send as plain messages.

Every message is kept with what became of it: accepted, refused with a reason, or waiting for its
deployment's first worker. None loops.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from orchestrator import jobs
from orchestrator.domain.canonical import JsonObject, digest
from orchestrator.errors import DeploymentNotReady, Invalid, OrchestratorError, Transient
from orchestrator.ports import IntakeMessage, IntakeState, Ports
from orchestrator.usecases.executions.kickoff import Kickoff, kickoff
from orchestrator.usecases.idempotency import IdempotencyKey
from orchestrator.usecases.reviews.answer import Answer, answer
from orchestrator.wire.requests import KickoffBody, ResumeBody, parse

log = structlog.get_logger()

ACTOR = "broker"
"""Whoever can send to the broker has full authority: no token is asked for."""

SECRET_KEYS = frozenset({"authentication", "token", "password"})


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came: ``arguments`` are the job's keyword arguments."""

    id: str
    job: str
    arguments: Mapping[str, Any]


def take(ports: Ports, message: Message) -> IntakeMessage:
    """Do what a message asks for, once, and keep what became of it.

    Never raises for what the message says; a database that is away raises, so that the broker
    keeps the message.
    """
    known = ports.store.read(lambda tx: tx.intake.get(message.id))
    if known is not None:
        return known
    try:
        kept = _read(ports, message)
    except OrchestratorError as error:
        kept = _unreadable(ports, message, error)
    else:
        kept = _carry_out(ports, kept)
    _keep(ports, kept)
    return kept


def take_waiting(ports: Ports, limit: int) -> int:
    """Try again the messages whose deployment was not ready; returns how many are settled now."""
    waiting = ports.store.read(lambda tx: tx.intake.waiting(limit))
    settled = 0
    for message in waiting:
        after = _carry_out(ports, message)
        if after.state != IntakeState.WAITING:
            _keep(ports, after)
            settled += 1
    return settled


def _keep(ports: Ports, message: IntakeMessage) -> None:
    ports.store.transact(lambda tx: tx.intake.put(message))
    if message.state == IntakeState.REFUSED:
        log.warning("message refused", message_id=message.id, reason=message.reason)


def _read(ports: Ports, message: Message) -> IntakeMessage:
    """Check the frame around the body. Raises Invalid."""
    try:
        uuid.UUID(message.id)
    except ValueError:
        raise Invalid(f"The message's id must be a UUID, not {message.id!r}.") from None
    arguments = message.arguments
    if arguments.get("v") != jobs.FORMAT:
        raise Invalid(f"The message must have 'v': {jobs.FORMAT}.")
    deployment, body = arguments.get("deployment"), arguments.get("body")
    if not isinstance(deployment, str) or not isinstance(body, dict):
        raise Invalid("The message needs 'deployment' (a name) and 'body' (an object).")
    _refuse_secrets(body)
    return _kept(ports, message, deployment, body)


def _refuse_secrets(body: Mapping[str, Any]) -> None:
    for name in ("humanInputWebhook", "human_input_webhook", "webhooks"):
        webhook = body.get(name)
        if isinstance(webhook, dict) and SECRET_KEYS & webhook.keys():
            raise Invalid(
                f"Credentials in '{name}' are refused in messages, where monitoring would show "
                "them. Use the HTTP call for a webhook with credentials."
            )


def _kept(
    ports: Ports, message: Message, deployment: str, body: JsonObject, reason: str | None = None
) -> IntakeMessage:
    return IntakeMessage(
        id=message.id,
        job=message.job,
        deployment=deployment,
        body=body,
        state=IntakeState.REFUSED if reason else IntakeState.WAITING,
        reason=reason,
        execution_id=None,
        received_at=ports.clock.now(),
    )


def _unreadable(ports: Ports, message: Message, error: OrchestratorError) -> IntakeMessage:
    """Keep that a message was refused, without its body: it may hold a secret."""
    deployment = message.arguments.get("deployment")
    name = deployment if isinstance(deployment, str) else ""
    return _kept(ports, message, name, {}, error.message)


def _carry_out(ports: Ports, message: IntakeMessage) -> IntakeMessage:
    try:
        told = _kick_off(ports, message) if message.job == jobs.KICKOFF else _answer(ports, message)
    except Transient:
        raise
    except DeploymentNotReady as error:
        return replace(message, reason=error.message)
    except OrchestratorError as error:
        return replace(message, state=IntakeState.REFUSED, reason=error.message)
    execution_id = str(told["kickoff_id"])
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
