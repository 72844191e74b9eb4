from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from replies import reply, take_all, takes_replies
from sqlalchemy import delete, update
from world import WorkerDied, World, plan_of

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.adapters.sql.schema import manifests, plans
from orchestrator.domain.deployment import Manifest
from orchestrator.domain.review_policy import ReviewPolicy, Rule
from orchestrator.errors import TaskFailed
from orchestrator.jobs import CREWS, INTAKE, MAIL, QUEUES, WEBHOOKS
from orchestrator.ports import MailIdentity, Transaction
from orchestrator.usecases.access.tokens import create_token, revoke_token
from orchestrator.usecases.intake.take_mail import store_mail
from orchestrator.usecases.operations import doctor
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.usecases.operations.heartbeat import beat
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.webhooks.endpoints import disable_endpoint

WEBHOOK = "https://hooks.example/a"


@pytest.fixture
def world(a_world: Callable[..., World]) -> World:
    """A service at which nothing is wrong."""
    made = a_world("write")
    made.ports.store.transact(lambda tx: tx.workers.seen("w-1", QUEUES))
    create_token(made.ports, "tests")
    sweep(made.ports)
    return made


def wrong(world: World) -> Mapping[str, Finding]:
    """What is wrong, by the check that found it."""
    return {finding.check: finding for finding in examine(world.ports) if finding.is_wrong}


def found(world: World, check: str) -> list[Finding]:
    """All that a check found."""
    return [finding for finding in examine(world.ports) if finding.check == check]


def test_nothing_is_wrong_with_a_sound_service(
    world: World, later: Callable[[float], None]
) -> None:
    later(0)
    assert wrong(world) == {}
    create_token(world.ports, "one of its own", "crew")
    create_token(world.ports, "another")
    revoke_token(world.ports, create_token(world.ports, "revoked", "crew")[0].id)
    assert examine(world.ports) == (
        Finding("clock", "within 0.0 s of the database's"),
        *(Finding("workers", f"{queue}: w-1") for queue in (CREWS, INTAKE, WEBHOOKS)),
        Finding("tokens", "2 for all, 1 for crew"),
        Finding("deployments", "crew: 1 tasks"),
    )


def test_all_workers_of_a_queue_are_named(world: World) -> None:
    world.ports.store.transact(lambda tx: tx.workers.seen("w-2", [CREWS]))
    (crews, *_) = found(world, "workers")
    assert crews.says == "crews: w-1, w-2"


def test_a_queue_without_a_worker(world: World) -> None:
    world.ports.store.transact(lambda tx: tx.workers.seen("w-1", [CREWS]))
    world.ports.store.transact(lambda tx: tx.workers.seen("w-2", ["webhooks"]))
    assert [each for each in found(world, "workers") if each.is_wrong] == [
        Finding(
            "workers",
            "nobody consumes the queue intake",
            "Start one: celery -A workers.app worker -Q intake",
        )
    ]


@pytest.mark.parametrize(
    ("mail", "says"),
    [(None, None), (MailIdentity("c@example.com"), "nobody consumes the queue mail")],
)
def test_mails_need_a_worker_where_some_are_sent(
    world: World, mail: MailIdentity | None, says: str | None
) -> None:
    without = [queue for queue in QUEUES if queue != MAIL]
    world.ports.store.transact(lambda tx: tx.workers.seen("w-1", without))
    world.ports = replace(world.ports, mail=mail)
    found = wrong(world).get("workers")
    assert (found and found.says) == says


def test_a_mail_that_nobody_reads(world: World, later: Callable[[float], None]) -> None:
    takes_replies(world)
    store_mail(world.ports, reply("ok"))
    assert "mails" not in wrong(world)
    later(30)
    assert "mails" not in wrong(world)
    later(1)
    assert found(world, "mails") == [
        Finding(
            "mails",
            "1 wait to be read, one since 31 s",
            "See that a worker of the queue intake runs, and read its log",
        )
    ]
    take_all(world)
    where = "orchestrator mail inbound --state REFUSED"
    said = Finding("mails", f"refused within a day: 1 not_asked: {where}")
    assert found(world, "mails") == [said]
    store_mail(world.ports, reply("ok", To="crews@crews.example"))
    take_all(world)
    said = Finding("mails", f"refused within a day: 1 no_reply_address, 1 not_asked: {where}")
    assert found(world, "mails") == [said]
    later(24 * 3600 + 1)
    assert found(world, "mails") == []


