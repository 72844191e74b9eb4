"""Which tasks a person's words on an output may reach, and what they add to these."""

from __future__ import annotations

import pytest

from orchestrator.domain.feedback import Scope
from orchestrator.domain.history import Answered
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedStep, PlannedTask, TaskKind
from orchestrator.domain.reach import Reach, Reader, reach
from orchestrator.domain.work import own_round, words_on_other

CREW = Plan(
    (
        PlannedTask("prepare", TaskKind.BEFORE_KICKOFF),
        PlannedTask("research"),
        PlannedTask("quote", context=()),
        PlannedTask("write", context=("research",)),
        PlannedTask("print"),
        PlannedTask("tidy", TaskKind.AFTER_KICKOFF),
    )
)
FLOW = Plan(
    (PlannedTask("Flow", TaskKind.FLOW),),
    steps=(PlannedStep("draft"), PlannedStep("check"), PlannedStep("send")),
)


def said(words: str, scope: Scope = None) -> Answered:
    return Answered("write", "r-1", words, name="write", output=Output("a draft"), scope=scope)


@pytest.mark.parametrize(
    ("committed", "path", "back_to", "expected"),
    [
        ((), "research", None, Reach("research", ("quote", "write", "print"))),
        (("prepare", "research", "quote"), "write", None, Reach("write", ("print",))),
        (("research", "quote", "write"), "print", None, Reach("print", ())),
        (
            ("research", "quote", "write"),
            "print",
            "research",
            Reach("research", ("write", "print")),
        ),
        (("research", "quote", "write"), "print", "write", Reach("write", ("print",))),
    ],
)
def test_words_reach_the_tasks_of_a_crew_that_are_still_to_run(
    committed: tuple[str, ...], path: str, back_to: str | None, expected: Reach
) -> None:
    assert reach(CREW, committed, path, back_to) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("check", Reach("check", ("draft", "send"))),
        ("check#2", Reach("check", ("draft", "send"))),
        ("team#1/task:check", Reach("check", None)),
        ("elsewhere", Reach("elsewhere", None)),
    ],
)
def test_words_reach_every_other_step_that_the_flow_declares(path: str, expected: Reach) -> None:
    assert reach(FLOW, ("draft", "check"), path) == expected


def test_a_scope_may_name_the_judged_task_and_those_after_it() -> None:
    assert Reach("write", ("print", "send")).names == ("write", "print", "send")
    assert Reach("write", ()).names == ("write",)
    assert Reach("write", None).names == ()


def test_a_reader_gets_the_paragraph_and_what_parts_it_from_the_others() -> None:
    answer = said("Shorter, please")
    told = Reader("print", len(words_on_other(answer)) + 14)
    again = Reader("write", len(own_round(answer)) + 14, is_retry=True)
    found = Reach("write", ("print",))

    assert found.readers(answer, retried=True) == (again, told)
    assert found.readers(answer, retried=False) == (told,)


@pytest.mark.parametrize(
    ("answer", "others", "names"),
    [
        (said("Shorter"), ("print", "send"), ["print", "send"]),
        (said("Shorter", ("send",)), ("print", "send"), ["send"]),
        (said("Shorter", ()), ("print", "send"), []),
        (said(" "), ("print", "send"), []),
        (said("Shorter"), None, []),
    ],
)
def test_only_whom_the_words_are_for_reads_them(
    answer: Answered, others: tuple[str, ...] | None, names: list[str]
) -> None:
    readers = Reach("write", others).readers(answer, retried=False)
    assert [each.name for each in readers] == names


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_a_token_is_four_characters_or_begins_them(characters: int, tokens: int) -> None:
    assert Reader("write", characters).tokens == tokens
