from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.plan import Plan, PlannedTask, TaskKind, unique_names


def plan(pattern: str) -> Plan:
    """A plan of one task per letter: ``s`` synchronous, ``a`` asynchronous."""
    return Plan(
        tuple(
            PlannedTask(f"task-{number}", asynchronous=letter == "a")
            for number, letter in enumerate(pattern, start=1)
        )
    )


def named(places: Iterable[int]) -> list[str]:
    """The names of the tasks at these places of a plan."""
    return [f"task-{place + 1}" for place in places]


@pytest.mark.parametrize(
    ("pattern", "started", "committed", "due"),
    [
        ("", [], [], ()),
        ("sss", [], [], (0,)),
        ("sss", [0], [], ()),
        ("sss", [0], [0], (1,)),
        ("sss", [0, 1, 2], [0, 1, 2], ()),
        ("aas", [], [], (0, 1)),
        ("aas", [0, 1], [0], ()),
        ("aas", [0, 1], [1], ()),
        ("aas", [0, 1], [0, 1], (2,)),
        ("saa", [], [], (0,)),
        ("saa", [0], [0], (1, 2)),
        ("asa", [], [], (0,)),
        ("asa", [0], [0], (1,)),
        ("asa", [0, 1], [0, 1], (2,)),
        ("saas", [0, 1], [0, 1], (2,)),
        ("a", [], [], (0,)),
    ],
)
def test_due_are_the_tasks_that_need_wait_for_nothing(
    pattern: str, started: list[int], committed: list[int], due: tuple[int, ...]
) -> None:
    due_now = plan(pattern).due(named(started), named(committed))
    assert due_now == tuple(named(due))


@given(pattern=st.text("as", max_size=8), data=st.data())
def test_whatever_order_tasks_end_in_every_one_runs_once(pattern: str, data: st.DataObject) -> None:
    crew = plan(pattern)
    started: list[str] = []
    committed: list[str] = []
    while len(committed) < len(pattern):
        started += crew.due(started, committed)
        running = sorted(set(started) - set(committed))
        committed.append(data.draw(st.sampled_from(running)))

    assert sorted(started) == sorted(named(range(len(pattern))))


@given(pattern=st.text("as", max_size=8), data=st.data())
def test_a_synchronous_task_starts_when_all_before_it_are_committed(
    pattern: str, data: st.DataObject
) -> None:
    crew = plan(pattern)
    committed = set(named(data.draw(st.sets(st.integers(0, 7)))))

    for name in crew.due(committed, committed):
        place = crew.place(name)
        if pattern[place] == "s":
            assert committed.issuperset(named(range(place)))


def test_a_plan_is_the_same_after_it_was_stored() -> None:
    stored = Plan(
        (PlannedTask("look", TaskKind.BEFORE_KICKOFF), PlannedTask("write", human_input=True)),
        inputs=("topic",),
        inputs_required=False,
    )

    assert Plan.from_json(stored.to_json()) == stored
    assert Plan.from_json(stored.to_json()).digest == stored.digest


def test_the_digest_tells_prompts_apart_and_the_shape_does_not() -> None:
    old, new = Plan((PlannedTask("write", key="k1"),)), Plan((PlannedTask("write", key="k2"),))

    assert old.digest != new.digest
    assert old.shape == new.shape


def test_only_the_crews_own_tasks_are_named() -> None:
    crew = Plan((PlannedTask("prepare", TaskKind.BEFORE_KICKOFF), PlannedTask("write")))

    assert crew.names == ("write",)


@pytest.mark.parametrize(
    ("own", "unique"),
    [
        ([], ()),
        (["write", "edit"], ("write", "edit")),
        ([None, "", "write"], ("task-1", "task-2", "write")),
        (["write", "write", "write"], ("write", "write-2", "write-3")),
        (["write-2", "write", "write"], ("write-2", "write", "write-3")),
        (["task-2", None], ("task-2", "task-2-2")),
    ],
)
def test_every_task_gets_a_name_of_its_own(own: list[str | None], unique: tuple[str, ...]) -> None:
    assert unique_names(own) == unique


@given(own=st.lists(st.sampled_from([None, "a", "a-2", "a-3", "task-1", "task-2"])))
def test_names_are_unique_whatever_the_crew_calls_its_tasks(own: list[str | None]) -> None:
    names = unique_names(own)

    assert len(set(names)) == len(own)