def test_a_mailbox_that_is_not_read(world: World, later: Callable[[float], None]) -> None:
    def look(error: str | None) -> None:
        world.ports.store.transact(lambda tx: tx.mails.looked_at("ann at imap.example", error))

    mend = "Mend its server, or correct ORCHESTRATOR_MAIL_IMAP_HOST, _USER and _PASSWORD"
    name = "ann at imap.example"
    look("wrong password")
    assert found(world, "mailbox") == [
        Finding("mailbox", f"{name} was not read yet: wrong password", mend)
    ]
    look(None)
    later(170)
    look("no route to host")
    assert found(world, "mailbox") == [
        Finding("mailbox", f"{name} was read 170 s ago: no route to host")
    ]
    later(10)
    assert "mailbox" not in wrong(world)
    later(20)
    assert found(world, "mailbox") == [
        Finding("mailbox", f"{name} was read 200 s ago: no route to host", mend)
    ]
    look(None)
    later(200)
    assert found(world, "mailbox") == [
        Finding("mailbox", f"{name} was read 200 s ago", "Start one: orchestrator mail fetch")
    ]
    later(7 * 86_400)
    assert found(world, "mailbox") == []


def test_a_deployment_that_does_not_load(world: World) -> None:
    broken = Manifest("crew", None, "No module named 'tools'", world.ports.clock.now(), "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    assert wrong(world)["deployments"] == Finding(
        "deployments",
        "crew: No module named 'tools'",
        "Mend its code or its entry in the deployment file, then restart the crew workers",
    )


def test_a_deployment_that_no_worker_has_loaded(world: World) -> None:
    crew = world.ports.deployments.get("crew")
    declared = {"crew": crew, "press": replace(crew, name="press", queue="gpu")}
    world.ports = replace(world.ports, deployments=DeploymentFile(declared))
    assert found(world, "deployments") == [
        Finding("deployments", "crew: 1 tasks"),
        Finding(
            "deployments",
            "press: no worker has loaded it yet",
            "Start a worker with the same deployment file on the queue gpu",
        ),
    ]
    assert wrong(world)["workers"].says == "nobody consumes the queue gpu"


def test_rules_that_do_not_fit_the_code(a_world: Callable[..., World]) -> None:
    world = a_world("write", review_policy=ReviewPolicy((Rule("wriet"),)))
    assert wrong(world)["reviews"] == Finding(
        "reviews",
        "crew: the rule 'wriet' matches none of the tasks: write",
        "Mend the deployment's `reviews` in the deployment file, then restart all processes",
    )


def test_work_that_nobody_takes(world: World, later: Callable[[float], None]) -> None:
    later(0)
    world.kickoff()
    later(30)
    says = "1 task runs of crew wait, one since"
    assert found(world, "backlog") == [Finding("backlog", f"{says} 30 s")]
    later(1)
    assert found(world, "backlog") == [
        Finding(
            "backlog",
            f"{says} 31 s",
            "Start more workers on the queue crews, and see that `orchestrator sweep` runs",
        )
    ]


def test_runs_of_what_nobody_can_read_need_no_more_workers(
    world: World, later: Callable[[float], None]
) -> None:
    later(0)
    for task in ("write", "print"):
        world.loads(plan_of(task))
        world.kickoff()
    with world.ports.store._writer.begin() as connection:  # type: ignore[attr-defined]  # SQL's
        connection.execute(update(manifests).values(plan_digest=None))
        connection.execute(delete(plans))
    world.ports.store.forget()  # type: ignore[attr-defined]  # SQL's
    later(31)
    says = "2 task runs of crew wait, one since 31 s"
    assert found(world, "backlog") == [Finding("backlog", says)]
    assert all(each.says.endswith(" is gone") for each in found(world, "stored"))
    assert [each.mend for each in found(world, "stored")] == [
        "Restore it from a backup, or stop them: orchestrator stop ID"
    ] * 2


