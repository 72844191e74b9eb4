"""What producers send is kept with what became of it, whatever it is, and does not loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.adapters.sql.intake import SqlIntake
from orchestrator.domain.canonical import encode
from orchestrator.domain.deployment import Deployment, Manifest
from orchestrator.domain.intake import IntakeMessage, IntakeState
from orchestrator.domain.permission import EVERYWHERE, Scope
from orchestrator.errors import DatabaseAway
from orchestrator.jobs import ANSWER, KICKOFF
from orchestrator.usecases.intake import take_messages
from orchestrator.usecases.intake.messages import list_messages
from orchestrator.usecases.intake.take_messages import Message, take
from orchestrator.usecases.operations.doctor import examine
from orchestrator.usecases.operations.finding import Finding
from orchestrator.usecases.operations.metrics import metrics
from orchestrator.usecases.operations.sweep import BATCH, sweep

REFUSED, ACCEPTED, WAITING = IntakeState.REFUSED, IntakeState.ACCEPTED, IntakeState.WAITING


@pytest.fixture
def world(a_world_of_each: Callable[..., World]) -> World:
    return a_world_of_each("write?")


def asked(body: object = None, deployment: object = "crew", **more: Any) -> dict[str, Any]:
    """A kickoff's arguments."""
    return {"v": 1, "deployment": deployment, "body": body or {"inputs": {}}, **more}


def sent(world: World, arguments: dict[str, Any], **more: Any) -> IntakeMessage:
    """A kickoff that came, and what is kept of it."""
    kept = came(world, arguments, **more)
    assert world.ports.store.read(lambda tx: tx.intake.newest(kept.state, None, 2)) == (kept,)
    return kept


def came(world: World, arguments: dict[str, Any], **more: Any) -> IntakeMessage:
    """One of several, which comes twice."""
    message = Message(**{"id": str(uuid4()), "job": KICKOFF, "arguments": arguments, **more})
    take(world.ports, message)
    return take(world.ports, message)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return {"inputs": value}


NEEDS = "^The message needs 'deployment' (a name) and 'body' (an object).$"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (asked({"inputs": {"x": float("nan")}}), "JSON does not have"),
        (asked({"inputs": {"x": float("inf")}}), "JSON does not have"),
        (asked({"inputs": {}, "ignored": [float("-inf")]}), "JSON does not have"),
        (asked({"inputs": {"x": UUID(int=1)}}), "JSON does not have"),  # Celery makes such of JSON
        (asked({"inputs": {"x": Decimal(1)}}), "JSON does not have"),
        (asked({"inputs": {"x": 10**5000}}), "JSON does not have"),
        (asked(nested(50_000)), "nested more than 100 levels deep"),
        (asked({"inputs": {"x": "y" * 2**20}}), "1048576 are accepted"),
        (asked(self=1), "arguments that nobody knows: 'self'"),
        (asked(**{"a\ud800\0": 1}), "nobody knows: 'a\\ud800\\x00'"),
        (asked(deployment="a\0\ud800"), "No deployment named"),
        (asked(deployment="d" * 100_000), "a name of 100000 characters"),
        (asked(deployment=["crew"]), NEEDS),
        (asked([1]), NEEDS),
        (asked(v=float("nan")), "must have 'v': 1"),
        ({}, "must have 'v': 1"),
    ],
)
def test_a_message_that_says_something_odd_is_kept_with_the_reason(
    world: World, arguments: dict[str, Any], reason: str
) -> None:
    kept = sent(world, arguments)
    assert (kept.state, world.jobs) == (REFUSED, [])
    assert reason in f"^{kept.reason}$"


@pytest.mark.parametrize("name", ["humanInputWebhook", "human_input_webhook", "webhooks"])
@pytest.mark.parametrize("secret", ["authentication", "token", "password"])
def test_credentials_in_a_message_are_refused_and_not_kept(
    world: World, name: str, secret: str
) -> None:
    kept = sent(world, asked({"inputs": {}, name: {"url": "https://x.example", secret: "s"}}))
    assert (kept.state, kept.body, kept.deployment) == (REFUSED, {}, "crew")
    assert kept.reason == (
        f"Credentials in '{name}' are refused in messages, where monitoring would show them. "
        "Use the HTTP call for a webhook with credentials."
    )


