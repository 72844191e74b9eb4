"""A task that is renamed while people are asked about it, as those see it who come over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from links import Link
from policies import ANN, BEN, policy
from renamed_world import RENAMED

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.domain.deployment import Deployment
from orchestrator.usecases.operations.load_deployments import load_deployments

if TYPE_CHECKING:
    from conftest import Service


def declared(target: str, **more: Any) -> DeploymentFile:
    rules = policy(ANN, BEN, decisions=2)
    path = f"renamed_code:{target}"
    crew = Deployment("article", RunnerKind.FUNCTIONS, path, review_policy=rules, **more)
    return DeploymentFile({"article": crew}, "article")


def test_people_see_and_answer_by_the_new_name(serve: Callable[..., Service]) -> None:
    service = serve(declared("crew_before"))
    service.load()
    link = Link(service)
    execution_id = link.execution_id
    assert "write" in link.open().text
    service.ports = replace(service.ports, deployments=declared("crew_after", renamed=RENAMED))
    service.client.app.state.ports = service.ports  # type: ignore[attr-defined]  # an app has one
    load_deployments(service.ports, "w-2", service.ports.deployments.queues(), "w-2/1")

    assert link.send(choice="approve").status_code == 303
    link.become(BEN)
    page = link.open().text
    assert "draft" in page
    assert "write" not in page.replace("write 1", "")  # the output is as it was
    (pending,) = service.status(execution_id)["pending"]
    assert (pending["task_id"], pending["task_name"]) == (link.review_id, "draft")
    assert (link.review["task_name"], link.review["state"]) == ("draft", "PENDING")

    assert link.send(choice="approve").status_code == 303
    service.work()
    status = service.status(execution_id)
    assert (status["status"], status["result"]) == ("completed", "print 1")
    found = service.get(f"/v1/executions/{execution_id}/checkpoints").json()["checkpoints"]
    assert [(each["cause"], each["path"]) for each in found] == [
        *[("commit", "research"), ("ask", "draft"), ("migrate", ""), ("answer", "draft")],
        *[("commit", "draft"), ("commit", "print")],
    ]
