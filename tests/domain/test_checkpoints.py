from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.checkpoint import (
    Cause,
    Checkpoint,
    as_of,
    call_of,
    inside,
    moment_of,
    name_of,
    standing,
    uncounted,
)

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
COMMIT, ASK, ANSWER, REWIND = Cause.COMMIT, Cause.ASK, Cause.ANSWER, Cause.REWIND


def entry(number: int, cause: Cause = COMMIT, path: str = "write", **more: Any) -> Checkpoint:
    return Checkpoint(f"c-{number}", "k-1", number, "sha256:0", cause, path, AT, **more)


def rewind(number: int, *supersedes: int) -> Checkpoint:
    return entry(number, REWIND, change={"supersedes": list(supersedes)})


def numbers(checkpoints: tuple[Checkpoint, ...]) -> list[int]:
    return [each.number for each in checkpoints]


@pytest.mark.parametrize(
    ("path", "name", "plain", "call"),
    [
        ("write", "write", "write", 1),
        ("write#2", "write", "write", 2),
        ("team#1/task:write", "write", "team#1/task:write", 1),
        ("team#1/write#4", "write", "team#1/write", 4),
        ("team#1/task:write~12", "write", "team#1/task:write", 12),
        ("#3", "#3", "", 3),
    ],
)
def test_a_path_names_a_step_and_counts_its_calls(
    path: str, name: str, plain: str, call: int
) -> None:
    assert (name_of(path), uncounted(path), call_of(path)) == (name, plain, call)


def test_what_was_rewound_stands_no_more_and_neither_does_the_rewind() -> None:
    history = [entry(1), entry(2), entry(3), rewind(4, 2, 3), entry(5)]
    assert numbers(standing(history)) == [1, 5]
    assert numbers(standing([*history, rewind(6, 5, 2)])) == [1]
    assert numbers(standing(history[:3])) == [1, 2, 3]


def test_a_change_that_takes_nothing_back_stands_not_itself() -> None:
    renamed = entry(2, Cause.MIGRATE, change={"renamed": {}})
    assert numbers(standing([entry(1), renamed])) == [1]
    assert standing([renamed]) == ()


@pytest.mark.parametrize(("number", "stood"), [(1, [1]), (3, [1, 2, 3]), (4, [1])])
def test_what_stood_then_is_told_by_what_had_happened(number: int, stood: list[int]) -> None:
    history = [entry(1), entry(2), entry(3), rewind(4, 2, 3), entry(5)]
    assert numbers(as_of(history, number)) == stood


def test_inside_a_step_is_what_stands_below_it() -> None:
    history = [entry(1, path="team#1/task:a"), entry(2, path="team#1"), entry(3, path="team#12/b")]
    assert numbers(inside(history, "team#1")) == [1]


@pytest.mark.parametrize(
    ("history", "number", "moment"),
    [
        ([entry(1, ANSWER), entry(2)], 1, 2),
        ([entry(1, ANSWER), entry(2)], 2, 2),
        ([entry(1, ASK), entry(2)], 1, 1),
        ([entry(1, ANSWER), entry(2, ASK)], 1, 1),
        ([entry(1, ANSWER), entry(2, path="other")], 1, 1),
        ([entry(1, ANSWER), entry(3)], 1, 1),
        ([entry(2)], 1, 1),
        ([entry(1, ANSWER)], 1, 1),
    ],
)
def test_an_approval_and_its_commit_are_one_moment(
    history: list[Checkpoint], number: int, moment: int
) -> None:
    assert moment_of(history, number) == moment
