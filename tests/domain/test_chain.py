from __future__ import annotations

from orchestrator.domain.chain import Chain, Remark
from orchestrator.domain.output import Output
from orchestrator.domain.plan import Plan, PlannedTask

PLAN = Plan((PlannedTask("research"), PlannedTask("write"), PlannedTask("print")))


def chain(task_index: int, *remarks: Remark) -> Chain:
    return Chain("k-1", "newsroom", PLAN, task_index, 2, {}, {}, remarks)


def remark(task_index: int, round_number: int, words: str, *, approved: bool = False) -> Remark:
    name = PLAN.tasks[task_index].name
    return Remark(task_index, name, round_number, approved, words, Output(f"answer {round_number}"))


def test_nobody_said_anything() -> None:
    assert chain(1).added_context() == ()


def test_an_approval_with_words_reaches_every_later_task() -> None:
    said = remark(0, 1, "Mind the tides", approved=True)

    expected = ("Human feedback on the task 'research' (round 1, approved):\nMind the tides",)
    assert chain(1, said).added_context() == chain(2, said).added_context() == expected


def test_an_approval_without_words_adds_nothing() -> None:
    assert chain(1, remark(0, 1, " \n", approved=True)).added_context() == ()


def test_a_retry_gets_its_own_answer_and_what_was_said_of_it() -> None:
    (paragraph,) = chain(1, remark(1, 1, "Shorter")).added_context()

    assert paragraph == (
        "Your previous answer (round 1):\nanswer 1\n\n"
        "Human feedback on it (changes requested):\nShorter\n\n"
        "Answer again, and take this feedback into account."
    )


def test_the_words_of_every_round_are_kept_in_order_others_first() -> None:
    said = (
        remark(0, 1, "wrong sea"),
        remark(1, 1, "Shorter"),
        remark(0, 2, "fine", approved=True),
        remark(1, 2, "Still too long"),
    )

    context = chain(1, *said).added_context()

    assert [paragraph.splitlines()[-1] for paragraph in context[:2]] == ["wrong sea", "fine"]
    assert ["Shorter" in context[2], "Still too long" in context[3]] == [True, True]
    assert len(context) == 4


def test_earlier_outputs_reach_only_the_tasks_own_retry() -> None:
    assert not any("answer 1" in each for each in chain(2, remark(1, 1, "no")).added_context())


def test_the_idempotency_key_is_that_of_execution_task_and_round() -> None:
    assert chain(1).idempotency_key == "k-1:write:2"
