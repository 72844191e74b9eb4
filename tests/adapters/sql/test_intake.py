from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.adapters.sql import SqlStore
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.figures import Waiting
from orchestrator.domain.intake import IntakeMessage, IntakeState


def message(message_id: str, at: datetime, state: str = IntakeState.WAITING) -> IntakeMessage:
    body = {"inputs": {"topic": "a\0b"}}
    return IntakeMessage(
        message_id, "orchestrator.kickoff", "newsroom", body, state, None, None, at
    )


def put(store: SqlStore, *messages: IntakeMessage) -> None:
    store.transact(lambda tx: [tx.intake.put(each) for each in messages])


def test_a_message_is_read_as_it_was_written(store: SqlStore, now: datetime) -> None:
    put(store, message("m-1", now))

    assert store.read(lambda tx: tx.intake.get("m-1")) == message("m-1", now)
    assert store.read(lambda tx: tx.intake.get("m-2")) is None


def test_what_became_of_a_message_replaces_it(store: SqlStore, now: datetime) -> None:
    refused = replace(message("m-1", now), state=IntakeState.REFUSED, reason="no\0pe")

    put(store, message("m-1", now), refused)

    found = store.read(lambda tx: tx.intake.get("m-1"))
    assert found == replace(refused, reason="no\ufffdpe")


def test_waiting_messages_come_oldest_first(store: SqlStore, now: datetime) -> None:
    newer, older = message("m-1", now), message("m-2", now - timedelta(seconds=1))
    put(store, newer, older, message("m-3", now, IntakeState.ACCEPTED))

    loaded(store, "newsroom", now)

    assert store.read(lambda tx: tx.intake.waiting(["newsroom"], 10)) == (older, newer)
    assert store.read(lambda tx: tx.intake.waiting(["newsroom"], 1)) == (older,)


def test_only_messages_of_loaded_deployments_are_tried_again(
    store: SqlStore, now: datetime
) -> None:
    put(store, message("m-1", now))
    loaded(store, "other", now)

    assert store.read(lambda tx: tx.intake.waiting(["newsroom", "other"], 10)) == ()
    assert store.read(lambda tx: tx.intake.backlog()) == (Waiting("newsroom", 1, now),)


def test_refused_messages_are_counted_from_a_time_on(store: SqlStore, now: datetime) -> None:
    earlier = now - timedelta(seconds=1)
    put(store, message("m-1", now, IntakeState.REFUSED), message("m-2", now))
    put(store, message("m-3", earlier, IntakeState.REFUSED))

    assert store.read(lambda tx: tx.intake.refused(now)) == 1
    assert store.read(lambda tx: tx.intake.refused(earlier)) == 2


def loaded(store: SqlStore, deployment: str, at: datetime) -> None:
    """A worker has loaded it, or tried to."""
    manifest = Manifest(deployment, None, "broken", at, "w-1")
    store.transact(lambda tx: tx.manifests.put(manifest))


def test_an_accepted_message_stays_so(store: SqlStore, now: datetime) -> None:
    accepted = message("m-1", now, IntakeState.ACCEPTED)
    put(store, accepted, replace(accepted, state=IntakeState.REFUSED, reason="too late"))

    assert store.read(lambda tx: tx.intake.get("m-1")) == accepted