def test_work_that_a_limit_of_its_deployment_holds_back_is_not_wrong(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write", max_running=1)
    for _ in range(2):
        world.kickoff()
    seen: list[Finding] = []

    def look() -> None:
        later(31)
        seen.extend(found(world, "backlog"))

    world.runner.before_answering = look
    world.run(world.jobs.pop(0))
    says = "1 task runs of crew wait, one since 31 s: max_running = 1 are at work"
    assert seen == [Finding("backlog", says)]


def test_work_for_which_a_limit_of_its_deployment_leaves_room_is_wrong(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write", max_running=1)
    later(0)
    world.kickoff()
    later(31)
    (waits,) = found(world, "backlog")
    assert waits.is_wrong


def test_a_task_that_keeps_failing(world: World) -> None:
    world.runner.behaviour = PermissionError("401: invalid API key")
    execution_id = world.halted()
    assert found(world, "attempts") == [
        Finding(
            "attempts",
            "crew/write failed 1 times, last: PermissionError: 401: invalid API key",
            f"Mend the cause, then watch: orchestrator timeline {execution_id}",
        )
    ]


def test_of_a_long_error_the_beginning_is_shown_in_one_line(world: World) -> None:
    world.runner.behaviour = PermissionError("no\n  way " + "x" * 300)
    world.halted()
    (finding,) = found(world, "attempts")
    error = f"PermissionError: no way {'x' * 300}"[:200]
    assert finding.says == f"crew/write failed 1 times, last: {error}"


def test_an_attempt_that_runs_has_not_failed(world: World, later: Callable[[float], None]) -> None:
    world.runner.behaviour = PermissionError("401")
    world.halted()
    world.runner.behaviour = WorkerDied()
    later(1)
    sweep(world.ports)
    with pytest.raises(WorkerDied):
        world.work()
    assert "failed 1 times" in wrong(world)["attempts"].says


def test_executions_that_failed_are_named_and_not_wrong(world: World) -> None:
    world.runner.behaviour = TaskFailed("no ink", retryable=False)
    world.halted()
    where = "orchestrator executions list --state FAILED --deployment crew"
    assert found(world, "executions") == [Finding("executions", f"1 of crew failed: {where}")]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (5, None),
        (-5, None),
        (6, "this machine is 6 s ahead of the database"),
        (-120, "this machine is 120 s behind the database"),
    ],
)
def test_a_clock_that_is_wrong(
    world: World, later: Callable[[float], None], seconds: int, says: str | None
) -> None:
    later(0)

    class Other:
        def now(self) -> datetime:
            return other

    other = world.ports.clock.now() + timedelta(seconds=seconds)
    world.ports = replace(world.ports, clock=Other())
    mend = "Keep both machines' clocks by NTP: receivers refuse signatures that are minutes off"
    sound = Finding("clock", "within 5.0 s of the database's")
    assert found(world, "clock") == [Finding("clock", says, mend) if says else sound]


def test_nobody_may_call(a_world: Callable[..., World]) -> None:
    assert found(a_world("write"), "tokens") == [
        Finding("tokens", "nobody has a token", "Make one: orchestrator token create")
    ]


def test_a_worker_whose_clock_is_wrong(world: World) -> None:
    for name, seconds in (("w-2", -120), ("w-3", 120), ("w-4", 5), ("w-5", -5)):
        ahead = timedelta(seconds=seconds)
        world.ports.store.transact(
            lambda tx, name=name, ahead=ahead: tx.workers.seen(name, QUEUES, ahead)  # type: ignore[misc]  # mypy cannot infer it
        )
    mend = "Keep the clock of its machine by NTP"
    assert [each for each in found(world, "clock") if each.is_wrong] == [
        Finding("clock", "w-2 is 120 s behind the database", mend),
        Finding("clock", "w-3 is 120 s ahead of the database", mend),
    ]


def test_no_sweep_runs(a_world: Callable[..., World], later: Callable[[float], None]) -> None:
    world = a_world("write")
    later(0)
    sweep(world.ports)
    since = world.ports.clock.now().isoformat(timespec="seconds")
    later(15)
    assert found(world, "sweep") == []
    later(1)
    says = f"none has run since {since}: nothing that is due or lost is seen to"
    assert found(world, "sweep") == [Finding("sweep", says, "Start one: orchestrator sweep")]
    sweep(world.ports)
    assert found(world, "sweep") == []


def test_no_sweep_has_ever_run(a_world: Callable[..., World]) -> None:
    says = "none has run yet: nothing that is due or lost is seen to"
    assert found(a_world("write"), "sweep") == [
        Finding("sweep", says, "Start one: orchestrator sweep")
    ]