def test_a_webhook_without_credentials_is_taken(world: World) -> None:
    body = {"inputs": {}, "humanInputWebhook": {"url": "https://x.example"}}
    assert came(world, asked(body)).state == ACCEPTED


def test_a_body_has_at_most_so_many_bytes(world: World) -> None:
    body = {"inputs": {"x": "y"}}
    size = len(encode(body))
    world.ports = replace(world.ports, max_request_bytes=size)
    assert came(world, asked(body)).state == ACCEPTED
    world.ports = replace(world.ports, max_request_bytes=size - 1)
    refused = came(world, asked(body))
    assert refused.reason == f"'body' has {size} bytes; {size - 1} are accepted."


@pytest.mark.parametrize(
    ("name", "kept_as", "reason"),
    [
        ("d" * 200, "d" * 200, "No deployment named"),
        ("d" * 201, "d" * 200, "No deployment has a name of 201 characters."),
        (["crew"], "", "The message needs 'deployment'"),
    ],
)
def test_of_a_name_so_much_is_kept(world: World, name: object, kept_as: str, reason: str) -> None:
    kept = sent(world, asked(deployment=name))
    assert (kept.deployment, str(kept.reason).startswith(reason)) == (kept_as, True)


def test_the_names_of_arguments_that_nobody_knows_are_shown_in_order_and_cut(
    world: World,
) -> None:
    shown = "The message has arguments that nobody knows: "
    assert came(world, asked(b=1, a=2)).reason == f"{shown}'a', 'b'."
    assert came(world, asked(**{"x" * 300: 1})).reason == f"{shown}'{'x' * 199}."


def test_what_came_as_a_message_says_so_in_the_timeline(world: World) -> None:
    kept = sent(world, asked())
    assert (kept.job, kept.reason, kept.body) == (KICKOFF, None, {"inputs": {}})
    execution = world.snapshot(kept.id).execution
    assert (execution.id, execution.actor, execution.origin) == (kept.id, "broker", "intake")
    world.work()
    said = {"execution_id": kept.id, "task_id": "write", "is_approve": True}
    answered = came(world, asked(said), job=ANSWER)
    assert (answered.state, answered.execution_id) == (ACCEPTED, kept.id)
    (review,) = world.snapshot(kept.id).reviews
    assert (review.actor, review.channel) == ("broker", "intake")


def do_and_not_keep(world: World, message: Message) -> None:
    """The database is away once what a message asks for is done."""

    def away(*_: object) -> None:
        raise DatabaseAway

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(take_messages, "_keep", away)
        with pytest.raises(DatabaseAway):
            take(world.ports, message)


@pytest.mark.parametrize("job", [KICKOFF, ANSWER])
def test_what_was_done_and_not_kept_is_not_done_again(world: World, job: str) -> None:
    said = {"execution_id": world.halted(), "task_id": "write", "is_approve": False}
    body = {"inputs": {}} if job == KICKOFF else said
    message = Message(str(uuid4()), job, asked(body))
    do_and_not_keep(world, message)
    jobs = list(world.jobs)
    assert take(world.ports, message).state == ACCEPTED
    assert world.jobs == jobs


def test_what_was_begun_and_not_kept_is_accepted_though_its_code_broke_since(world: World) -> None:
    message = Message(str(uuid4()), KICKOFF, asked())
    do_and_not_keep(world, message)
    broken = Manifest("crew", None, "ImportError", world.ports.clock.now(), "w-1")
    world.ports.store.transact(lambda tx: tx.manifests.put(broken))
    kept = take(world.ports, message)
    assert (kept.state, kept.execution_id) == (ACCEPTED, message.id)


def test_another_message_under_the_id_of_one_that_was_done_is_refused(world: World) -> None:
    message = Message(str(uuid4()), KICKOFF, asked())
    do_and_not_keep(world, message)
    kept = take(world.ports, replace(message, arguments=asked({"inputs": {"topic": "tides"}})))
    assert kept.state == REFUSED
    assert "already used with a different body" in str(kept.reason)


