from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import Invalid

if TYPE_CHECKING:
    from conftest import Command

Work = Callable[[], None]


@pytest.fixture
def halted(command: Command, work: Work) -> str:
    """An execution that waits for a person."""
    execution_id = command("kickoff", "article", "-i", "topic=bees")
    work()
    return execution_id


@pytest.fixture
def failed(command: Command, work: Work) -> str:
    execution_id = command("kickoff", "article", "-i", "topic=bees", "-i", "fail=yes")
    work()
    return execution_id


def pending(command: Command) -> dict[str, Any]:
    (review,) = command.json("reviews", "list")
    return dict(review)


def test_kickoff_prints_the_id_alone(command: Command) -> None:
    execution_id = command("kickoff", "article", "-i", "topic=bees")
    assert command.json("status", execution_id)["status"] == "running"


@pytest.mark.parametrize("inputs", ["{topic", '{"topic": NaN}', "[" * 100_000, "[]"])
def test_inputs_that_are_no_json_object_are_refused(command: Command, inputs: str) -> None:
    refused = command.run("kickoff", "article", "--inputs", inputs).exception
    assert isinstance(refused, Invalid)
    assert refused.message.startswith("--inputs")


def test_executions_are_listed(command: Command, halted: str) -> None:
    (line,) = command("executions", "list").splitlines()[1:]
    assert [halted in line, "PENDING_HUMAN_INPUT" in line] == [True, True]


def test_an_execution_is_drawn_into_a_file(command: Command, halted: str, tmp_path: Path) -> None:
    out = tmp_path / "drawn.svg"
    assert command("executions", "graph", halted, "--out", str(out)) == f"Wrote {out}."
    assert out.read_text(encoding="utf-8").startswith("<svg ")
    assert command("executions", "graph", halted) == out.read_text(encoding="utf-8")
    refused = command.run("executions", "graph", halted, "--out", str(tmp_path / "none" / "a.svg"))
    assert isinstance(refused.exception, Invalid)


@pytest.mark.parametrize(("state", "count"), [("PENDING_HUMAN_INPUT", 1), ("FAILED", 0)])
def test_executions_are_listed_by_state(
    command: Command, halted: str, state: str, count: int
) -> None:
    assert len(command.json("executions", "list", "--state", state)) == count


def test_the_timeline_tells_who_did_what(command: Command, halted: str) -> None:
    lines = command("timeline", halted).splitlines()
    assert any("execution.create" in line and "cli:" in line for line in lines)


def test_the_timeline_tells_why_a_task_failed(command: Command, failed: str) -> None:
    assert "RuntimeError: no ink" in command("timeline", failed)


def test_reviews_are_listed(command: Command, halted: str) -> None:
    assert pending(command)["execution_id"] == halted


def test_a_review_shows_the_text_that_is_judged(command: Command, halted: str) -> None:
    assert "About bees, draft 1" in command("reviews", "show", pending(command)["review_id"])


def test_a_review_is_answered(command: Command, halted: str) -> None:
    review = pending(command)["review_id"]
    command("reviews", "answer", review, "--approve", "-f", "fine")
    assert command.json("reviews", "show", review)["feedback"] == "fine"
    assert command.json("status", halted)["status"] == "completed"


def test_the_words_of_an_answer_are_taken_back(command: Command, halted: str) -> None:
    review = pending(command)["review_id"]
    command("reviews", "answer", review, "--reject", "-f", "shorter", "--scope", "retry")
    assert command.json("reviews", "show", review)["feedback_scope"] == "retry"
    assert "Taken back." in command("reviews", "take-back", review)
    shown = command.json("reviews", "show", review)
    assert ("feedback" in shown, shown["approved"]) == (False, False)


def test_words_are_for_the_tasks_that_are_named(command: Command, halted: str) -> None:
    review = pending(command)["review_id"]
    command("reviews", "answer", review, "--approve", "-f", "in red", "--for", "write")
    assert command.json("reviews", "show", review)["feedback_scope"] == ["write"]


