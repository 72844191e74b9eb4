from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.feedback import RETRY
from orchestrator.domain.history import Answered, Committed, Cut
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask, TaskKind
from orchestrator.domain.renaming import Renames
from orchestrator.domain.work import Work, own_round, still_told, words_on_other

PLAN = Plan((PlannedTask("research"), PlannedTask("write"), PlannedTask("print")))


def work(path: str, *answers: Answered) -> Work:
    return Work("k-1", "newsroom", PLAN, path, 2, {}, answers)


def said_of(path: str, round_number: int, words: str, *, approved: bool = False) -> Answered:
    output = Output(f"answer {round_number}")
    return Answered(path, "r-1", words, approved, name=path, round=round_number, output=output)


def test_nobody_said_anything() -> None:
    assert work("write").added_context() == ()


def test_an_approval_with_words_reaches_every_later_task() -> None:
    said = said_of("research", 1, "Mind the tides", approved=True)

    expected = ("Human feedback on the task 'research' (round 1, approved):\nMind the tides",)
    assert work("write", said).added_context() == work("print", said).added_context() == expected


@pytest.mark.parametrize(
    ("approved", "verdict"), [(True, ", approved"), (False, ", changes requested"), (None, "")]
)
def test_words_on_another_task_come_with_their_verdict(
    *, approved: bool | None, verdict: str
) -> None:
    said = replace(said_of("research", 2, "Mind the tides"), approved=approved)

    expected = f"Human feedback on the task 'research' (round 2{verdict}):\nMind the tides"
    assert words_on_other(said) == expected


def test_an_approval_without_words_adds_nothing() -> None:
    assert work("write", said_of("research", 1, " \n", approved=True)).added_context() == ()


def test_a_retry_gets_its_own_answer_and_what_was_said_of_it() -> None:
    (paragraph,) = work("write", said_of("write", 1, "Shorter")).added_context()

    assert paragraph == (
        "Your previous answer (round 1):\nanswer 1\n\n"
        "Human feedback on it (changes requested):\nShorter\n\n"
        "Answer again, and take this feedback into account."
    )


def test_a_retry_is_told_the_words_also_where_its_answer_is_gone() -> None:
    assert own_round(replace(said_of("write", 1, "Shorter"), output=None)) == (
        "Your previous answer (round 1):\n\n\n"
        "Human feedback on it (changes requested):\nShorter\n\n"
        "Answer again, and take this feedback into account."
    )


def test_words_that_were_meant_for_one_retry_are_told_to_that_one_alone() -> None:
    first, second, third, fourth = (
        replace(said_of("write", number, "Shorter"), scope=scope)
        for number, scope in enumerate((RETRY, None, RETRY, RETRY), start=1)
    )

    assert still_told([first]) == (first,)
    assert still_told([first, second]) == (second,)
    assert still_told([first, second, third]) == (second, third)
    assert still_told([first, second, third, fourth]) == (second, fourth)


def test_the_words_of_every_round_are_kept_in_order_others_first() -> None:
    said = (
        said_of("research", 1, "wrong sea"),
        said_of("write", 1, "Shorter"),
        said_of("research", 2, "fine", approved=True),
        said_of("write", 2, "Still too long"),
    )

    context = work("write", *said).added_context()

    assert [paragraph.splitlines()[-1] for paragraph in context[:2]] == ["wrong sea", "fine"]
    assert ["Shorter" in context[2], "Still too long" in context[3]] == [True, True]
    assert len(context) == 4


def test_earlier_outputs_reach_only_the_tasks_own_retry() -> None:
    assert not any(
        "answer 1" in each for each in work("print", said_of("write", 1, "no")).added_context()
    )


def test_the_idempotency_key_is_that_of_execution_task_and_round() -> None:
    assert work("write").idempotency_key == "k-1:write:2"


def test_the_idempotency_key_has_the_name_with_which_the_execution_began() -> None:
    renamed = (Renames({"draft": "text"}), Renames({"text": "write", "note": "text"}))
    assert replace(work("write"), migrations=renamed).idempotency_key == "k-1:draft:2"


def test_outputs_are_of_what_is_committed() -> None:
    history = (Committed("research", Output("tides")), Cut("write"), said_of("print", 1, "no"))
    assert replace(work("write"), history=history).outputs == {"research": Output("tides")}


def test_words_for_an_earlier_retry_are_not_read_again() -> None:
    first, second = (replace(said_of("write", each, "Shorter"), scope=RETRY) for each in (1, 2))
    assert work("write", first, second).read == (second,)


def test_words_that_a_run_was_given_or_that_are_none_are_not_read_first() -> None:
    new = said_of("research", 1, "Mind the tides")
    known, wordless = replace(new, was_read=True), said_of("write", 1, " \n")
    assert work("write", known, new, wordless).reads_first == (new,)


@pytest.mark.parametrize(
    ("kind", "read"),
    [(TaskKind.FLOW, 2), (TaskKind.TASK, 1), (TaskKind.BEFORE_KICKOFF, 0)],
)
def test_a_flow_reads_all_words_a_task_those_for_it_and_a_hook_none(
    kind: TaskKind, read: int
) -> None:
    said = said_of("research", 1, "Mind the tides")
    plan = Plan((PlannedTask("write", kind),))
    chain = replace(work("write", replace(said, scope=("print",)), said), plan=plan)
    assert len(chain.reads_first) == read
