from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.canonical import decode, encode
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind, unique_names


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


def test_a_plan_is_whole_once_every_task_is_committed() -> None:
    crew = plan("sas")
    assert crew.is_whole(named([0, 1, 2]))
    for missing in ([0, 1], [0, 2], [1, 2], []):
        assert not crew.is_whole(named(missing))


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


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        ("sss", [(), (0,), (0, 1)]),
        ("aas", [(), (), (0, 1)]),
        ("saa", [(), (0,), (0,)]),
        ("ssaaa", [(), (0,), (0, 1), (0, 1), (0, 1)]),
        ("asaa", [(), (0,), (0, 1), (0, 1)]),
    ],
)
def test_a_task_sees_all_before_it_but_those_beside_it(
    pattern: str, seen: list[tuple[int, ...]]
) -> None:
    crew = plan(pattern)
    assert [crew.seen_by(task.name) for task in crew.tasks] == [
        tuple(named(places)) for places in seen
    ]


def test_a_task_sees_what_it_names_unless_it_is_conditional() -> None:
    crew = Plan(
        (
            PlannedTask("research"),
            PlannedTask("write", context=()),
            PlannedTask("check", context=("research",)),
            PlannedTask("send", context=("research",), conditional=True),
        )
    )
    assert [crew.seen_by(name) for name in crew.names[1:]] == [
        (),
        ("research",),
        ("research", "write", "check"),
    ]


def test_followers_are_the_tasks_that_see_it_even_by_way_of_others() -> None:
    crew = Plan(
        (
            PlannedTask("plan"),
            PlannedTask("research", context=()),
            PlannedTask("write", context=("research",)),
            PlannedTask("quote", context=("plan",)),
            PlannedTask("print", context=("write",)),
        )
    )
    assert crew.followers("plan") == ("plan", "quote")
    assert crew.followers("research") == ("research", "write", "print")
    assert crew.followers("print") == ("print",)


def test_a_task_is_found_by_its_name() -> None:
    crew = Plan((PlannedTask("write"), PlannedTask("send")))
    assert (crew.task("send"), crew.place("send")) == (PlannedTask("send"), 1)
    assert (crew.is_task("send"), crew.is_task("print")) == (True, False)
    with pytest.raises(KeyError):
        crew.task("print")


CREW = Plan(
    (
        PlannedTask("look", TaskKind.BEFORE_KICKOFF),
        PlannedTask("write", human_input=True, context=()),
        PlannedTask("send", context=("write",)),
    ),
    inputs=("topic",),
    inputs_required=False,
)
FLOW = Plan(
    (PlannedTask("Flow", TaskKind.FLOW),),
    steps=(PlannedStep("choose", "draft", asks=True, options=("go", "stop")),),
    schema={"type": "object"},
)


@pytest.mark.parametrize("stored", [CREW, FLOW])
def test_a_plan_is_the_same_after_it_was_stored(stored: Plan) -> None:
    assert Plan.from_json(stored.to_json()) == stored
    assert Plan.from_json(stored.to_json()).digest == stored.digest


def test_a_plan_that_was_stored_before_is_read() -> None:
    """The form does not change: a plan's digest is compared with those of earlier versions."""
    task = {
        "kind": "task",
        "agent": "",
        "description": "",
        "expected_output": "",
        "key": "",
        "human_input": False,
        "asynchronous": False,
        "conditional": False,
    }
    tasks = [{"name": "write", **task}, {"name": "send", **task, "context": ["write"]}]
    crew = Plan((PlannedTask("write"), PlannedTask("send", context=("write",))), ("topic",))
    assert crew.to_json() == {"v": 1, "tasks": tasks, "inputs": ["topic"], "inputs_required": True}

    step = {"name": "choose", "after": "draft", "asks": True, "options": ["go", "stop"]}
    assert decode(encode(FLOW.to_json())) == {
        "v": 1,
        "tasks": [{"name": "Flow", **task, "kind": "flow"}],
        "inputs": [],
        "inputs_required": True,
        "steps": [step],
        "schema": {"type": "object"},
    }


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