def test_a_scope_is_said_in_one_way(command: Command, halted: str) -> None:
    review = pending(command)["review_id"]
    both = ("--scope", "retry", "--for", "write")
    refused = command.run("resume", halted, "--reject", "-f", "x", *both)
    assert isinstance(refused.exception, Invalid)
    assert pending(command)["review_id"] == review


def test_a_review_is_answered_with_an_own_text(
    command: Command, halted: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.md").write_text("Mine")
    review = pending(command)["review_id"]
    command("reviews", "answer", review, "--edited-output", str(tmp_path / "mine.md"))
    assert command.json("status", halted)["result"] == "Mine"


def test_the_only_review_of_an_execution_needs_no_name(command: Command, halted: str) -> None:
    told = command.json("resume", halted, "--reject", "-f", "shorter")
    assert told["status"] == "retrying"


def test_a_failed_execution_is_retried(command: Command, failed: str) -> None:
    assert command.json("retry", failed)["state"] == "RUNNING"


def test_an_execution_is_stopped(command: Command, halted: str) -> None:
    assert command("stop", halted) == "Stopped."
    assert command.json("reviews", "list") == []


def test_watching_ends_with_the_execution(command: Command, failed: str) -> None:
    shown = command("watch", failed, status=1)
    assert "task_run.fail write (round 1)" in shown
    assert "0/1" in shown


def test_watching_until_somebody_is_asked(command: Command, halted: str) -> None:
    lines = command("watch", halted, "--until-halt", "--json").splitlines()
    assert '"event": "execution.halt"' in lines[-1]


def test_a_text_that_is_sent_in_pieces_is_shown_whole(command: Command, work: Work) -> None:
    topic = "owl " * 100_000
    execution_id = command("kickoff", "article", "-i", f"topic={topic}")
    work()
    review = pending(command)["review_id"]
    assert topic.strip() in command("reviews", "show", review)
    assert command.json("status", execution_id)["pending"][0]["review_id"] == review


@pytest.mark.parametrize(
    "arguments", [("status", ""), ("stop", "."), ("timeline", ".."), ("reviews", "show", "")]
)
def test_an_id_that_is_none_leads_nowhere(command: Command, arguments: tuple[str, ...]) -> None:
    refused = command.run(*arguments)
    assert isinstance(refused.exception, Invalid)
    assert "is no id" in str(refused.exception)


def test_an_execution_goes_back_to_a_checkpoint(command: Command, halted: str, work: Work) -> None:
    listed = command.json("checkpoints", halted)
    first = pending(command)["review_id"]

    said = command("rewind", halted, "0")
    work()

    assert [each["cause"] for each in listed][-1] == "ask"
    assert said.startswith("It goes on from checkpoint 0")
    assert pending(command)["review_id"] != first
    assert not all(each["stands"] for each in command.json("checkpoints", halted))


def test_an_execution_is_forked_with_other_inputs(
    command: Command, halted: str, work: Work
) -> None:
    forked = command("fork", halted, "0", "-i", "topic=wasps")
    work()

    reviews = command.json("reviews", "list")
    assert {each["execution_id"] for each in reviews} == {halted, forked}
    assert "wasps" in next(e["task_output"] for e in reviews if e["execution_id"] == forked)


def test_a_text_of_ones_own_that_is_none_forks_nothing(
    command: Command, halted: str, tmp_path: Path
) -> None:
    file = tmp_path / "written elsewhere.txt"
    file.write_bytes("Bücher".encode("latin-1"))
    refused = command.run("fork", halted, "0", "--edited-output", str(file)).exception
    assert isinstance(refused, Invalid)
    assert refused.message.startswith("--edited-output")


def test_figures_of_reviews_are_shown(command: Command, halted: str, work: Work) -> None:
    command("reviews", "answer", pending(command)["review_id"], "--approve")
    (line,) = command("reviews", "analytics").splitlines()[1:]
    assert line.split()[:1] == ["article"]
    assert command.json("reviews", "analytics")["outcomes"][0]["outcome"] == "approved"
    assert command.json("reviews", "analytics", "--until", "2020-01-01")["outcomes"] == []
