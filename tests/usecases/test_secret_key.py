"""The secret key was lost, or mistyped: what it encrypted waits, and all else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from calling import LOOK, MODEL, PAY, die_once, dies, with_caller
from post import MoodyReceiver, Post
from replies import ask, came, reply, take_all, takes_replies
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.sql import Cipher, make_store
from orchestrator.api.v1.delivery_records import delivery_record, endpoint_record
from orchestrator.domain.endpoint import SEALED
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.inbound_mail import MailState
from orchestrator.domain.intake import IntakeState
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.retry import FIRST_PUBLISH_AGAIN
from orchestrator.errors import DatabaseAway, SecretKeyMissing
from orchestrator.jobs import ANSWER
from orchestrator.usecases.executions.publishing import LEAST_WINDOW
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations.delivery_metrics import delivery_metrics
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.usecases.operations.metrics import metrics
from orchestrator.usecases.operations.secret_key import LOOKED_AT, MEND, sealed_warning
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.webhooks.deliver import drain
from orchestrator.usecases.webhooks.endpoints import (
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    ping_endpoint,
    rotate_deployment_secret,
)

RIGHT, WRONG = "a key", "another key"

Restart = Callable[[str], None]


@pytest.fixture
def a_restart_with(post: Post, tmp_path: Path) -> Restart:
    """Restarts the post office with a secret key."""

    def restart(key: str) -> None:
        post.ports.store.dispose()
        url = f"sqlite:///{tmp_path / 'post.db'}"
        store = make_store(url, publish=post.jobs.append, cipher=Cipher(key), clock=post.clock)
        post.ports = replace(post.ports, store=store)

    return restart


def test_deliveries_wait_for_the_right_key(post: Post, a_restart_with: Restart) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url, 3)
        a_restart_with(WRONG)
        post.work()
        for _ in range(3):
            post.pass_time(minutes=10)
        assert (receiver.received, post.states()) == ([], {"PENDING": 3})

        a_restart_with(RIGHT)
        post.pass_time(seconds=31)
        assert post.states() == {"DELIVERED": 3}


def test_a_drain_without_the_key_ends_and_is_seldom_published(
    post: Post, a_restart_with: Restart
) -> None:
    post.commit("http://127.0.0.1:9/", 3)
    a_restart_with(WRONG)
    post.work()
    drains = 0
    for _ in range(60):
        post.clock.turn(seconds=1)
        sweep(post.ports)
        drains += len(post.jobs)
        post.work()
    assert drains <= 2
    assert post.ports.store.read(lambda tx: tx.drains.lapsed(10)) == ()


def test_a_new_endpoint_works_and_delays_nobody(post: Post, a_restart_with: Restart) -> None:
    with MoodyReceiver() as receiver:
        post.commit("http://127.0.0.1:9/")
        a_restart_with(WRONG)
        post.commit(receiver.url)
        post.work()
        assert len(receiver.received) == 1


def test_nothing_is_sent_without_the_signature_that_receivers_expect(
    post: Post, a_restart_with: Restart
) -> None:
    rotate_deployment_secret(post.ports, "news", "cli:alice")
    a_restart_with(WRONG)
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        assert (receiver.received, post.states()) == ([], {"PENDING": 1})
        a_restart_with(f"{WRONG},{RIGHT}")
        post.pass_time(seconds=31)
        assert post.states() == {"DELIVERED": 1}


def test_a_notice_that_a_lost_key_encrypted_waits_and_delays_nothing_else(
    post: Post, a_restart_with: Restart
) -> None:
    with MoodyReceiver() as receiver:
        (first,) = post.commit(receiver.url)
        post.work()
        a_restart_with(f"{WRONG},{RIGHT}")
        (notice,) = post.commit(receiver.url, kind="human_input")
        a_restart_with(RIGHT)
        (other,) = post.commit(receiver.url)
        post.work()
        post.pass_time(seconds=10)

        shown = delivery_record(post.get(notice), post.attempts(notice))
        assert receiver.ids == [first, other]
        assert (shown["body"], shown["attempts"], shown["state"]) == (None, 0, "PENDING")
        assert "ORCHESTRATOR_SECRET_KEY" in shown["reason"]

        a_restart_with(f"{WRONG},{RIGHT}")
        post.pass_time(seconds=31)
        assert receiver.ids == [first, other, notice]


def test_what_waits_for_its_key_has_no_other_drain_published(
    post: Post, a_restart_with: Restart
) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        a_restart_with(f"{WRONG},{RIGHT}")
        post.commit(receiver.url, kind="human_input")
        a_restart_with(RIGHT)
        post.jobs.clear()
        assert drain(post.ports, post.endpoint(receiver.url).id, "w-1") == 0
    assert post.jobs == []


def test_many_such_notices_hold_up_nothing_that_is_due_after_them(
    post: Post, a_restart_with: Restart
) -> None:
    with MoodyReceiver() as receiver:
        (first,) = post.commit(receiver.url)
        post.work()
        a_restart_with(f"{WRONG},{RIGHT}")
        post.commit(receiver.url, 30, kind="human_input")
        a_restart_with(RIGHT)
        (other,) = post.commit(receiver.url)
        post.work()
        assert receiver.ids == [first, other]


def test_operators_are_told_of_an_endpoint_that_waits_for_its_key(
    post: Post, a_restart_with: Restart
) -> None:
    post.commit("nonsense")
    endpoint_id = post.endpoint("nonsense").id
    a_restart_with(WRONG)
    with capture_logs() as lines:
        post.work()

    told = {"event": "nothing can be sent", "endpoint_id": endpoint_id, "reason": SEALED}
    assert lines == [{**told, "log_level": "error"}]


def test_operators_are_told_which_deliveries_wait_for_their_key(
    post: Post, a_restart_with: Restart
) -> None:
    with MoodyReceiver() as receiver:
        post.commit(receiver.url)
        post.work()
        endpoint_id = post.endpoint(receiver.url).id
        a_restart_with(f"{WRONG},{RIGHT}")
        (notice,) = post.commit(receiver.url, kind="human_input")
        a_restart_with(RIGHT)
        with capture_logs() as lines:
            post.work()

    about = {"endpoint_id": endpoint_id, "delivery_ids": [notice], "reason": SEALED}
    assert lines == [{**about, "event": "deliveries cannot be sent", "log_level": "error"}]


def test_endpoints_and_figures_are_shown_all_the_same(post: Post, a_restart_with: Restart) -> None:
    post.commit("http://127.0.0.1:9/")
    a_restart_with(WRONG)

    (report,) = list_endpoints(post.ports, EVERYWHERE, None, 10)
    record = endpoint_record(report)
    assert "url" not in record
    assert "ORCHESTRATOR_SECRET_KEY" in record["reason"]
    assert len(delivery_metrics(post.ports).endpoints) == 1
    assert metrics(post.ports)


def test_an_endpoint_is_steered_without_its_key(post: Post, a_restart_with: Restart) -> None:
    post.commit("http://127.0.0.1:9/")
    endpoint_id = post.endpoint("http://127.0.0.1:9/").id
    a_restart_with(WRONG)

    disable_endpoint(post.ports, endpoint_id, "cli:alice", "moved")
    post.work()
    assert post.states() == {"CANCELLED": 1}
    enable_endpoint(post.ports, endpoint_id, "cli:alice")
    with pytest.raises(SecretKeyMissing):
        ping_endpoint(post.ports, endpoint_id, "cli:alice")
    a_restart_with(RIGHT)
    assert post.endpoint("http://127.0.0.1:9/").id == endpoint_id


def test_it_is_said_at_the_start_and_by_the_doctor(post: Post, a_restart_with: Restart) -> None:
    post.commit("http://127.0.0.1:9/")
    assert sealed_warning(post.ports) is None
    a_restart_with(WRONG)

    with capture_logs() as lines:
        assert sealed_warning(post.ports) == (f"1 encrypted rows cannot be decrypted. {MEND}.")
    told = {"event": "wrong secret key", "undecryptable": 1, "mend": MEND}
    assert lines == [{**told, "log_level": "error"}]
    (finding,) = (each for each in examine(post.ports) if each.check == "secret key")
    assert "Put the key" in str(finding.mend)


def test_a_service_starts_though_nobody_can_look_at_what_is_encrypted(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseAway

    monkeypatch.setattr(post.ports.store, "read", away)
    with capture_logs() as lines:
        assert sealed_warning(post.ports) is None
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("the secret key could not be checked", "error")


def restart_with(world: World, key: str) -> None:
    """Processes of the world begin anew, and encrypt outputs with a key."""
    url = world.ports.store._writer.url.render_as_string(hide_password=False)  # type: ignore[attr-defined]
    world.ports.store.dispose()
    cipher = Cipher(key, encrypt_outputs=True)
    world.ports = replace(
        world.ports, store=make_store(url, publish=world.jobs.append, cipher=cipher)
    )


@pytest.fixture
def halted(a_world: Callable[..., World]) -> Iterator[tuple[World, str]]:
    """An execution that waits for a person, all of whose outputs the right key encrypts."""
    world = a_world("write?", "send")
    restart_with(world, RIGHT)
    yield world, world.halted()
    world.ports.store.dispose()


def of_keys(world: World) -> set[Finding]:
    return {each for each in examine(world.ports) if each.check == "secret key"}


def test_the_doctor_says_of_each_key_how_much_it_encrypted(halted: tuple[World, str]) -> None:
    world, _ = halted
    restart_with(world, f"{WRONG},{RIGHT}")
    world.halted()
    found = world.ports.store.read(lambda tx: tx.secrets.keys_in_use(LOOKED_AT))
    key, rows = "key {} of ORCHESTRATOR_SECRET_KEY", "of the rows that were looked at"
    droppable = "`orchestrator secrets reencrypt` makes it one that can be dropped"
    newest = Finding("secret key", f"{key.format(1)}, the newest, encrypted {found[0]} {rows}")
    older = Finding("secret key", f"{key.format(2)} encrypted {found[1]} {rows}; {droppable}")
    assert of_keys(world) == {newest, older}

    restart_with(world, WRONG)
    says = f"{found[1]} encrypted rows cannot be decrypted: what needs them waits"
    assert of_keys(world) == {newest, Finding("secret key", says, MEND)}


def test_an_answer_by_message_waits_for_the_key_of_what_it_is_about(
    halted: tuple[World, str],
) -> None:
    world, execution_id = halted
    said = {"execution_id": execution_id, "task_id": "write", "is_approve": True}
    arguments = {"v": 1, "deployment": "crew", "body": {**said, "human_feedback": "Good"}}
    restart_with(world, WRONG)
    message = take(world.ports, Message(str(uuid4()), ANSWER, arguments))
    assert message.state is IntakeState.WAITING
    assert "ORCHESTRATOR_SECRET_KEY" in str(message.reason)

    restart_with(world, RIGHT)
    sweep(world.ports)
    assert world.snapshot(execution_id).execution.state is ExecutionState.RUNNING


def test_an_answer_by_mail_waits_for_the_key_of_what_it_is_about(
    halted: tuple[World, str], later: Callable[[float], None]
) -> None:
    world, execution_id = halted
    ask(takes_replies(world), execution_id)
    restart_with(world, WRONG)
    mail = came(world, reply("Approve"))
    assert mail.state is MailState.WAITING

    restart_with(world, f"{RIGHT},{WRONG}")
    later(FIRST_PUBLISH_AGAIN.total_seconds())
    sweep(world.ports)
    take_all(world)
    assert world.snapshot(execution_id).execution.state is ExecutionState.RUNNING


def test_a_run_whose_calls_another_key_encrypted_is_left_to_who_has_it(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write")
    caller = with_caller(world)
    restart_with(world, RIGHT)
    caller.at = {4: dies}
    execution_id = world.kickoff()
    die_once(world)
    (before,) = world.snapshot(execution_id).runs
    later(600)

    restart_with(world, WRONG)
    with capture_logs() as lines:
        world.work()

    (told,) = (each for each in lines if each["event"] == "task waits for its secret key")
    assert (told["task_run_id"], told["log_level"]) == (before.id, "error")
    assert "ORCHESTRATOR_SECRET_KEY" in told["reason"]
    again_at = world.ports.clock.now() + FIRST_PUBLISH_AGAIN
    (left,) = world.snapshot(execution_id).runs
    assert left == replace(before, publishes=0, wake_at=again_at)

    restart_with(world, RIGHT)
    later(FIRST_PUBLISH_AGAIN.total_seconds())
    sweep(world.ports)
    world.work()
    assert caller.made == [MODEL, LOOK, MODEL, PAY, MODEL]
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED
    world.ports.store.dispose()


@pytest.mark.parametrize(("waiting", "settings"), [(LEAST_WINDOW, {}), (1, {"max_running": 1})])
def test_runs_that_wait_for_a_key_take_no_place_of_others(
    a_world_of_each: Callable[..., World], waiting: int, settings: dict[str, Any]
) -> None:
    world = a_world_of_each("write", "send", **settings)
    restart_with(world, RIGHT)
    for _ in range(waiting):
        world.kickoff()
        world.run(world.jobs.pop())
    restart_with(world, WRONG)
    world.work()

    execution_id = world.kickoff()
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED
    world.ports.store.dispose()


def test_words_wait_to_be_weighed_by_who_has_the_key_of_what_they_are_about(
    a_flow: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_flow("loop", max_attempts=1)
    world.runner.says = "go"
    restart_with(world, RIGHT)
    execution_id = world.halted()
    world.say(execution_id, "review", human_feedback="I suppose it is fine")
    restart_with(world, WRONG)
    world.work()
    assert world.snapshot(execution_id).pending[0].review.weighing

    restart_with(world, RIGHT)
    later(FIRST_PUBLISH_AGAIN.total_seconds())
    sweep(world.ports)
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED
