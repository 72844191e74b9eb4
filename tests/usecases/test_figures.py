"""What monitoring asks for: how many, for how long, and whether the service can take work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import inf

import pytest
from post import MoodyReceiver, Post
from replies import reply, take_all, takes_replies
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.figures import TRY_BUCKETS, Refusals
from orchestrator.domain.inbound_mail import WhyRefused
from orchestrator.errors import TaskFailed
from orchestrator.jobs import CREWS, INTAKE, MAIL, QUEUES, WEBHOOKS
from orchestrator.ports import Transaction
from orchestrator.usecases.intake.take_mail import store_mail
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations.delivery_metrics import delivery_metrics
from orchestrator.usecases.operations.health import Health, health
from orchestrator.usecases.operations.metrics import Backlog, metrics
from orchestrator.usecases.operations.refuse_job import Refusal, refuse_job

Make = Callable[..., World]
Later = Callable[[float], None]
WEBHOOK = "https://hooks.example/a"


@pytest.fixture
def world(a_world: Make, later: Later) -> World:
    """Two deployments, of which a worker has loaded one; time passes as the test says."""
    later(0)
    made = a_world("write?")
    crew = made.ports.deployments.get("crew")
    declared = {"crew": crew, "press": replace(crew, name="press", queue="gpu")}
    made.ports = replace(made.ports, deployments=DeploymentFile(declared))
    return made


def seen(world: World, name: str, *queues: str) -> None:
    world.ports.store.transact(lambda tx: tx.workers.seen(name, queues))


def test_executions_are_counted_by_deployment_and_state(world: World) -> None:
    world.halted()
    world.runner.behaviour = TaskFailed("no ink", retryable=False)
    world.halted()
    counts = metrics(world.ports).executions
    assert counts.keys() == {
        (name, state) for name in ("crew", "press") for state in ExecutionState
    }
    assert {key: count for key, count in counts.items() if count} == {
        ("crew", ExecutionState.PENDING_HUMAN_INPUT): 1,
        ("crew", ExecutionState.FAILED): 1,
    }


def test_what_waits_is_counted_with_how_long_the_oldest_has(world: World, later: Later) -> None:
    world.halted()
    later(20)
    world.halted()
    world.kickoff()
    later(10)
    found = metrics(world.ports)
    assert found.reviews == {"crew": Backlog(2, 30.0), "press": Backlog(0, 0.0)}
    assert found.due == {"crew": Backlog(1, 10.0), "press": Backlog()}
    assert found.messages == {"crew": Backlog(), "press": Backlog()}
    assert [(each.deployment, each.task) for each in found.tasks] == [("crew", "write")]


def test_workers_are_counted_by_queue(world: World, later: Later) -> None:
    seen(world, "w-1", CREWS, "gpu")
    seen(world, "w-2", CREWS)
    counts = {CREWS: 2, WEBHOOKS: 0, MAIL: 0, INTAKE: 0, "gpu": 1}
    assert metrics(world.ports).workers == counts


def test_jobs_that_are_refused_are_counted_by_why_and_logged(world: World) -> None:
    with capture_logs() as lines:
        refuse_job(world.ports, Refusal.FORMAT, job="orchestrator.run_task")
    told = {"event": "job refused", "why": "format", "job": "orchestrator.run_task"}
    assert lines == [{**told, "log_level": "warning"}]
    expected = {why.value: 0 for why in Refusal} | {"format": 1}
    assert metrics(world.ports).refused_jobs == expected
    assert metrics(world.ports).mails.refused == {why.value: 0 for why in WhyRefused}


def test_a_database_that_is_away_costs_a_refusal_s_count_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.ports.store, "transact", away)
    with capture_logs() as lines:
        refuse_job(world.ports, Refusal.FORMAT)
    assert [(each["event"], each["log_level"]) for each in lines] == [
        ("job refused", "warning"),
        ("refusal not counted", "error"),
    ]


def test_steps_that_sweeps_fail_to_do_are_told_with_since_when(world: World, later: Later) -> None:
    def fail(tx: Transaction) -> None:
        tx.sweeps.step_failed("mails", "no space left")

    world.ports.store.transact(fail)
    later(4)
    world.ports.store.transact(fail)
    assert metrics(world.ports).failing_steps == {"mails": 4.0}


def test_mails_are_counted_with_how_long_the_oldest_waits(world: World, later: Later) -> None:
    takes_replies(world)
    assert metrics(world.ports).mails.unread == Backlog(0, 0.0)
    store_mail(world.ports, reply("ok"))
    later(7)
    assert metrics(world.ports).mails.unread == Backlog(1, 7.0)
    take_all(world)
    found = metrics(world.ports).mails
    assert (found.unread, found.refused["not_asked"]) == (Backlog(0, 0.0), 1)
    assert metrics(world.ports).refused_jobs == {why.value: 0 for why in Refusal}


def test_mailboxes_have_the_seconds_since_they_were_read(world: World, later: Later) -> None:
    world.ports.store.transact(lambda tx: tx.mails.looked_at("bens", "no route to host"))
    world.ports.store.transact(lambda tx: tx.mails.looked_at("anns", None))
    later(9)
    assert metrics(world.ports).mails.mailboxes == {"anns": 9.0, "bens": inf}


def test_deliveries_are_counted_and_the_oldest_that_is_due_has_an_age(post: Post) -> None:
    assert delivery_metrics(post.ports).oldest_due_seconds == 0.0
    post.commit(WEBHOOK)
    post.clock.turn(seconds=5)
    post.commit(WEBHOOK)
    found = delivery_metrics(post.ports)
    assert {str(state): count for (_, state), count in found.counts.items()} == {"PENDING": 2}
    assert found.oldest_due_seconds == 5.0


def test_the_tries_of_the_last_minutes_are_told_by_outcome_and_duration(post: Post) -> None:
    with MoodyReceiver(200, 200, 404, 503, 302) as receiver:
        for n in range(5):
            post.commit(f"{receiver.url}{n}")
        post.work()
    post.commit("http://127.0.0.1:9/")
    post.work()
    found = delivery_metrics(post.ports).recent
    assert found.outcomes == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "none": 1}
    assert found.count == 6
    assert found.within.keys() == set(TRY_BUCKETS)
    assert [found.within[bound] for bound in sorted(TRY_BUCKETS)][-1] == 6
    assert 0 < found.seconds < 6
    post.clock.turn(minutes=7)
    assert delivery_metrics(post.ports).recent.count == 0


def test_endpoints_are_told_with_how_they_do(post: Post) -> None:
    with MoodyReceiver(200) as receiver:
        post.commit(receiver.url)
        post.work()
    post.commit("http://127.0.0.1:9/", 2)
    post.work()
    post.clock.turn(seconds=3)
    well, failing = post.endpoint(receiver.url), post.endpoint("http://127.0.0.1:9/")
    found = {each.endpoint_id: each for each in delivery_metrics(post.ports).endpoints}
    assert found.keys() == {well.id, failing.id}
    one = found[well.id]
    assert (one.deployment, one.enabled, one.quiet) == ("news", True, False)
    assert (one.failing_seconds, one.waiting) == (0.0, 0)
    other = found[failing.id]
    assert (other.failing_seconds, other.waiting, other.quiet) == (3.0, 2, False)


def test_an_endpoint_that_is_left_in_peace_is_told_as_quiet_until_that_is_over(post: Post) -> None:
    with MoodyReceiver((429, {"Retry-After": "60"})) as receiver:
        post.commit(receiver.url)
        post.work()
    (found,) = delivery_metrics(post.ports).endpoints
    assert found.quiet
    post.clock.turn(seconds=60)
    (found,) = delivery_metrics(post.ports).endpoints
    assert not found.quiet


# Health -----------------------------------------------------------------------------------------


def test_a_service_is_ready_once_all_is_loaded_and_served(world: World) -> None:
    seen(world, "w-2", CREWS)
    seen(world, "w-1", CREWS)
    found = health(world.ports)
    assert found == Health(("crew",), ("press",), (), ("w-1", "w-2"), ("gpu",))
    assert not found.is_ready
    seen(world, "w-3", "gpu")
    assert not health(world.ports).is_ready
    broken = Manifest("press", None, "no module", world.ports.clock.now(), "w-3")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    found = health(world.ports)
    assert found == Health(("crew",), (), ("press",), ("w-1", "w-2", "w-3"), ())
    assert found.is_ready


def test_a_service_of_which_nothing_loads_is_not_ready(world: World) -> None:
    broken = Manifest("crew", None, "no module", world.ports.clock.now(), "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    crew = world.ports.deployments.get("crew")
    world.ports = replace(world.ports, deployments=DeploymentFile({"crew": crew}))
    seen(world, "w-1", *QUEUES)
    found = health(world.ports)
    assert found == Health((), (), ("crew",), ("w-1",), ())
    assert not found.is_ready


def test_what_a_refusal_counts_as_is_kept_apart(world: World) -> None:
    world.ports.store.transact(lambda tx: tx.figures.refuse(Refusals.MAILS, "not_asked"))
    found = metrics(world.ports)
    assert found.mails.refused["not_asked"] == 1
    assert found.refused_jobs == {why.value: 0 for why in Refusal}


def test_a_message_counts_as_refused_lately_for_five_minutes(world: World, later: Later) -> None:
    take(world.ports, Message("odd", "orchestrator.kickoff", {}))
    later(timedelta(minutes=5).total_seconds() - 1)
    assert metrics(world.ports).refused_messages == 1
    later(2)
    assert metrics(world.ports).refused_messages == 0
