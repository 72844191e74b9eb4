"""What was renamed: which paths and names that changes, and whether it leads from plan to plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.deployment import Deployment, OnCodeChange
from orchestrator.domain.feedback import RETRY, Scope
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind
from orchestrator.domain.renaming import Renames, circle_in, migrations, named_as_now
from orchestrator.domain.review import Review, ReviewState, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CREW = Renames({"write": "draft"})
FLOW = Renames({"outer": "whole", "inner": "other"}, is_flow=True)


def crew(*names: str, **more: object) -> Plan:
    around = PlannedTask("prepare", TaskKind.BEFORE_KICKOFF)
    return Plan((around, *(PlannedTask(name, **more) for name in names)))  # type: ignore[arg-type]  # fields


def flow(*names: str) -> Plan:
    steps = tuple(PlannedStep(name) for name in names)
    return Plan((PlannedTask("Article", TaskKind.FLOW),), steps=steps)


def deployed(renamed: Mapping[str, str], **more: object) -> Deployment:
    return Deployment("crew", "functions", "no:where", renamed=renamed, **more)  # type: ignore[arg-type]  # fields


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outer", "outer"),
        ("outer#1", "whole#1"),
        ("outer#12/flow:Inner#1/inner#1", "whole#12/flow:Inner#1/inner#1"),
        ("outer#1~2/task:write", "outer#1~2/task:write"),
        ("outer~2", "whole~2"),
        ("outermost#1", "outermost#1"),
        ("team#1/outer#1", "team#1/outer#1"),
        ("", ""),
    ],
)
def test_of_a_flow_the_method_at_the_top_is_renamed(before: str, after: str) -> None:
    assert FLOW.path(before) == after


@pytest.mark.parametrize("path", ["write#1", "write/more", "writer", ""])
def test_of_a_crew_only_the_whole_name_is_one(path: str) -> None:
    assert CREW.path("write") == "draft"
    assert CREW.path(path) == path


def test_what_stands_below_a_method_keeps_its_name() -> None:
    assert FLOW.name("inner#1", "inner") == "other"
    assert FLOW.name("outer#1/flow:Inner#1/inner#1", "inner") == "inner"
    assert FLOW.name("outer#1", "Article") == "Article"


def test_none_takes_the_place_of_one_that_has_yet_to_move() -> None:
    renames = Renames({"a": "b", "b": "c", "c": "d"})
    assert renames.moves(["a", "c", "x", "b"]) == (("c", "d"), ("b", "c"), ("a", "b"))


@pytest.mark.parametrize(("scope", "after"), [(("write", "x"), ("draft", "x")), (RETRY, RETRY)])
def test_a_review_is_renamed_with_those_who_read_its_words(scope: Scope, after: Scope) -> None:
    review = Review(
        *("r-1", "e-1", "crew", "run-1", "write", "write"),
        *(1, ReviewState.PENDING, 1, "o-1", "sha256:0", NOW),
        question=judge("write", "write"),
        scope=scope,
    )
    renamed = review.rename(CREW)
    assert (renamed.path, renamed.task_name, renamed.scope) == ("draft", "draft", after)
    assert renamed.question == judge("draft", "draft")
    assert (renamed.id, renamed.state, renamed.version) == ("r-1", ReviewState.PENDING, 1)


@pytest.mark.parametrize("renames", [CREW, FLOW])
def test_renames_are_read_as_they_were_written(renames: Renames) -> None:
    assert Renames.from_json(renames.to_json()) == renames


def test_what_is_no_renames_is_not_read_as_some() -> None:
    with pytest.raises(TypeError, match="'write' are no names"):
        Renames.from_json({"renamed": "write", "flow": False})


def entry(number: int, cause: Cause, path: str, **more: object) -> Checkpoint:
    return Checkpoint(
        f"c-{number}",
        "e-1",
        number,
        "sha256:0",
        cause,
        path,
        NOW,
        name=path,
        **more,  # type: ignore[arg-type]  # fields
    )


def test_each_migration_renames_what_came_before_it() -> None:
    written = [
        entry(1, Cause.COMMIT, "write"),
        entry(2, Cause.MIGRATE, "", change=CREW.to_json()),
        entry(3, Cause.COMMIT, "write"),
        entry(4, Cause.MIGRATE, "", change=Renames({"draft": "text"}).to_json()),
    ]
    read = named_as_now(written)
    assert [(each.path, each.name) for each in read] == [
        *[("text", "text"), ("", ""), ("write", "write"), ("", "")]
    ]
    assert migrations(read) == (CREW, Renames({"draft": "text"}))


FITS = [
    (crew("write"), crew("draft"), {"write": "draft"}),
    (crew("a", "b"), crew("b", "c"), {"a": "b", "b": "c"}),
    (crew("write"), crew("text"), {"write": "draft", "draft": "text"}),
    (crew("draft"), crew("text"), {"write": "draft", "draft": "text"}),
    (crew("write", "print"), crew("draft", "print"), {"write": "draft"}),
    (flow("a", "b"), flow("a", "z"), {"b": "z"}),
]
"""Plans and what was renamed: also of executions that began with a plan between the two."""


@pytest.mark.parametrize(("begun", "loaded", "renamed"), FITS)
def test_what_was_renamed_leads_from_plan_to_plan(
    begun: Plan, loaded: Plan, renamed: dict[str, str]
) -> None:
    deployment = deployed(renamed)
    assert deployment.misfits(begun, loaded) == ()
    renames = deployment.renames(begun, loaded)
    assert renames is not None
    assert renames.plan(begun).shape == loaded.shape
    assert not deployed({}).goes_on(begun, loaded)
    assert deployed({}).renames(begun, loaded) is None


MISFITS = [
    (crew("write"), crew("draft"), {"wrote": "draft"}, "'wrote' is no task of the old plan"),
    (crew("write"), crew("draft"), {"wrote": "draft"}, "nothing says what became of 'write'"),
    (
        *(crew("write"), crew("draft"), {"write": "drafft"}),
        "'drafft', which 'write' is to become, is no task of the new plan",
    ),
    (crew("a", "b"), crew("c"), {"a": "c", "b": "c"}, "'a' and 'b' would both be 'c'"),
    (crew("a", "c"), crew("c", "c2"), {"a": "c"}, "'a' and 'c' would both be 'c'"),
    (crew("a"), crew("z", "new"), {"a": "z"}, "'new' is new"),
    (crew("a", "gone"), crew("z"), {"a": "z"}, "nothing says what became of 'gone'"),
    (crew("a", "b"), crew("b", "z"), {"a": "z"}, "the tasks stand in another order"),
    (crew("a"), Plan((PlannedTask("z"),)), {"a": "z"}, "something else than tasks differs"),
    (crew("a"), flow("z"), {"a": "z"}, "one of them is a crew, the other a flow"),
    (flow("a", "b"), flow("z", "b"), {"x": "z"}, "'x' is no method of the old plan"),
    (crew("a"), crew("z"), {"a": "z", "prepare": "z"}, "'prepare' is no task of the old plan"),
]


@pytest.mark.parametrize(("begun", "loaded", "renamed", "said"), MISFITS)
def test_what_does_not_fit_is_said(
    begun: Plan, loaded: Plan, renamed: dict[str, str], said: str
) -> None:
    assert said in deployed(renamed).misfits(begun, loaded)
    assert deployed(renamed).renames(begun, loaded) is None


def test_under_refuse_nothing_but_names_may_differ() -> None:
    strict = deployed({"write": "draft"}, on_code_change=OnCodeChange.REFUSE)
    begun, loaded = crew("write", description="Write"), crew("draft", description="Write")
    assert strict.renames(begun, loaded) == CREW
    other = replace(loaded, tasks=(*loaded.tasks[:-1], PlannedTask("draft", description="No")))
    assert strict.renames(begun, other) is None
    assert deployed({"write": "draft"}).renames(begun, other) == CREW
    (said,) = strict.misfits(begun, other)
    assert said.startswith('on_code_change = "refuse"')


def test_contexts_are_renamed_with_the_tasks_that_they_name() -> None:
    seeing = Plan((PlannedTask("write"), PlannedTask("print", context=("write",))))
    assert CREW.plan(seeing).tasks[1].context == ("draft",)


@pytest.mark.parametrize(
    ("renamed", "circle"),
    [
        ({"a": "a"}, ("a", "a")),
        ({"x": "a", "a": "b", "b": "a"}, ("a", "b", "a")),
        ({"a": "b", "b": "c", "d": "c"}, ()),
    ],
)
def test_a_circle_of_names_is_found(renamed: dict[str, str], circle: tuple[str, ...]) -> None:
    assert circle_in(renamed) == circle
