"""Faults of processes: killed at a boundary, in the middle, or frozen; replaced by others."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from uuid import uuid4

import psutil
from battle import Battle
from celery import Celery
from fault_table import fault
from hurt_service import end
from processes import kill_all

PAST_A_LEASE = 12.0
"""Seconds; a lease is 8 here."""

SECONDS_TO_SEND_AGAIN = 3.0

AGAIN = "its lease is ended by the worker's parent; the task runs again elsewhere"
BY_SWEEP = "the sweep publishes the next job again"
RESTART = "the supervisor starts another one; clients ask again under their key"


def child_dies(place: str, battle: Battle) -> Iterator[None]:
    """The child that has a body in its middle dies at a boundary of what comes then."""
    guard = battle.service.guard(place)
    crew = battle.held[0]
    crew.arm(battle.held_body, guard)
    crew.release()
    armed = crew.folder / f"arm.{battle.held_body}"
    battle.until(lambda: not armed.exists() and not guard.read_text())
    yield


fault(
    "a child dies before a commit",
    "SIGKILL in the transaction that has the output",
    AGAIN,
    short=True,
)(partial(child_dies, "before-commit"))
fault("a child dies after a commit", "SIGKILL between commit and publish", BY_SWEEP, short=True)(
    partial(child_dies, "after-commit")
)
fault("a child dies after a publish", "SIGKILL once the next job is out", "that job is taken")(
    partial(child_dies, "after-publish")
)


@fault("a child dies after a claim", "SIGKILL between claim and body", AGAIN, short=True)
def after_claim(battle: Battle) -> Iterator[None]:
    guard = battle.service.guard("after-claim")
    battle.release()
    guard.unlink()
    battle.begin_meanwhile(["crew"])
    battle.until(guard.exists)
    yield


@fault("a child is killed", "SIGKILL in the middle of a body", AGAIN, short=True)
def child(battle: Battle) -> Iterator[None]:
    battle.held_child(battle.held[0], battle.held_body).kill()
    yield


@fault("a crew worker is killed", "SIGKILL of parent and children", "leases lapse", short=True)
def worker(battle: Battle) -> Iterator[None]:
    kill_all([battle.service.process("crews"), *battle.service.children()])
    yield


@fault("the parent of a crew worker is killed", "SIGKILL of the parent alone", "leases lapse")
def parent(battle: Battle) -> Iterator[None]:
    battle.service.process("crews").kill()
    yield


def kind_dies(place: str, kind: str, battle: Battle) -> Iterator[None]:
    """A process of another kind dies at a boundary, with kickoffs and an answer under way."""
    old = battle.service.process(kind)
    battle.service.crash_next(place, kind)
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.held_open.clear()
    battle.release()
    battle.until(lambda: not _lives(old))
    yield


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


for _place in ("before-commit", "after-commit", "after-publish"):
    _where = _place.replace("-", " a ")
    fault(
        f"the API dies {_where}",
        "SIGKILL while it answers",
        RESTART,
        short=_place != "after-publish",
    )(partial(kind_dies, _place, "api"))
    fault(f"the sweep dies {_where}", "SIGKILL", "the supervisor starts another one")(
        partial(kind_dies, _place, "sweep")
    )
    fault(f"the webhook worker dies {_where}", "SIGKILL", "its drain's lease lapses")(
        partial(kind_dies, _place, "webhooks")
    )


@fault(
    "the webhook worker dies after a send",
    "SIGKILL between the receiver's answer and the commit",
    "the lease of the delivery lapses; it is sent again under the same id",
    short=True,
)
def after_send(battle: Battle) -> Iterator[None]:
    guard = battle.service.guard("after-send")
    guard.unlink()
    battle.release()
    battle.until(guard.exists)
    yield


def intake_dies(place: str, battle: Battle) -> Iterator[None]:
    """A producer that does not know what became of its message sends it again."""
    app = Celery(broker=battle.service.own_broker.url())
    run = battle.make("crew")
    run.id = str(uuid4())
    body = {"inputs": {"folder": str(run.folder)}, **battle.receiver.webhooks}
    arguments = {"v": 1, "deployment": "crew", "body": body}
    old = battle.service.process("intake")
    battle.service.crash_next(place, "intake")

    def send() -> None:
        app.send_task("orchestrator.kickoff", kwargs=arguments, task_id=run.id, queue="intake")

    def has_begun() -> bool:
        answer = battle.client.call("GET", f"/v1/executions/{run.id}")
        return bool(answer.status_code == 200)

    send()
    battle.until(lambda: not _lives(old))
    while not has_begun():
        send()
        time.sleep(SECONDS_TO_SEND_AGAIN)
    app.close()
    yield


for _place in ("before-commit", "after-commit"):
    fault(
        f"the intake worker dies {_place.replace('-', ' a ')}",
        "SIGKILL as it takes a producer's message",
        "the producer sends it again under its id until there is an execution: there is one",
    )(partial(intake_dies, _place))


@fault("a power cut", "SIGKILL of every process of the service", "it is started again", short=True)
def power_cut(battle: Battle) -> Iterator[None]:
    battle.service.kill()
    battle.service.start()
    yield


@fault(
    "a child is frozen past its lease",
    "SIGSTOP of a child in the middle of a body, SIGCONT once another one has the task",
    "the zombie's result is refused",
)
def frozen_child(battle: Battle) -> Iterator[None]:
    crew, name = battle.held[0], battle.held_body
    battle.held[1].release()
    frozen = battle.held_child(crew, name)
    frozen.suspend()
    battle.until(lambda: len(crew.pids(name)) > 1)
    yield
    battle.release()
    frozen.resume()


@fault(
    "a crew worker is frozen past its lease",
    "SIGSTOP of parent and children, SIGCONT after the leases lapsed",
    "every result that it comes with is refused; the tasks run again",
)
def frozen_worker(battle: Battle) -> Iterator[None]:
    frozen = [battle.service.process("crews"), *battle.service.children()]
    for each in frozen:
        each.suspend()
    battle.begin_meanwhile(["crew"])
    battle.release()
    time.sleep(PAST_A_LEASE)
    for each in frozen:
        with suppress(psutil.NoSuchProcess):
            each.resume()
    yield


@fault("the API is frozen", "SIGSTOP for 5 s, then SIGCONT", "clients wait, or ask again")
def frozen_api(battle: Battle) -> Iterator[None]:
    api = battle.service.process("api")
    api.suspend()
    battle.begin_meanwhile(["crew", "plain_flow"])
    battle.release()
    time.sleep(5)
    api.resume()
    yield


@fault("two sweeps", "another sweep beside the first, which is killed", "one sees to each row")
def two_sweeps(battle: Battle) -> Iterator[None]:
    second = battle.service.second("orchestrator", "sweep")
    kill_all([battle.service.process("crews"), *battle.service.children()])
    battle.service.process("sweep").kill()
    battle.release()
    battle.begin_meanwhile(["crew"])
    yield
    battle.all_begun()
    end(second)


@fault(
    "a rolling deploy",
    "a new crew worker starts, the old one is told to end, then the other way round",
    "claims are given back uncounted; nobody waits",
)
def rolling_deploy(battle: Battle) -> Iterator[None]:
    new = battle.service.second_worker("new", ORCHESTRATOR_CONCURRENCY="1")
    old = battle.service.process("crews")
    battle.begin_meanwhile(["crew", "plain_flow"])
    old.send_signal(signal.SIGTERM)
    battle.until(lambda: not _lives(old))
    battle.release()
    battle.service.process("crews")
    yield
    new.send_signal(signal.SIGTERM)
    new.wait(60)
