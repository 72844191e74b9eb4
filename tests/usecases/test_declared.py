"""The audit log tells that the deployment file was edited between two starts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from structlog.testing import capture_logs
from world import World

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.domain.audit import AuditEntry
from orchestrator.ports import Ports
from orchestrator.usecases.operations.audit import newest_entries
from orchestrator.usecases.operations.declared import note_declared

STARTS = 6


def edited(ports: Ports, **settings: object) -> Ports:
    """The same service, started with another file."""
    declared = replace(ports.deployments.get("crew"), **settings)  # type: ignore[arg-type]  # whatever the test edits
    return replace(ports, deployments=DeploymentFile({"crew": declared}))


def told(ports: Ports) -> list[AuditEntry]:
    return [each for each in newest_entries(ports, 100) if each.event == "deployment.edit"]


def test_an_edit_is_noted_once_whoever_starts(a_world_of_each: Callable[..., World]) -> None:
    ports = a_world_of_each("write").ports
    note_declared(ports)
    assert told(ports) == []
    after = edited(ports, max_attempts=7, review_webhook="https://hooks.example/secret")

    with ThreadPoolExecutor(STARTS) as starts:
        list(starts.map(note_declared, [after] * STARTS))

    (entry,) = told(ports)
    assert (entry.actor, entry.subject_id, entry.deployment) == ("operator", "crew", "crew")
    changed = entry.details["changed"]
    assert isinstance(changed, dict)
    assert changed["max_attempts"] == {"from": 3, "to": 7}
    assert changed.keys() == {"max_attempts", "review_webhook"}
    assert "secret" not in str(entry.details)


def test_the_log_says_which_settings_were_edited(a_world: Callable[..., World]) -> None:
    ports = a_world("write").ports
    note_declared(ports)
    with capture_logs() as lines:
        note_declared(edited(ports, queue="gpu", max_attempts=7))
    told = {"event": "deployment was edited", "deployment": "crew"}
    assert lines == [{**told, "settings": ["max_attempts", "queue"], "log_level": "info"}]


def test_an_edit_that_is_taken_back_is_one_too(a_world: Callable[..., World]) -> None:
    ports = a_world("write").ports
    for started in (ports, edited(ports, queue="gpu"), ports, ports):
        note_declared(started)
    assert [each.details["changed"] for each in told(ports)] == [
        {"queue": {"from": "gpu", "to": "crews"}},
        {"queue": {"from": "crews", "to": "gpu"}},
    ]
