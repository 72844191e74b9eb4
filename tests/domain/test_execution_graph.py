"""What the graph of a plan says of what comes after what."""

from __future__ import annotations

from orchestrator.domain.execution_graph import MOST_NODES, Standing, execution_graph
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind


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


def test_a_plan_that_is_too_large_is_drawn_in_part_and_says_so() -> None:
    plan = Plan(tuple(PlannedTask(f"t{number}") for number in range(MOST_NODES + 3)))
    graph = execution_graph(plan, (), (), ())
    assert (len(graph.nodes), graph.hidden) == (MOST_NODES, 3)
    assert {node.standing for node in graph.nodes} == {Standing.AHEAD}