def test_what_cannot_be_stored_is_kept_without_its_body(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = SqlIntake.put

    def refuse(self: SqlIntake, message: IntakeMessage) -> None:
        if message.body:
            raise ValueError("no such value")
        put(self, message)

    monkeypatch.setattr(SqlIntake, "put", refuse)
    message = Message(str(uuid4()), KICKOFF, asked())
    with capture_logs() as lines:
        kept = take(world.ports, message)
    stored = world.ports.store.read(lambda tx: tx.intake.get(kept.id))
    assert stored == replace(kept, body={})
    (line,) = (each for each in lines if each["event"] == "message kept without its body")
    assert (line["message_id"], line["log_level"]) == (kept.id, "error")


def test_the_log_has_what_is_refused_and_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError("a secret")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(take_messages, "kickoff", fail)
    with capture_logs() as lines:
        kept = take(world.ports, Message(str(uuid4()), KICKOFF, asked()))
    assert lines == [
        {"event": "message failed unexpectedly", "exc_info": error, "log_level": "error"},
        {
            "event": "message refused",
            "message_id": kept.id,
            "reason": kept.reason,
            "log_level": "warning",
        },
    ]


def test_a_message_for_what_no_worker_has_loaded_waits_and_says_so(world: World) -> None:
    declared(world, "nobody's")
    kept = sent(world, asked(deployment="nobody's"))
    assert (kept.state, kept.execution_id) == (WAITING, None)
    assert "nobody's" in str(kept.reason)
    assert sweep(world.ports).messages == 0


def test_positional_arguments_are_refused_and_not_kept(world: World) -> None:
    kept = sent(world, {}, positional=(1, "crew", {"inputs": {"password": "secret"}}))
    assert (kept.state, kept.body) == (REFUSED, {})
    assert kept.reason == "The message must have keyword arguments only, none by position."


@pytest.mark.parametrize("spelled", ["{}", "urn:uuid:{}", "{{{}}}", "upper", "hex"])
def test_every_spelling_of_an_id_is_the_same_message(world: World, spelled: str) -> None:
    plain = str(uuid4())
    spellings = {"upper": plain.upper(), "hex": plain.replace("-", "")}
    kept = sent(world, asked(), id=spellings.get(spelled) or spelled.format(plain))
    assert (kept.state, kept.id, kept.execution_id) == (ACCEPTED, plain, plain)
    assert sent(world, asked(), id=plain) == kept
    assert len(world.jobs) == 1


@pytest.mark.parametrize(
    "odd", ["no uuid", "", "a\0b\ud800", "9" * 100_000, None, 17, ["a"], {"a": float("nan")}]
)
def test_a_message_whose_id_is_no_uuid_is_kept_under_a_derived_one(
    world: World, odd: object
) -> None:
    kept = sent(world, asked(), id=odd)
    assert (kept.state, str(UUID(kept.id))) == (REFUSED, kept.id)
    assert str(kept.reason).startswith(f"The message's id must be a UUID, not {ascii(odd)[:50]}")
    assert len(str(kept.reason)) < 300


def test_messages_whose_ids_are_no_uuids_are_kept_apart(world: World) -> None:
    one, other = (came(world, asked(), id=odd) for odd in ("one", "another"))
    assert one.id != other.id


def test_an_answer_may_have_an_odd_spelling_too(world: World) -> None:
    said = {"execution_id": world.halted(), "task_id": "write", "is_approve": True}
    kept = sent(world, asked(said), job=ANSWER, id=f"urn:uuid:{uuid4()}")
    assert kept.state == ACCEPTED


def test_what_nobody_foresaw_is_kept_and_quotes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(take_messages, "kickoff", fail)
    kept = sent(world, asked())
    assert kept.state == REFUSED
    assert kept.reason == "It could not be carried out (ZeroDivisionError): the log says more."


def test_a_database_that_is_away_leaves_the_message_to_the_broker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseAway

    monkeypatch.setattr(take_messages, "kickoff", fail)
    message = Message(str(uuid4()), KICKOFF, asked())
    with pytest.raises(DatabaseAway):
        take(world.ports, message)
    monkeypatch.undo()
    assert take(world.ports, message).state == ACCEPTED


def declared(world: World, *names: str) -> None:
    """The operator adds deployments that no worker has loaded."""
    found = {name: Deployment(name, RunnerKind.FUNCTIONS, "no:where") for name in ("crew", *names)}
    world.ports = replace(world.ports, deployments=DeploymentFile(found))


def put_waiting(world: World, deployment: str, *ids: str) -> None:
    body, why, now = {"inputs": {}}, "No worker has loaded it yet.", world.ports.clock.now()
    rows = [IntakeMessage(id_, KICKOFF, deployment, body, WAITING, why, None, now) for id_ in ids]
    world.ports.store.transact(lambda tx: [tx.intake.put(row) for row in rows])


def test_messages_that_wait_for_ever_keep_no_others_waiting(world: World) -> None:
    declared(world, "nobody's")
    put_waiting(world, "nobody's", *(str(uuid4()) for _ in range(BATCH)))
    put_waiting(world, "gone from the file", str(uuid4()))
    ready = [str(uuid4()), str(uuid4())]
    put_waiting(world, "crew", *ready)

    assert sweep(world.ports).messages == 2

    kept = world.ports.store.read(lambda tx: tx.intake.newest(ACCEPTED, None, 3))
    assert {message.id: message.reason for message in kept} == dict.fromkeys(ready)


def test_a_waiting_message_that_cannot_be_carried_out_is_refused(world: World) -> None:
    """One that an earlier version kept under an id which PostgreSQL does not take."""
    odd, good = f"urn:uuid:{uuid4()}", str(uuid4())
    put_waiting(world, "crew", odd, good)

    sweep(world.ports)

    kept = world.ports.store.read(lambda tx: tx.intake.newest(None, None, 2))
    states = {message.id: message.state for message in kept}
    assert WAITING not in states.values()
    assert states[good] == ACCEPTED


def of_messages(world: World) -> list[Finding]:
    return [finding for finding in examine(world.ports) if finding.check == "messages"]


def test_operators_see_what_waits_and_what_was_refused(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write")
    declared(world, "nobody's")
    put_waiting(world, "nobody's", str(uuid4()))
    sent(world, {})
    where = "orchestrator messages --state REFUSED"
    refused = Finding("messages", f"1 refused within a day: {where}")
    waits = "1 messages wait for nobody's, one since"
    later(30)
    assert of_messages(world) == [Finding("messages", f"{waits} 30 s"), refused]
    later(1)
    mend = (
        "Start a crew worker whose deployment file has nobody's; where one runs, "
        "see why: orchestrator messages --state WAITING"
    )
    late = Finding("messages", f"{waits} 31 s", mend)
    assert of_messages(world) == [late, refused]
    reading = metrics(world.ports)
    assert (reading.messages["nobody's"].count, reading.refused_messages) == (1, 1)


def test_messages_are_listed_by_state_and_deployment_the_newest_first(
    a_world: Callable[..., World], later: Callable[[float], None]
) -> None:
    world = a_world("write")
    declared(world, "nobody's")
    later(0)
    ids = []
    for deployment in ("nobody's", "crew", "nobody's"):
        ids.append(came(world, asked(deployment=deployment)).id)
        later(1)

    def listed(state: IntakeState | None, scope: Scope, limit: int = 9) -> list[str]:
        return [each.id for each in list_messages(world.ports, state, scope, limit)]

    assert listed(None, EVERYWHERE) == ids[::-1]
    assert listed(None, EVERYWHERE, 2) == [ids[2], ids[1]]
    assert listed(WAITING, EVERYWHERE) == [ids[2], ids[0]]
    assert listed(None, Scope.of("crew")) == [ids[1]]


def test_a_step_of_the_sweep_that_fails_keeps_none_of_the_others(
    a_world: Callable[..., World],
) -> None:
    world = a_world("write")
    put_waiting(world, "crew", str(uuid4()))

    def refuse(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "lease_until <" in statement:
            raise ZeroDivisionError("no leases today")

    event.listen(world.ports.store._writer, "before_cursor_execute", refuse)
    swept = sweep(world.ports)
    event.remove(world.ports.store._writer, "before_cursor_execute", refuse)

    assert (swept.messages, swept.failed_steps) == (1, 2)
    wrong = [finding for finding in examine(world.ports) if finding.check == "sweep"]
    assert "'endpoints' fails since" in wrong[0].says
    assert "no leases today" in wrong[0].says
    assert list(metrics(world.ports).failing_steps) == ["endpoints", "lapsed_claims"]
