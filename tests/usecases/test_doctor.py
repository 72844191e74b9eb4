from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from replies import reply, take_all, takes_replies
from world import WorkerDied, World

from orchestrator.domain.deployment import Manifest
from orchestrator.domain.review_policy import ReviewPolicy, Rule
from orchestrator.errors import TaskFailed
from orchestrator.jobs import CREWS, MAIL, QUEUES
from orchestrator.ports import MailIdentity
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.usecases.operations.heartbeat import beat
from orchestrator.usecases.operations.sweep import sweep
from orchestrator.usecases.operations.take_mail import store_mail
from orchestrator.usecases.operations.tokens import create_token
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


def test_nothing_is_wrong_with_a_sound_service(world: World) -> None:
    assert wrong(world) == {}


def test_a_queue_without_a_worker(world: World) -> None:
    world.ports.store.transact(lambda tx: tx.workers.seen("w-1", [CREWS]))
    world.ports.store.transact(lambda tx: tx.workers.seen("w-2", ["webhooks"]))
    assert "-Q intake" in str(wrong(world)["workers"].mend)


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
    later(31)
    assert "1 wait to be read, one since 31 s" in wrong(world)["mails"].says
    take_all(world)
    assert "mails" not in wrong(world)
    said = [each.says for each in examine(world.ports) if each.check == "mails"]
    assert said == ["refused within a day: 1 not_asked: orchestrator mail inbound --state REFUSED"]


def test_a_mailbox_that_is_not_read(world: World, later: Callable[[float], None]) -> None:
    def look(error: str | None) -> None:
        world.ports.store.transact(lambda tx: tx.mails.looked_at("ann at imap.example", error))

    look("wrong password")
    assert wrong(world)["mailbox"].says == "ann at imap.example was not read yet: wrong password"
    look(None)
    later(170)
    look("no route to host")
    assert "mailbox" not in wrong(world)
    later(30)
    found = wrong(world)["mailbox"]
    assert found.says == "ann at imap.example was read 200 s ago: no route to host"
    assert "ORCHESTRATOR_MAIL_IMAP_HOST" in str(found.mend)
    look(None)
    later(200)
    assert "orchestrator mail fetch" in str(wrong(world)["mailbox"].mend)
    later(7 * 86_400)
    assert "mailbox" not in {each.check for each in examine(world.ports)}


def test_a_deployment_that_does_not_load(world: World) -> None:
    broken = Manifest("crew", None, "No module named 'tools'", world.ports.clock.now(), "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    assert "No module named 'tools'" in wrong(world)["deployments"].says


def test_rules_that_do_not_fit_the_code(a_world: Callable[..., World]) -> None:
    world = a_world("write", review_policy=ReviewPolicy((Rule("wriet"),)))
    assert wrong(world)["reviews"].says == (
        "crew: the rule 'wriet' matches none of the tasks: write"
    )


def test_work_that_nobody_takes(world: World, later: Callable[[float], None]) -> None:
    world.kickoff()
    assert "backlog" not in wrong(world)
    later(31)
    assert "1 task runs of crew wait" in wrong(world)["backlog"].says


def test_work_that_a_limit_of_its_deployment_holds_back_is_not_wrong(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write", max_running=1)
    for _ in range(2):
        world.kickoff()
    found: list[Finding] = []

    def look() -> None:
        later(31)
        found.extend(each for each in examine(world.ports) if each.check == "backlog")

    world.runner.before_answering = look
    world.run(world.jobs.pop(0))
    (waits,) = found
    assert "max_running = 1 are at work" in waits.says
    assert not waits.is_wrong


def test_a_task_that_keeps_failing(world: World) -> None:
    world.runner.behaviour = PermissionError("401: invalid API key")
    execution_id = world.halted()
    found = wrong(world)["attempts"]
    assert "crew/write failed 1 times, last: PermissionError: 401: invalid API key" in found.says
    assert execution_id in str(found.mend)


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
    (finding,) = (each for each in examine(world.ports) if each.check == "executions")
    assert finding.says.startswith("1 of crew failed: orchestrator executions list --state FAILED")
    assert not finding.is_wrong


def test_a_clock_that_is_wrong(world: World) -> None:
    class Fast:
        def now(self) -> object:
            return ahead

    ahead = world.ports.clock.now() + timedelta(minutes=2)
    world.ports = replace(world.ports, clock=Fast())
    assert "ahead of the database" in wrong(world)["clock"].says


def test_nobody_may_call(a_world: Callable[..., World]) -> None:
    assert "orchestrator token create" in str(wrong(a_world("write"))["tokens"].mend)


def test_a_worker_whose_clock_is_wrong(world: World) -> None:
    behind = timedelta(minutes=-2)
    world.ports.store.transact(lambda tx: tx.workers.seen("w-2", QUEUES, behind))
    assert wrong(world)["clock"].says == "w-2 is 120 s behind the database"


def test_no_sweep_runs(world: World, later: Callable[[float], None]) -> None:
    later(16)
    assert "none has run since" in wrong(world)["sweep"].says
    sweep(world.ports)
    assert "sweep" not in wrong(world)


def test_no_sweep_has_ever_run(a_world: Callable[..., World]) -> None:
    assert "none has run yet" in wrong(a_world("write"))["sweep"].says


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
    assert wrong(world)["stuck"].says == "1 claims have lapsed and were not ended"
    sweep(world.ports)
    assert "stuck" not in wrong(world)


def test_a_review_past_its_deadline_that_nobody_expires(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write?", review_timeout=timedelta(seconds=60))
    world.halted()
    later(91)
    assert wrong(world)["stuck"].says == "1 reviews are past their deadline"


def test_a_receiver_that_was_disabled(world: World) -> None:
    world.halted(crewWebhookUrl=WEBHOOK)
    (endpoint,) = world.ports.store.read(lambda tx: tx.endpoints.page(None, None, 10))
    disable_endpoint(world.ports, endpoint.id, "tests", "moved")
    found = wrong(world)["endpoints"]
    assert f"orchestrator endpoints enable {endpoint.id}" in str(found.mend)


def test_webhooks_that_nobody_sends(world: World, later: Callable[[float], None]) -> None:
    world.halted(crewWebhookUrl=WEBHOOK)
    assert "webhooks" not in wrong(world)
    later(31)
    assert "one is due since" in wrong(world)["webhooks"].says
