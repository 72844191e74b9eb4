"""What the graph of a plan says of what comes after what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.domain.checkpoint import Cause, Checkpoint, name_of
from orchestrator.domain.execution_graph import MOST_NODES, Node, Standing, execution_graph
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind
from orchestrator.domain.review import Review, ReviewState, judge
from orchestrator.domain.task_run import TaskRun, TaskRunState

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN = TaskRun(
    *("t-1", "k-1", "newsroom", "write", "write", 1, TaskRunState.COMMITTED, 1, AT, AT, AT, AT),
    execution_time=2.0,
)
REVIEW = Review(
    *("r-1", "k-1", "newsroom", "t-1", "draft#1", "draft", 1, ReviewState.PENDING, 1, "o-1"),
    "sha256:1",
    AT,
    question=judge("draft#1", "draft"),
)


def edges(plan: Plan) -> set[tuple[str, str]]:
    return set(execution_graph(plan, (), (), ()).edges)


def flow(*steps: PlannedStep) -> Plan:
    return Plan((PlannedTask("flow", TaskKind.FLOW),), steps=steps)


def test_tasks_that_run_side_by_side_are_joined_by_the_next() -> None:
    tasks = [PlannedTask("a"), *(PlannedTask(n, asynchronous=True) for n in "bc"), PlannedTask("d")]
    plan = Plan((*tasks, PlannedTask("e")))
    expected = {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")}
    assert edges(plan) == expected


def test_a_method_comes_after_those_that_give_what_it_waits_for() -> None:
    plan = flow(
        PlannedStep("draft", "the start or revise"),
        PlannedStep("review", "draft", asks=True, options=("go", "revise")),
        PlannedStep("publish", "go and (draft or other)"),
    )
    assert execution_graph(plan, (), (), ()).begins == {"draft"}
    assert edges(plan) == {
        ("review", "draft"),
        ("draft", "review"),
        ("review", "publish"),
        ("draft", "publish"),
    }


def test_a_method_may_have_any_name() -> None:
    assert edges(flow(PlannedStep("X"), PlannedStep("b", "(X or XX)"))) == {("X", "b")}


def test_a_plan_that_is_too_large_is_drawn_in_part_and_says_so() -> None:
    plan = Plan(tuple(PlannedTask(f"t{number}") for number in range(MOST_NODES + 3)))
    graph = execution_graph(plan, (), (), ())
    assert (len(graph.nodes), graph.hidden) == (MOST_NODES, 3)
    assert {node.standing for node in graph.nodes} == {Standing.AHEAD}


OF_FLOW = flow(PlannedStep("draft", "the start", asks=True), PlannedStep("publish", "draft"))


def called(path: str, seconds: float | None = None, cause: Cause = Cause.COMMIT) -> Checkpoint:
    return Checkpoint(
        *("c-1", "k-1", 1, "sha256:0", cause, path, name_of(path), AT), seconds=seconds
    )


def nodes(plan: Plan, *of: Any) -> list[Node]:
    """In their order, as they stand by these task runs, reviews and checkpoints."""
    runs = [each for each in of if isinstance(each, TaskRun)]
    reviews = [each for each in of if isinstance(each, Review)]
    entries = [each for each in of if isinstance(each, Checkpoint)]
    return list(execution_graph(plan, runs, reviews, entries).nodes)


def test_a_task_stands_as_its_newest_run_does_and_took_as_long_as_all_of_them() -> None:
    plan = Plan((PlannedTask("write", human_input=True), PlannedTask("print", human_input=True)))
    rejected = replace(RUN, state=TaskRunState.REJECTED)
    asked = replace(RUN, round=2, state=TaskRunState.UNDER_REVIEW, execution_time=0.5)
    begun = replace(RUN, path="print", state=TaskRunState.RUNNING, execution_time=None)
    assert nodes(plan, asked, rejected, begun) == [
        Node("write", Standing.ASKING, 2, 2.5, asks=True),
        Node("print", Standing.RUNNING, 1, None, asks=True),
    ]
    assert nodes(plan)[0] == Node("write", Standing.AHEAD, asks=True)


def test_of_two_runs_of_a_round_the_later_one_says_how_it_stands() -> None:
    given_up = replace(RUN, state=TaskRunState.WITHDRAWN)
    again = replace(RUN, created_at=AT + timedelta(1), state=TaskRunState.FAILED)
    assert nodes(Plan((PlannedTask("write"),)), again, given_up)[0].standing is Standing.FAILED


def test_a_method_has_been_called_as_often_as_it_was_committed() -> None:
    calls = [called("draft#1", 2.0), called("draft#2"), called("draft#2", 9.0, Cause.ASK)]
    inside = [called("draft#1/task:draft~1", 9.0), called("flow", 9.0)]
    draft, publish = nodes(OF_FLOW, *calls, *inside)
    assert draft == Node("draft", Standing.DONE, 2, 2.0, asks=True, after="the start")
    assert publish == Node("publish", Standing.AHEAD, after="draft")


def test_a_method_runs_while_a_step_of_it_or_inside_it_does() -> None:
    for step in ("publish#1", "publish#1/task:write~1/flow:F~1"):
        run = replace(RUN, path="flow", state=TaskRunState.RUNNING, current_step=step)
        draft, publish = nodes(OF_FLOW, run)
        assert (draft.standing, publish.standing) == (Standing.AHEAD, Standing.RUNNING)


def test_a_method_asks_while_a_review_of_it_or_inside_it_is_open() -> None:
    for path in ("publish#1", "publish#1/task:write~1/flow:F~1"):
        asked = replace(REVIEW, path=path)
        draft, publish = nodes(OF_FLOW, asked, called("publish#1"))
        assert (draft.standing, publish.standing) == (Standing.AHEAD, Standing.ASKING)
    closed = replace(REVIEW, state=ReviewState.ANSWERED)
    assert nodes(OF_FLOW, closed)[0].standing is Standing.AHEAD


def test_rounds_in_which_a_person_was_asked_count_before_they_are_committed() -> None:
    asked = [REVIEW, replace(REVIEW, round=2), replace(REVIEW, path="draft#2")]
    assert nodes(OF_FLOW, *asked, called("draft#1"))[0].rounds == 3
    assert nodes(OF_FLOW, replace(REVIEW, path="draft#1/input~1"), called("draft#1"))[0].rounds == 1


def test_methods_that_no_plan_tells_of_are_those_that_were_called() -> None:
    entries = [called(path) for path in ("b#1", "a#1", "a#1/task:write~1", "b#2", "flow")]
    found = nodes(flow(), *entries)
    assert [(node.name, node.rounds) for node in found] == [("b", 2), ("a", 1)]


def test_of_a_flow_that_is_too_large_the_first_methods_are_shown() -> None:
    steps = [PlannedStep(f"s{number}") for number in range(MOST_NODES + 3)]
    assert execution_graph(flow(*steps), (), (), ()).hidden == 3
    assert execution_graph(flow(*steps[:2]), (), (), ()).hidden == 0
