"""Answers about outputs of megabytes hold one of them in memory at a time."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import StreamingResponse

from orchestrator.adapters.deployment_file import DeploymentFile, RunnerKind
from orchestrator.api.common.json_response import AT_ONCE, JsonResponse, written_as_it_goes
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import PREVIEW, Output
from orchestrator.usecases.executions.snapshot import StoredOutputs

if TYPE_CHECKING:
    from conftest import Service

LARGE = 2 * 1024 * 1024
COUNT = 9


def read(content: Any, hear: Callable[[bytes], object]) -> None:
    """Hand over what goes out of an answer that is written as it goes."""

    async def listen(answer: StreamingResponse) -> None:
        async for part in answer.body_iterator:
            hear(part)

    answer = written_as_it_goes(content)
    if isinstance(answer, StreamingResponse):
        asyncio.run(listen(answer))
    else:
        hear(answer.body)


def written(content: Any) -> bytes:
    parts: list[bytes] = []
    read(content, parts.append)
    return b"".join(parts)


CONTENTS = [
    {},
    {"none": None, "list": [], "dict": {}, "nested": [{"a": [1, 2.5, True, "\ud800 \u2028"]}]},
    {"long": "x" * AT_ONCE, "after": ["y" * AT_ONCE, {"z": None}]},
]


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_written_as_it_goes_is_what_would_be_written_at_once(content: Any) -> None:
    assert written(content) == JsonResponse(content).body


def test_a_part_is_made_when_its_turn_comes() -> None:
    content = {"a": lambda: "x" * AT_ONCE, "gone": lambda: None, "b": [lambda: {"c": lambda: 1}]}
    assert json.loads(written(content)) == {"a": "x" * AT_ONCE, "b": [{"c": 1}]}


def test_what_goes_wrong_at_first_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        written_as_it_goes({"a": lambda: 1 / 0})


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fails where more bytes than that are held at a time meanwhile."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size


def test_one_output_at_a_time_is_in_memory(service: Service) -> None:
    outputs = StoredOutputs(service.ports, large_outputs(service))
    content = {key: text_of(outputs, key) for key in outputs}

    lengths: list[int] = []
    with at_most(8 * LARGE):
        read(content, lambda part: lengths.append(len(part)))

    assert sum(lengths) > COUNT * LARGE


def text_of(outputs: StoredOutputs, key: str) -> Callable[[], str]:
    return lambda: outputs[key].raw


def large_outputs(service: Service) -> list[str]:
    """The ids of several outputs of one execution."""
    execution_id = service.start()
    ids = [service.ports.ids.new() for _ in range(COUNT)]
    at = service.ports.clock.now()
    for output_id in ids:
        service.ports.store.transact(
            lambda tx, output_id=output_id: tx.outputs.add(
                output_id, execution_id, Output("x" * LARGE), at
            )
        )
    return ids


@pytest.fixture
def lengthy(serve: Callable[..., Service]) -> Service:
    """The API of a crew that says much, and has it judged."""
    crew = Deployment("article", RunnerKind.FUNCTIONS, "api_test_crews:lengthy")
    served = serve(DeploymentFile({"article": crew}, "article"))
    served.load()
    return served


def test_lists_have_the_beginning_and_status_the_whole_text(lengthy: Service) -> None:
    execution_id = lengthy.halted()
    review_id = lengthy.pending(execution_id)["task_id"]

    (listed,) = lengthy.get("/v1/reviews").json()["reviews"]
    assert (len(listed["task_output"]), listed["task_output_cut"]) == (PREVIEW, True)
    for whole in (lengthy.pending(execution_id), lengthy.get(f"/v1/reviews/{review_id}").json()):
        assert len(whole["task_output"]) == 300_000


def test_a_batch_has_the_beginnings_of_its_results(lengthy: Service) -> None:
    body = {"deployment": "article", "inputs": [{}]}
    batch = lengthy.post("/v1/batches", body).json()
    lengthy.work()
    (execution_id,) = batch["kickoff_ids"]
    lengthy.resume(execution_id, task_id="ramble", is_approve=True)

    (line,) = lengthy.get(f"/v1/batches/{batch['batch_id']}").json()["executions"]
    assert (len(line["result"]), line["result_cut"]) == (PREVIEW, True)
    assert len(lengthy.status(execution_id)["result"]) == 300_000