def test_a_step_of_the_sweep_that_fails(world: World, later: Callable[[float], None]) -> None:
    later(0)
    world.ports.store.transact(lambda tx: tx.sweeps.step_failed("mails", "no space left"))
    since = world.ports.clock.now().isoformat(timespec="seconds")
    assert found(world, "sweep") == [
        Finding(
            "sweep",
            f"its step 'mails' fails since {since}: no space left",
            "Read the log of `orchestrator sweep`, and mend the cause",
        )
    ]


def test_a_claim_that_lapsed_and_that_nobody_ends(
    world: World, later: Callable[[float], None]
) -> None:
    world.runner.behaviour = WorkerDied()
    world.kickoff()
    with pytest.raises(WorkerDied):
        world.work()
    for _ in range(14):  # sweeps that get no further than their heartbeat
        later(3)
        beat(world.ports)
    mend = "See that `orchestrator sweep` runs, and read its log"
    says = "1 claims have lapsed and were not ended"
    assert found(world, "stuck") == [Finding("stuck", says, mend)]
    sweep(world.ports)
    assert "stuck" not in wrong(world)


def test_a_review_past_its_deadline_that_nobody_expires(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write?", review_timeout=timedelta(seconds=60))
    later(0)
    world.halted()
    later(90 - 1)
    assert found(world, "stuck") == []
    later(2)
    mend = "See that `orchestrator sweep` runs, and read its log"
    assert found(world, "stuck") == [Finding("stuck", "1 reviews are past their deadline", mend)]


def test_of_lost_rows_so_many_are_counted(
    a_world: Callable[..., World], later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "MOST_COUNTED", 2)
    world = a_world("write?", review_timeout=timedelta(seconds=60))
    for _ in range(3):
        world.halted()
    later(91)
    (stuck,) = found(world, "stuck")
    assert stuck.says == "2 or more reviews are past their deadline"


def test_a_receiver_that_was_disabled(world: World) -> None:
    world.halted(crewWebhookUrl=WEBHOOK)
    (endpoint,) = world.ports.store.read(lambda tx: tx.endpoints.page(None, None, 10))
    disable_endpoint(world.ports, endpoint.id, "tests", "moved")
    assert found(world, "endpoints") == [
        Finding(
            "endpoints",
            f"{endpoint.id} of crew is disabled: nothing is sent there",
            f"Mend the receiver, then: orchestrator endpoints enable {endpoint.id}",
        )
    ]


SEND = "See that webhook workers and `orchestrator sweep` run: orchestrator endpoints list"


def test_webhooks_that_nobody_sends(world: World, later: Callable[[float], None]) -> None:
    later(0)
    world.halted(crewWebhookUrl=WEBHOOK)
    later(30)
    assert found(world, "webhooks") == []
    later(1)
    assert found(world, "webhooks") == [Finding("webhooks", "one is due since 31 s", SEND)]


def test_webhooks_that_a_receiver_asked_to_wait_are_not_wrong(
    world: World, later: Callable[[float], None]
) -> None:
    later(0)
    world.halted(crewWebhookUrl=WEBHOOK)
    now = world.ports.clock.now()

    def pause(tx: Transaction) -> None:
        (found,) = tx.endpoints.page(None, None, 10)
        before = tx.endpoints.lock(found.id)
        assert before
        health = before.health.quiet(now + timedelta(seconds=40))
        tx.endpoints.save(before, replace(before, health=health))

    world.ports.store.transact(pause)
    later(35)
    assert found(world, "webhooks") == [Finding("webhooks", "one is due since 35 s")]
    later(5)
    assert found(world, "webhooks") == [Finding("webhooks", "one is due since 40 s", SEND)]


def test_reviews_in_which_nobody_is_asked(a_world: Callable[..., World]) -> None:
    world = a_world("write?", review_policy=ReviewPolicy((Rule("*"),)))
    world.halted()
    (review,) = world.ports.store.read(lambda tx: tx.reviews.pending(None, None, 9, None))
    assert found(world, "reviews")[0] == Finding(
        "reviews",
        "nobody is asked in 1 open reviews",
        f"Have somebody asked: orchestrator reviews reassign {review.id} ADDRESS; or name a "
        "'creator' in the deployment file, then: orchestrator reviews reroute",
    )
